import { useComputed } from '@preact/signals';
import type { Channel, Degraded } from '../live/channel';
import type { LiveClient } from '../live/client';
import { localTime, serverNow, tick } from '../live/clock';
import type { Phase } from '../live/status';
import { age, count, durationWords, elapsed, exactTime } from '../format/format';
import { Icon, type IconName } from './icon';
import { Live } from './live';
import { closeMenu } from './menu';

const icons: Record<Phase, IconName> = {
    connecting: 'dots',
    live: 'pulse',
    degraded: 'clock',
    recovering: 'retry',
    stale: 'warn',
    denied: 'lock',
};

const words: Record<Phase, string> = {
    connecting: 'Connecting',
    live: 'Live',
    degraded: 'Degraded',
    recovering: 'Recovering',
    stale: 'Stale',
    denied: 'Refused',
};

const announcements: Record<Phase, string> = {
    connecting: 'Connecting to the live feed.',
    live: 'The numbers are live.',
    degraded: 'The service is degraded.',
    recovering: 'Connection lost. Recovering what was missed.',
    stale: 'The numbers are out of date. Still trying to reconnect.',
    denied: 'The live feed was refused.',
};

/** What is away, and what that means for who looks at the numbers. */
function whatIsAway(degraded: Degraded): string {
    return degraded.postgres === undefined ? 'updates up to a second late' : 'database away';
}

function degradedSince(degraded: Degraded): number {
    return localTime(degraded.postgres ?? degraded.redis ?? serverNow());
}

/** What follows the phase's word: how old, or since when. Read at each tick. */
function detailOf(live: LiveClient, phase: Phase): string {
    tick.value;
    const degraded = live.degraded.value;
    const checked = live.checked.value;
    if (phase === 'degraded' && degraded) return ` since ${exactTime(degradedSince(degraded))}`;
    if (phase === 'stale' || phase === 'recovering') return ` since ${exactTime(live.heardAt())}`;
    if (phase !== 'live') return '';
    return checked === undefined
        ? `, heard ${age(live.silentMs())} ago`
        : `, checked ${elapsed(serverNow() - checked)} ago`;
}

/** The age is not announced, it would chatter; the phase is. */
export function StatusPill({ live }: { live: LiveClient }) {
    const phase = live.phase.value;
    const degraded = live.degraded.value;
    if (!live.watching.value) return null;
    return (
        <>
            <details class="health" onKeyDown={closeMenu} onFocusOut={closeMenu}>
                <summary class="status" data-phase={phase} title="How live this page is">
                    <Icon name={icons[phase]} />
                    <span>
                        {words[phase]}
                        <span class="status-age">
                            <Live of={() => detailOf(live, phase)} />
                        </span>
                    </span>
                </summary>
                <HealthDetails live={live} />
            </details>
            <span class="visually-hidden" role="status" aria-live="polite">
                {announcements[phase]}
                {phase === 'degraded' && degraded && ` Reason: ${whatIsAway(degraded)}.`}
            </span>
        </>
    );
}

/** The evidence behind the word, for who has to judge or report it. */
function HealthDetails({ live }: { live: LiveClient }) {
    return (
        <div class="health-body">
            <dl class="health-facts">
                {live.channels.value.map((channel) => (
                    <ChannelHealth key={channel.name} channel={channel} />
                ))}
                <div class="health-channel">
                    <dt>Connection</dt>
                    <dd>
                        Last message{' '}
                        <Live of={() => (tick.value, `${age(live.silentMs())} ago`)} />
                    </dd>
                    <dd>
                        Reconnects <Live of={() => count(live.reconnects.value)} />
                    </dd>
                </div>
            </dl>
        </div>
    );
}

function ChannelHealth({ channel }: { channel: Channel<unknown> }) {
    const checked = (): string => {
        const at = channel.checked.value;
        return at === undefined ? 'not yet' : exactTime(localTime(at));
    };
    return (
        <div class="health-channel" data-channel={channel.name}>
            <dt>{channel.name}</dt>
            <dd>
                Position <Live of={() => (tick.value, count(channel.position))} />
            </dd>
            <dd>
                Checked <Live of={checked} />
            </dd>
            <dd>
                Mismatches healed <Live of={() => count(channel.mismatches.value)} />
            </dd>
        </div>
    );
}

/** Says in words what the pill says in one, when it matters. */
export function StaleBanner({ live }: { live: LiveClient }) {
    const phase = useComputed(() => live.phase.value).value;
    const degraded = live.degraded.value;
    if (phase === 'degraded' && degraded) return <DegradedBanner degraded={degraded} />;
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

function DegradedBanner({ degraded }: { degraded: Degraded }) {
    return (
        <div class="banner" data-phase="degraded">
            <Icon name={icons.degraded} />
            <p>
                <strong>
                    Degraded since {exactTime(degradedSince(degraded))}: {whatIsAway(degraded)}.
                </strong>{' '}
                {degraded.postgres === undefined
                    ? 'Nothing is lost; the page gets everything from the database instead.'
                    : 'What is shown is what was known then. It goes on by itself when the database is back.'}
            </p>
        </div>
    );
}
