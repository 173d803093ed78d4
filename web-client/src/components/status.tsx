import { useComputed } from '@preact/signals';
import type { LiveClient } from '../live/client';
import { tick } from '../live/clock';
import type { Phase } from '../live/status';
import { age, durationWords } from '../format/format';
import { Icon, type IconName } from './icon';
import { Live } from './live';

const icons: Record<Phase, IconName> = {
    connecting: 'dots',
    live: 'pulse',
    recovering: 'retry',
    stale: 'warn',
    denied: 'lock',
};

const words: Record<Phase, string> = {
    connecting: 'Connecting',
    live: 'Live',
    recovering: 'Recovering',
    stale: 'Stale',
    denied: 'Refused',
};

const announcements: Record<Phase, string> = {
    connecting: 'Connecting to the live feed.',
    live: 'The numbers are live.',
    recovering: 'Connection lost. Recovering what was missed.',
    stale: 'The numbers are out of date. Still trying to reconnect.',
    denied: 'The live feed was refused.',
};

/** "Live · 0.4 s": the phase and how old what is on screen is. The age is not announced, it would chatter. */
export function StatusPill({ live }: { live: LiveClient }) {
    const phase = live.phase.value;
    if (!live.watching.value) return null;
    const timed = phase !== 'connecting' && phase !== 'denied';
    return (
        <>
            <span
                class="status"
                data-phase={phase}
                title="How long ago the hub was last heard; everything it sent before that is on screen."
            >
                <Icon name={icons[phase]} />
                <span>{words[phase]}</span>
                {timed && (
                    <span class="status-age">
                        · <Live of={() => (tick.value, age(live.silentMs()))} />
                    </span>
                )}
            </span>
            <span class="visually-hidden" role="status" aria-live="polite">
                {announcements[phase]}
            </span>
        </>
    );
}

/** Says in words what the pill says in one, when it matters. */
export function StaleBanner({ live }: { live: LiveClient }) {
    const phase = useComputed(() => live.phase.value).value;
    if (phase !== 'stale' && phase !== 'denied') return null;
    return (
        <div class="banner" data-phase={phase}>
            <Icon name={icons[phase]} />
            {phase === 'stale' ? (
                <p>
                    <strong>
                        These numbers are{' '}
                        <Live of={() => (tick.value, durationWords(live.silentMs()))} /> old.
                    </strong>{' '}
                    The hub cannot be reached. The page reconnects by itself and catches up on what
                    it missed.
                </p>
            ) : (
                <p>
                    <strong>The live feed was refused.</strong> Your access may have changed; reload
                    the page to see what you may see now.
                </p>
            )}
            <button
                type="button"
                class="button"
                onClick={() => (phase === 'stale' ? live.retry() : location.reload())}
            >
                {phase === 'stale' ? 'Try now' : 'Reload'}
            </button>
        </div>
    );
}
