import {
    DistributionPanel,
    nameOf,
    otherCode,
    PerformancePanel,
    usePartnerRows,
} from '../components/partners';
import type { Channel } from '../live/channel';
import { useChannel } from '../live/context';
import type { JobsState, MetricsState } from '../live/payloads';
import { navigate } from '../route';
import { Dashboard } from './dashboard';
import { NotFoundPage } from './not-found';

/** All partners, or one of them: the filter is applied by the hub, by another channel. */
export function StaffDashboard({ partner }: { partner?: string }) {
    const scope = partner ? `partner:${partner}` : 'platform';
    const platform = useChannel<MetricsState>('metrics:platform');
    const metrics = useChannel<MetricsState>(`metrics:${scope}`);
    const jobs = useChannel<JobsState>(`jobs:${scope}`);
    const name = partner && (platform.state.at('partners').at(partner).at('name').value ?? partner);
    if (metrics.phase.value === 'denied') return <NotFoundPage home={{ page: 'platform' }} />;
    return (
        <Dashboard
            title={name ?? 'All partners'}
            filter={<PartnerFilter platform={platform} {...(partner && { current: partner })} />}
            metrics={metrics}
            jobs={jobs}
            jobsTitle="Live jobs"
            platform={!partner}
        >
            {!partner && <Partners channel={platform} />}
        </Dashboard>
    );
}

function Partners({ channel }: { channel: Channel<MetricsState> }) {
    const rows = usePartnerRows(channel);
    return (
        <div class="split-row split-row-reverse">
            <DistributionPanel rows={rows} />
            <PerformancePanel rows={rows} />
        </div>
    );
}

function PartnerFilter(props: { platform: Channel<MetricsState>; current?: string }) {
    const partners = props.platform.state.at('partners');
    const known = partners.keys
        .filter((code) => code !== otherCode)
        .map((code) => ({ code, name: nameOf({ code, node: partners.at(code) }) }))
        .sort((a, b) => a.name.localeCompare(b.name));
    const { current } = props;
    if (current && !known.some((one) => one.code === current))
        known.push({ code: current, name: current });
    const choose = (code: string): void =>
        navigate(code ? { page: 'partner', code } : { page: 'platform' });
    return (
        <>
            <label class="select">
                <span class="visually-hidden">Partner</span>
                <select
                    value={current ?? ''}
                    onChange={(event) => choose(event.currentTarget.value)}
                >
                    <option value="">All partners</option>
                    {known.map((one) => (
                        <option key={one.code} value={one.code}>
                            {one.name}
                        </option>
                    ))}
                </select>
            </label>
            {partners.keys.includes(otherCode) && <CodeField choose={choose} />}
        </>
    );
}

/** The list names the largest partners; the others are reached by their code. */
function CodeField({ choose }: { choose: (code: string) => void }) {
    const submit = (event: SubmitEvent): void => {
        event.preventDefault();
        const form = event.currentTarget as HTMLFormElement;
        const code = new FormData(form).get('code');
        if (typeof code === 'string' && code) choose(code.trim().toUpperCase());
        form.reset();
    };
    return (
        <form class="field" onSubmit={submit}>
            <input
                name="code"
                aria-label="Code of another partner"
                placeholder="Other code"
                pattern="[A-Za-z0-9_\-]{1,32}"
                autocomplete="off"
                spellcheck={false}
            />
        </form>
    );
}
