import { useComputed } from '@preact/signals';
import { count, duration, durationWords, elapsed } from '../format/format';
import type { Channel } from '../live/channel';
import { serverNow, tick } from '../live/clock';
import type { MetricsState } from '../live/payloads';
import { windowWords } from '../live/trend';
import { windowName } from '../route';
import { Icon } from './icon';
import { Live } from './live';

const parts = [
    { key: 'requested', label: 'Requested' },
    { key: 'queued', label: 'Queued' },
    { key: 'running', label: 'Running' },
] as const;

/** The state of this moment, and how long jobs waited in the window. */
export function QueuePanel({ channel }: { channel: Channel<MetricsState> }) {
    const now = channel.state.at('now');
    const stuck = useComputed(() => (now.at('stuck').value ?? 0) > 0).value;
    const window = () => channel.state.at('windows').at(windowName.value);
    const limit = (): string => durationWords(now.at('stuck_after_ms').value ?? 0);
    return (
        <section class="panel queue" aria-labelledby="queue-title">
            <header class="panel-head">
                <h2 id="queue-title">Queue</h2>
                <p class="panel-sub">right now</p>
            </header>
            <p class="queue-total" data-kpi="in-flight">
                <span class="card-value">
                    <Live of={() => count(now.at('in_flight').value)} />
                </span>{' '}
                in flight
            </p>
            <Split channel={channel} />
            <dl class="rows">
                {parts.map(({ key, label }) => (
                    <div key={key} data-kpi={`now-${key}`}>
                        <dt>
                            <i class="swatch" data-part={key} />
                            {label}
                        </dt>
                        <dd>
                            <Live of={() => count(now.at(key).value)} />
                        </dd>
                    </div>
                ))}
            </dl>
            <dl class="rows rows-strong">
                <div data-kpi="queue-wait">
                    <dt>
                        <span>
                            Wait, p95
                            <small>
                                <Live
                                    of={() => {
                                        const p50 = window().at('queue_p50_ms').value;
                                        const words = windowWords[windowName.value];
                                        return p50 === undefined
                                            ? `nothing started, ${words}`
                                            : `p50 ${duration(p50)}, ${words}`;
                                    }}
                                />
                            </small>
                        </span>
                    </dt>
                    <dd>
                        <Live of={() => duration(window().at('queue_p95_ms').value)} />
                    </dd>
                </div>
                <div data-kpi="oldest">
                    <dt>Oldest open</dt>
                    <dd>
                        <Live
                            of={() => {
                                tick.value;
                                const at = now.at('oldest_at').value;
                                return at === undefined ? 'none' : elapsed(serverNow() - at);
                            }}
                        />
                    </dd>
                </div>
                <div data-kpi="stuck" data-warn={stuck}>
                    <dt>
                        {stuck && <Icon name="warn" />}
                        Stuck, over <Live of={limit} />
                    </dt>
                    <dd>
                        <Live of={() => count(now.at('stuck').value)} />
                    </dd>
                </div>
            </dl>
        </section>
    );
}

/** The same three counts as lengths; the list below says them in numbers. */
function Split({ channel }: { channel: Channel<MetricsState> }) {
    const now = channel.state.at('now');
    const bars = useComputed(() => {
        const counts = parts.map(({ key }) => now.at(key).value ?? 0);
        const total = counts.reduce((sum, value) => sum + value, 0) || 1;
        let x = 0;
        return parts.map(({ key }, index) => {
            const width = ((counts[index] ?? 0) / total) * 100;
            const bar = { key, x, width };
            x += width;
            return bar;
        });
    }).value;
    return (
        <svg class="split" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">
            <rect class="split-track" x="0" y="0" width="100" height="8" />
            {bars.map((bar) => (
                <rect
                    key={bar.key}
                    data-part={bar.key}
                    x={bar.x}
                    y="0"
                    width={bar.width}
                    height="8"
                />
            ))}
        </svg>
    );
}
