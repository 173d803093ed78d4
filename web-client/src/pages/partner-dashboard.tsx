import { useChannel } from '../live/context';
import type { JobsState, MetricsState } from '../live/payloads';
import { navigate } from '../route';
import type { Membership } from '../session/principal';
import { session } from '../session/session';
import { Dashboard } from './dashboard';
import { NotFoundPage } from './not-found';

export function PartnerDashboard({ membership }: { membership: Membership }) {
    const { code, name } = membership;
    const metrics = useChannel<MetricsState>(`metrics:partner:${code}`);
    const jobs = useChannel<JobsState>(`jobs:partner:${code}`);
    if (metrics.phase.value === 'denied') return <NotFoundPage home={{ page: 'home' }} />;
    return (
        <Dashboard
            title={name}
            filter={<Workspaces current={code} />}
            metrics={metrics}
            jobs={jobs}
            jobsTitle="Recent generations"
            platform={false}
        />
    );
}

/** For people who work for several partners. */
function Workspaces({ current }: { current: string }) {
    const now = session.value;
    const all = now.phase === 'signed-in' ? (now.principal.partners) : [];
    if (all.length < 2) return null;
    return (
        <label class="select">
            <span class="visually-hidden">Workspace</span>
            <select
                value={current}
                onChange={(event) => navigate({ page: 'partner', code: event.currentTarget.value })}
            >
                {all.map((one) => (
                    <option key={one.code} value={one.code}>
                        {one.name}
                    </option>
                ))}
            </select>
        </label>
    );
}
