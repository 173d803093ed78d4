/** A partner's tokens: its balance as it changes, and where they came from. */
import { useSignal } from '@preact/signals';
import {
    change,
    isWalletNotice,
    type Wallet,
    type WalletEntry,
    withBalance,
} from '../access/wallet';
import { requestQuery } from '../admin/query';
import { useAnswered } from '../admin/use-answered';
import { type FilterState, useFilters } from '../admin/use-filters';
import { type Column, DataTable, Failed } from '../components/data-table';
import { ChoiceFilter, FilterBar, TextFilter } from '../components/filters';
import { PageFrame } from '../components/page';
import { PendingGrants, usePending, useWalletTrail } from '../components/pending-grants';
import { attempt, notify } from '../components/toast';
import { GrantDialog } from '../components/wallet-dialogs';
import { When } from '../components/when';
import { count } from '../format/format';
import { useLog } from '../live/context';
import { download } from '../session/download';
import { withQuery } from '../session/http';
import { isStaff, may, mayChange, membershipIn, type Principal } from '../session/principal';
import { type Resource, useList, useResource } from '../session/resource';

const filterNames = { q: 'text', kind: ['grant', 'adjust'] } as const;
type Name = keyof typeof filterNames;

const kinds = [
    { value: 'grant', label: 'Grant' },
    { value: 'adjust', label: 'Adjustment' },
];

const columns: readonly Column<WalletEntry>[] = [
    { id: 'at', label: 'When', cell: (entry) => <When at={entry.created_at} /> },
    { id: 'reason', label: 'Reason', header: true, cell: (entry) => entry.reason },
    {
        id: 'kind',
        label: 'Kind',
        cell: (entry) => kinds.find(({ value }) => value === entry.kind)?.label ?? entry.kind,
    },
    { id: 'amount', label: 'Tokens', number: true, cell: (entry) => change(entry.amount) },
    { id: 'balance', label: 'Balance', number: true, cell: (entry) => count(entry.balance_after) },
    {
        id: 'actor',
        label: 'By',
        cell: (entry) => (
            <>
                {entry.actor.name}
                {entry.approved_by && (
                    <span class="cell-sub">approved by {entry.approved_by.name}</span>
                )}
            </>
        ),
    },
];

export function TokensPage({ principal, code }: { principal: Principal; code: string }) {
    const filters = useFilters<Name>(filterNames);
    const reads = may(principal, 'wallet.read', code);
    const query = requestQuery(filterNames, filters.values.value, { partner: code });
    const wallet = useResource<Wallet>(withQuery('/v1/wallet', { partner: code }));
    const ledger = useList<WalletEntry>(reads ? `/v1/wallet/entries?${query}` : undefined);
    const shown = useAnswered(ledger);
    const pending = usePending(principal, code);
    const granting = useSignal(false);
    const changed = (): void => {
        void wallet.reload();
        void ledger.reload();
        void pending?.reload();
    };
    useLog(`wallet:partner:${code}`, {
        entry: (data) => {
            if (!isWalletNotice(data)) return;
            // An answer that is under way may be older.
            if (wallet.loading.peek()) void wallet.reload();
            else wallet.set((now) => withBalance(now, data));
            void ledger.reload();
        },
        missed: changed,
    });
    useWalletTrail(principal, () => void pending?.reload());
    const save = (): Promise<boolean> =>
        attempt(async () => {
            if (await download(`/v1/wallet/entries?${query}&format=csv`, `tokens-${code}.csv`))
                notify('The file has only the newest 5,000 of them: filter for the others.', 'bad');
        });
    const filtered = Object.keys(filters.values.value).length > 0;
    return (
        <PageFrame
            title={`Tokens of ${membershipIn(principal, code)?.name ?? code}`}
            busy={shown !== ledger}
            tools={
                <>
                    {reads && may(principal, 'export.csv', code) && (
                        <button type="button" class="button" onClick={() => void save()}>
                            Export CSV
                        </button>
                    )}
                    {isStaff(principal) && mayChange(principal, 'wallet.grant') && (
                        <button
                            type="button"
                            class="button button-primary"
                            onClick={() => (granting.value = true)}
                        >
                            Give or take tokens
                        </button>
                    )}
                </>
            }
        >
            <Balance wallet={wallet} />
            {pending && (
                <PendingGrants
                    principal={principal}
                    list={pending}
                    partner={code}
                    changed={changed}
                />
            )}
            {reads && (
                <section class="panel" aria-label="Ledger">
                    <Filters filters={filters} />
                    <DataTable
                        caption="Ledger"
                        list={shown}
                        columns={columns}
                        rowKey={(entry) => entry.id}
                        rowAttributes={(entry) => ({ 'data-entry': entry.id })}
                        empty={
                            filtered ? (
                                <p>
                                    No entry matches.{' '}
                                    <button type="button" class="button" onClick={filters.clear}>
                                        Clear the filters
                                    </button>
                                </p>
                            ) : (
                                'No tokens were given yet.'
                            )
                        }
                    />
                </section>
            )}
            {granting.value && (
                <GrantDialog
                    partner={code}
                    close={() => (granting.value = false)}
                    changed={changed}
                />
            )}
        </PageFrame>
    );
}

function Balance({ wallet }: { wallet: Resource<Wallet> }) {
    const { value: now } = wallet.data;
    const { value: error } = wallet.error;
    return (
        <section class="card balance" aria-labelledby="balance-title">
            <h3 id="balance-title">Balance</h3>
            <p class="card-value" role="status">
                {count(now?.balance)}
            </p>
            <p class="card-note">
                tokens{now && <>, since <When at={now.updated_at} /></>}
            </p>
            {error && <Failed error={error} retry={() => void wallet.reload()} />}
        </section>
    );
}

function Filters({ filters }: { filters: FilterState<Name> }) {
    const { q, kind } = filters.values.value;
    return (
        <FilterBar label="Filter the ledger">
            <TextFilter
                label="Search"
                type="search"
                placeholder="Reason"
                value={q}
                change={(value) => filters.set('q', value)}
            />
            <ChoiceFilter
                label="Kind"
                value={kind}
                options={kinds}
                change={(value) => filters.set('kind', value)}
            />
        </FilterBar>
    );
}
