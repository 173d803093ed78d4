import { Icon, type IconName } from './icon';

const looks: Record<string, { icon: IconName; tone: string }> = {
    active: { icon: 'check', tone: 'good' },
    done: { icon: 'check', tone: 'good' },
    created: { icon: 'check', tone: 'good' },
    updated: { icon: 'retry', tone: 'accent' },
    unchanged: { icon: 'dash', tone: 'muted' },
    suspended: { icon: 'pause', tone: 'warn' },
    churned: { icon: 'dash', tone: 'muted' },
    denied: { icon: 'lock', tone: 'bad' },
    error: { icon: 'warn', tone: 'bad' },
    erased: { icon: 'dash', tone: 'muted' },
};

/** A word of state with its sign. */
export function Badge({ state }: { state: string }) {
    const { icon, tone } = looks[state] ?? { icon: 'dots', tone: 'muted' };
    return (
        <span class="badge" data-tone={tone}>
            <Icon name={icon} />
            {state.charAt(0).toUpperCase() + state.slice(1)}
        </span>
    );
}
