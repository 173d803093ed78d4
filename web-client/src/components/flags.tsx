import { useSignal } from '@preact/signals';
import { flagTitle, type FlagItem, isSettingsNotice, reachOf } from '../admin/settings';
import { count } from '../format/format';
import { systemChannel } from '../live/client';
import { useLog } from '../live/context';
import { put } from '../session/http';
import { type Resource, useResource } from '../session/resource';
import { Failed } from './data-table';
import { attempt } from './toast';
import { When } from './when';

interface Answer {
    items: FlagItem[];
}

export function Flags() {
    const answer = useResource<Answer>('/v1/flags');
    useLog(systemChannel, {
        entry: (data) => {
            if (isSettingsNotice(data, 'flags')) void answer.reload();
        },
        missed: () => void answer.reload(),
    });
    const { value: shown } = answer.data;
    const { value: error } = answer.error;
    return (
        <section class="panel" aria-labelledby="flags-title" aria-busy={!shown}>
            <header class="panel-head">
                <h2 id="flags-title">Feature flags</h2>
                <p class="panel-sub">for partners' people, on their open pages at once; staff sees everything</p>
            </header>
            {error && <Failed error={error} retry={() => void answer.reload()} />}
            <ul class="flags">
                {shown?.items.map((flag) => (
                    <FlagRow key={flag.key} flag={flag} answer={answer} />
                ))}
            </ul>
        </section>
    );
}

type Change = { enabled: boolean } | { rollout_pct: number };

async function save(answer: Resource<Answer>, key: string, change: Change): Promise<boolean> {
    return attempt(async () => {
        const saved = await put<FlagItem>(`/v1/flags/${key}`, change);
        answer.set(
            (now) => now && { items: now.items.map((one) => (one.key === key ? saved : one)) },
        );
    }, `${flagTitle(key)} is saved.`);
}

function FlagRow({ flag, answer }: { flag: FlagItem; answer: Resource<Answer> }) {
    const { key, enabled, description } = flag;
    const title = flagTitle(key);
    return (
        <li class="flag" data-flag={key} data-enabled={enabled}>
            <div>
                <strong>{title}</strong>
                <p class="cell-sub">{description}</p>
                <p class="cell-sub">
                    <code>{key}</code>
                    {flag.updated_by && (
                        <>
                            , set by {flag.updated_by.name} <When at={flag.updated_at} />
                        </>
                    )}
                </p>
            </div>
            <label class="form-choice">
                <input
                    type="checkbox"
                    role="switch"
                    aria-label={title}
                    checked={enabled}
                    onChange={(event) => {
                        const box = event.currentTarget;
                        void save(answer, key, { enabled: box.checked }).then((saved) => {
                            if (!saved) box.checked = enabled;
                        });
                    }}
                />
                {enabled ? 'On' : 'Off'}
            </label>
            <Rollout flag={flag} save={(pct) => save(answer, key, { rollout_pct: pct })} />
        </li>
    );
}

/** Moves freely; what it would reach is said before it is applied. */
function Rollout(props: { flag: FlagItem; save: (pct: number) => Promise<boolean> }) {
    const { flag } = props;
    const wanted = useSignal<number | undefined>(undefined);
    const pct = wanted.value ?? flag.rollout_pct;
    const { partners, of } = reachOf(flag, pct);
    const apply = async (): Promise<void> => {
        if (await props.save(pct)) wanted.value = undefined;
    };
    return (
        <div class="rollout">
            <input
                type="range"
                min={0}
                max={100}
                value={pct}
                aria-label={`Rollout of ${flagTitle(flag.key)}`}
                aria-valuetext={`${pct} %, ${partners} of ${of} partners`}
                onInput={(event) => (wanted.value = event.currentTarget.valueAsNumber)}
            />
            <output>
                {pct} %: {count(partners)} of {count(of)} partners
            </output>
            {pct !== flag.rollout_pct && (
                <span class="row-buttons">
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => void apply()}
                    >
                        Apply
                    </button>
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => (wanted.value = undefined)}
                    >
                        Undo
                    </button>
                </span>
            )}
        </div>
    );
}
