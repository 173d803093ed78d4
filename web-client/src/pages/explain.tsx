/** Why somebody may or may not see a channel: each check with its answer, in the order it is made. */
import { useFilters } from '../admin/use-filters';
import { requestQuery } from '../admin/query';
import type { Explanation, UserDetail } from '../admin/shapes';
import { Failed } from '../components/data-table';
import { Field, Form } from '../components/form';
import { Icon } from '../components/icon';
import { PageFrame } from '../components/page';
import { hrefOf, replaceSearch } from '../route';
import { useResource } from '../session/resource';

const filterNames = { user: 'text', channel: 'text' } as const;

const kinds = ['metrics', 'jobs', 'keys', 'audit'];

/** Channels that the person may be asking about. */
function suggestions(user: UserDetail | undefined): string[] {
    const scopes = (user?.memberships ?? []).map(({ partner }) => `partner:${partner}`);
    const places = (scopes.length ? scopes : ['platform']).flatMap((scope) =>
        kinds
            .filter((kind) => kind !== 'keys' || scope !== 'platform')
            .map((kind) => `${kind}:${scope}`),
    );
    return [...places, 'system'];
}

export function ExplainPage() {
    const filters = useFilters(filterNames);
    const { user, channel } = filters.values.value;
    const person = useResource<UserDetail>(
        user ? `/v1/users/${encodeURIComponent(user)}` : undefined,
    );
    const answer = useResource<Explanation>(
        user && channel
            ? `/v1/admin/explain?${requestQuery(filterNames, filters.values.value)}`
            : undefined,
    );
    const { value: shown } = answer.data;
    const { value: error } = answer.error;
    return (
        <PageFrame title="Why can they not see it?" busy={answer.loading.value}>
            <section class="panel" aria-label="Question">
                <Form
                    key={`${user} ${channel}`}
                    class="form-row"
                    label="Explain"
                    submit={async (entries) => {
                        const asked = new URLSearchParams({
                            user: entries.text('user'),
                            channel: entries.text('channel'),
                        }).toString();
                        if (asked === new URLSearchParams({ user: user ?? '', channel: channel ?? '' }).toString())
                            await answer.reload();
                        else replaceSearch(asked);
                    }}
                >
                    <Field
                        name="user"
                        label="User id"
                        placeholder="usr_…"
                        defaultValue={user ?? ''}
                        maxLength={64}
                        autocomplete="off"
                    />
                    <Field
                        name="channel"
                        label="Channel"
                        placeholder="metrics:partner:INCEPT"
                        defaultValue={channel ?? ''}
                        maxLength={200}
                        autocomplete="off"
                        list="explain-channels"
                    />
                    <datalist id="explain-channels">
                        {suggestions(person.data.value).map((one) => (
                            <option key={one} value={one} />
                        ))}
                    </datalist>
                </Form>
            </section>
            {error && <Failed error={error} retry={() => void answer.reload()} />}
            {!user || !channel ? (
                <p class="empty">
                    Name a person and a channel to see each check that decides about it, and what to
                    do about the one that fails.
                </p>
            ) : (
                shown && <Answer answer={shown} user={user} name={person.data.value?.name} />
            )}
        </PageFrame>
    );
}

function Answer(props: { answer: Explanation; user: string; name: string | undefined }) {
    const { answer, user, name } = props;
    return (
        <section class="panel explanation" aria-labelledby="answer-title" data-allowed={answer.allowed}>
            <h2 id="answer-title" role="status">
                <Icon name={answer.allowed ? 'check' : 'lock'} />
                <span>
                    <a href={hrefOf({ page: 'user', id: user })}>{name ?? user}</a>{' '}
                    {!answer.allowed
                        ? 'may not see this channel.'
                        : answer.steps.every(({ ok }) => ok)
                          ? 'may see this channel.'
                          : 'may see this channel, but cannot now.'}
                </span>
            </h2>
            <ol class="steps">
                {answer.steps.map((step) => (
                    <li key={step.check} data-ok={step.ok}>
                        <Icon name={step.ok ? 'check' : 'cross'} />
                        <div>
                            <strong>{step.check}</strong>
                            <span class="visually-hidden">{step.ok ? ': passes' : ': fails'}</span>
                            {step.detail && <p>{step.detail}</p>}
                        </div>
                    </li>
                ))}
            </ol>
            {answer.fields && answer.fields.length > 0 && (
                <p class="panel-sub">Field classes on it: {answer.fields.join(', ')}</p>
            )}
        </section>
    );
}
