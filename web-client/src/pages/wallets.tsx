/** The wallets of all partners, and the grants that wait for a second person. */
import type { WalletItem } from '../access/wallet';
import { requestQuery } from '../admin/query';
import { useAnswered } from '../admin/use-answered';
import { useFilters } from '../admin/use-filters';
import { type Column, DataTable } from '../components/data-table';
import { FilterBar, TextFilter } from '../components/filters';
import { PageFrame } from '../components/page';
import { PendingGrants, usePending, useWalletTrail } from '../components/pending-grants';
import { When } from '../components/when';
import { count } from '../format/format';
import { hrefOf } from '../route';
import type { Principal } from '../session/principal';
import { useList } from '../session/resource';

const filterNames = { q: 'text' } as const;

const columns: readonly Column<WalletItem>[] = [
    {
        id: 'partner',
        label: 'Partner',
        header: true,
        sort: (wallet) => wallet.partner,
        cell: (wallet) => (
            <>
                <a href={hrefOf({ page: 'tokens', code: wallet.partner })}>{wallet.name}</a>
                <code class="cell-sub">{wallet.partner}</code>
            </>
        ),
    },
    {
        id: 'balance',
        label: 'Balance',
        number: true,
        sort: (wallet) => wallet.balance,
        cell: (wallet) => count(wallet.balance),
    },
    {
        id: 'updated',
        label: 'Changed',
        sort: (wallet) => wallet.updated_at,
        cell: (wallet) => <When at={wallet.updated_at} />,
    },
];

export function WalletsPage({ principal }: { principal: Principal }) {
    const filters = useFilters<'q'>(filterNames);
    const { q } = filters.values.value;
    const wallets = useList<WalletItem>(
        `/v1/wallets?${requestQuery(filterNames, filters.values.value, { limit: '50' })}`,
    );
    const shown = useAnswered(wallets);
    const pending = usePending(principal);
    const changed = (): void => {
        void wallets.reload();
        void pending?.reload();
    };
    useWalletTrail(principal, changed);
    return (
        <PageFrame title="Wallets" busy={shown !== wallets}>
            {pending && <PendingGrants principal={principal} list={pending} changed={changed} />}
            <section class="panel" aria-label="Wallets">
                <FilterBar label="Filter the wallets">
                    <TextFilter
                        label="Search"
                        type="search"
                        placeholder="Partner"
                        value={q}
                        change={(value) => filters.set('q', value)}
                    />
                </FilterBar>
                <DataTable
                    caption="Wallets"
                    list={shown}
                    columns={columns}
                    rowKey={(wallet) => wallet.partner}
                    rowAttributes={(wallet) => ({ 'data-wallet': wallet.partner })}
                    empty={q ? 'No partner matches.' : 'There is no partner yet.'}
                />
            </section>
        </PageFrame>
    );
}
