/** The trail of what was done: read page by page, with what happens now on top. */
import { type Signal, useSignal } from '@preact/signals';
import { useEffect, useMemo, useRef } from 'preact/hooks';
import { requestQuery } from '../admin/query';
import type { AuditActor, AuditItem, AuditVerdict } from '../admin/shapes';
import { actionName, isEntry, stillUnread, withNewest, withPart } from '../admin/trail';
import { type FilterState, useFilters } from '../admin/use-filters';
import { Badge } from '../components/badge';
import { ChangeTable } from '../components/change-table';
import { Failed } from '../components/data-table';
import { ChoiceFilter, FilterBar, TextFilter, TimeFilter } from '../components/filters';
import { Icon } from '../components/icon';
import { PageFrame } from '../components/page';
import { StaleBanner } from '../components/status';
import { count, exactTime, fullTime, moment } from '../format/format';
import { useLive, useLog } from '../live/context';
import { hrefOf } from '../route';
import { get, messageOf } from '../session/http';
import { isStaff, may, type Principal } from '../session/principal';
import { type List, type Page, useList, useParts } from '../session/resource';
import { NotFoundPage } from './not-found';

const filterNames = {
    actor: 'text',
    action: 'text',
    target: 'text',
    partner: 'text',
    outcome: ['done', 'denied'],
    from: 'time',
    to: 'time',
} as const;
type Name = keyof typeof filterNames;

/** Staff follows the whole trail, a partner's administrator that of the partner. */
function channelOf(principal: Principal, partner: string | undefined): string | undefined {
    if (isStaff(principal)) return 'audit:platform';
    const own = principal.partners.filter(({ code }) => may(principal, 'audit.read', code));
    const code = own.find((one) => one.code === partner)?.code ?? own[0]?.code;
    return code && `audit:partner:${code}`;
}

export function AuditPage({ principal }: { principal: Principal }) {
    const filters = useFilters<Name>(filterNames);
    const channel = channelOf(principal, filters.values.value.partner);
    if (!channel) return <NotFoundPage home={{ page: 'home' }} />;
    return <Trail key={channel} principal={principal} filters={filters} channel={channel} />;
}

const gatherMs = 200;
const heardAtMost = 200;

/** What the channel told and the list does not have yet; reading it again brings before and after. */
function useNewest(
    channel: string,
    url: string,
    list: List<AuditItem>,
): { heard: Signal<AuditItem[]>; count: Signal<number> } {
    const heard = useSignal<AuditItem[]>([]);
    const newer = useSignal(0);
    const reader = useMemo(() => newestReader(url, list, heard), [url, list]);
    const last = useRef(reader);
    last.current = reader;
    useEffect(() => reader.stop, [reader]);
    useLog(channel, {
        entry: (data) => {
            if (!isEntry(data)) return;
            heard.value = [data, ...heard.peek()].slice(0, heardAtMost);
            newer.value += 1;
            last.current.wake();
        },
        missed: () => last.current.wake(),
    });
    return { heard, count: newer };
}

/** Many entries in a moment are read at once; one request at a time. */
function newestReader(url: string, list: List<AuditItem>, heard: Signal<AuditItem[]>) {
    const aborted = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let running = false;
    let again = false;
    const read = async (): Promise<void> => {
        timer = undefined;
        if (running) {
            again = true;
            return;
        }
        running = true;
        try {
            const newest = await get<Page<AuditItem>>(url, aborted.signal);
            list.set((now) => withNewest(now, newest));
            heard.value = stillUnread(heard.peek(), newest.items);
        } catch {
            // What was heard stays on top; the next entry, or the reader, asks again.
        }
        running = false;
        if (again && !aborted.signal.aborted) wake();
        again = false;
    };
    const wake = (): void => {
        timer ??= setTimeout(() => void read(), gatherMs);
    };
    return {
        wake,
        stop: () => {
            clearTimeout(timer);
            aborted.abort();
        },
    };
}

function Trail(props: { principal: Principal; filters: FilterState<Name>; channel: string }) {
    const { principal, filters, channel } = props;
    const live = useLive();
    const values = filters.values.value;
    const url = `/v1/audit?${requestQuery(filterNames, values, { limit: '50' })}`;
    const list = useList<AuditItem>(url);
    const { heard, count: newer } = useNewest(channel, url, list);
    const filtered = Object.keys(values).length > 0;
    const read = list.items.value;
    // Which of them the filters let through is the server's answer, which is on its way.
    const unread = filtered ? [] : stillUnread(heard.value, read ?? []);
    const items = read && [...unread, ...read];
    return (
        <PageFrame title="Audit" busy={!read}>
            <StaleBanner live={live} />
            <Verdict newer={newer} />
            <section class="panel" aria-label="Entries">
                <Filters filters={filters} staff={isStaff(principal)} />
                {list.error.value && (
                    <Failed error={list.error.value} retry={() => void list.reload()} />
                )}
                {!items ? (
                    !list.error.value && <p class="empty">Loading the trail…</p>
                ) : items.length === 0 ? (
                    <div class="empty">
                        {filtered ? (
                            <p>
                                No entry matches.{' '}
                                <button type="button" class="button" onClick={filters.clear}>
                                    Clear the filters
                                </button>
                            </p>
                        ) : (
                            <p>Nothing has been done yet. Entries appear here as they happen.</p>
                        )}
                    </div>
                ) : (
                    <Entries items={items} />
                )}
                {list.hasMore.value && (
                    <button
                        type="button"
                        class="button button-wide"
                        aria-disabled={list.loading.value}
                        onClick={() => void list.more()}
                    >
                        {list.loading.value ? 'Loading…' : 'Older entries'}
                    </button>
                )}
            </section>
        </PageFrame>
    );
}

function Filters({ filters, staff }: { filters: FilterState<Name>; staff: boolean }) {
    const values = filters.values.value;
    const text = (name: Name, label: string, placeholder: string) => (
        <TextFilter
            label={label}
            placeholder={placeholder}
            value={values[name]}
            change={(value) => filters.set(name, value)}
        />
    );
    return (
        <FilterBar label="Filter the entries">
            {text('actor', 'Actor', 'usr_…')}
            {text('action', 'Action', 'user.suspend')}
            {text('target', 'Target', 'usr_…')}
            {staff && (
                <TextFilter
                    label="Partner"
                    placeholder="Code"
                    value={values.partner}
                    change={(value) => filters.set('partner', value.toUpperCase())}
                />
            )}
            <ChoiceFilter
                label="Outcome"
                value={values.outcome}
                options={[
                    { value: 'done', label: 'Done' },
                    { value: 'denied', label: 'Denied' },
                ]}
                change={(value) => filters.set('outcome', value)}
            />
            <TimeFilter
                label="From"
                value={values.from}
                change={(value) => filters.set('from', value)}
            />
            <TimeFilter label="To" value={values.to} change={(value) => filters.set('to', value)} />
        </FilterBar>
    );
}

/** Whether the chains hold, as the server counted them over; and how much came since. */
function Verdict({ newer }: { newer: Signal<number> }) {
    const verdict = useParts<AuditVerdict>('/v1/audit/verify', withPart);
    const at = useSignal({ ms: Date.now(), newer: 0 });
    const { value: answer } = verdict.data;
    const loading = verdict.loading.value;
    useEffect(() => {
        if (answer) at.value = { ms: Date.now(), newer: newer.peek() };
    }, [answer]);
    const error = verdict.error.value;
    if (error)
        return (
            <div class="verdict" data-ok="unknown">
                <Icon name="warn" />
                <p role="status">The chain could not be verified: {messageOf(error)}</p>
            </div>
        );
    const broken = answer?.chains.filter(({ ok }) => !ok) ?? [];
    const entries = answer?.chains.reduce((sum, chain) => sum + chain.entries, 0);
    const done = answer !== undefined && !answer.next;
    const since = newer.value - at.value.newer;
    return (
        <div class="verdict" data-ok={done ? broken.length === 0 : 'unknown'}>
            <Icon name={!done ? 'dots' : broken.length ? 'warn' : 'check'} />
            <p role="status">
                {!done ? (
                    `Verifying the chain…${answer ? ` ${count(entries)} entries so far` : ''}`
                ) : broken.length ? (
                    <>
                        <strong>The chain is broken.</strong>{' '}
                        {broken
                            .map(({ chain, broken_at }) => `${chain} at entry ${broken_at ?? '?'}`)
                            .join(', ')}
                        : from there on, entries were changed, removed or put in.
                    </>
                ) : (
                    <>
                        <strong>Chain verified: {count(entries)} entries</strong>
                        <span class="verdict-when">
                            {' '}
                            at {exactTime(at.value.ms)}
                            {since > 0 && `, ${count(since)} newer`}
                        </span>
                    </>
                )}
            </p>
            <button
                type="button"
                class="button button-small"
                aria-disabled={loading}
                onClick={() => {
                    if (!loading) void verdict.reload();
                }}
            >
                {loading ? 'Verifying…' : 'Verify again'}
            </button>
        </div>
    );
}

function Entries({ items }: { items: AuditItem[] }) {
    const open = useSignal<ReadonlySet<string>>(new Set());
    const toggle = (id: string): void => {
        const next = new Set(open.peek());
        if (!next.delete(id)) next.add(id);
        open.value = next;
    };
    return (
        <ol class="trail" aria-label="Newest first">
            {items.map((item) => (
                <Entry
                    key={item.id}
                    item={item}
                    open={open.value.has(item.id)}
                    toggle={() => toggle(item.id)}
                />
            ))}
        </ol>
    );
}

function Who({ actor }: { actor: AuditActor | null | undefined }) {
    if (!actor) return <>operator or service</>;
    return <a href={hrefOf({ page: 'user', id: actor.id })}>{actor.name}</a>;
}

function Target({ item }: { item: AuditItem }) {
    const { target, target_type: type } = item;
    if (!target) return <>{type ?? '–'}</>;
    return (
        <>
            {type}{' '}
            {target.startsWith('usr_') ? (
                <a href={hrefOf({ page: 'user', id: target })}>{target}</a>
            ) : (
                <code>{target}</code>
            )}
        </>
    );
}

function Entry({ item, open, toggle }: { item: AuditItem; open: boolean; toggle: () => void }) {
    const details = `entry-${item.id.replace(/[^A-Za-z0-9]/g, '-')}`;
    return (
        <li class="entry" data-entry={item.id} data-outcome={item.outcome}>
            <div class="entry-line">
                <button
                    type="button"
                    class="entry-toggle"
                    aria-expanded={open}
                    aria-controls={details}
                    onClick={toggle}
                >
                    <Icon name={open ? 'below' : 'right'} />
                    {actionName(item.action)}
                </button>
                <span class="entry-who">
                    <Who actor={item.actor} />
                    {item.on_behalf_of && (
                        <>
                            {' '}
                            as <Who actor={item.on_behalf_of} />
                        </>
                    )}
                </span>
                <span class="entry-target">
                    <Target item={item} />
                </span>
                <span class="entry-partner">{item.partner ?? ''}</span>
                <Badge state={item.outcome} />
                <time dateTime={new Date(item.at).toISOString()} title={fullTime(item.at)}>
                    {moment(item.at, Date.now())}
                </time>
            </div>
            {open && (
                <div class="entry-details" id={details}>
                    <ChangeTable before={item.before} after={item.after} />
                    {item.redacted && (
                        <p class="entry-facts">
                            Not for you to see: {item.redacted.join(', ')}.
                        </p>
                    )}
                    <p class="entry-facts">
                        Entry <code>{item.id}</code> of {fullTime(item.at)}
                        {item.request_id && (
                            <>
                                , request <code>{item.request_id}</code>
                            </>
                        )}
                        {item.ip && (
                            <>
                                , from <code>{item.ip}</code>
                            </>
                        )}
                    </p>
                </div>
            )}
        </li>
    );
}
