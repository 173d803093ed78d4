/** Grants that are too large for one person, for the other one to decide on. */
import { useSignal } from '@preact/signals';
import type { WalletRequest } from '../access/wallet';
import { isEntry } from '../admin/trail';
import { count } from '../format/format';
import { useLog } from '../live/context';
import { hrefOf } from '../route';
import { withQuery } from '../session/http';
import { isStaff, may, mayChange, type Principal } from '../session/principal';
import { type List, useList } from '../session/resource';
import { type Column, DataTable } from './data-table';
import { type Decision, DecisionDialog } from './wallet-dialogs';
import { When } from './when';

interface Open {
    request: WalletRequest;
    decision: Decision;
}

/** Of one partner, or of all; for staff who read ledgers. */
export function usePending(principal: Principal, partner?: string): List<WalletRequest> | undefined {
    const reads = isStaff(principal) && may(principal, 'wallet.read');
    const list = useList<WalletRequest>(
        reads ? withQuery('/v1/wallet/pending', { partner }) : undefined,
    );
    return reads ? list : undefined;
}

/** Tells what happens to wallets, waiting grants included, to who reads the trail. */
export function useWalletTrail(principal: Principal, changed: () => void): void {
    useLog(isStaff(principal) && may(principal, 'audit.read') ? 'audit:platform' : undefined, {
        entry: (data) => {
            if (isEntry(data) && data.action.startsWith('wallet.')) changed();
        },
        missed: changed,
    });
}

function columnsOf(
    principal: Principal,
    partner: string | undefined,
    open: (what: Open) => void,
): Column<WalletRequest>[] {
    const columns: Column<WalletRequest>[] = [
        { id: 'reason', label: 'Reason', header: true, cell: (one) => one.reason },
        { id: 'amount', label: 'Tokens', number: true, cell: (one) => count(one.amount) },
        { id: 'actor', label: 'Asked by', cell: (one) => one.actor.name },
        { id: 'created', label: 'Asked', cell: (one) => <When at={one.created_at} /> },
    ];
    if (partner === undefined)
        columns.unshift({
            id: 'partner',
            label: 'Partner',
            cell: (one) => (
                <a href={hrefOf({ page: 'tokens', code: one.partner })}>{one.partner}</a>
            ),
        });
    if (mayChange(principal, 'wallet.grant'))
        columns.push({
            id: 'actions',
            label: 'Actions',
            actions: true,
            cell: (one) => (
                <Actions request={one} own={one.actor.id === principal.user.id} open={open} />
            ),
        });
    return columns;
}

/** Nobody approves his own. */
function Actions(props: { request: WalletRequest; own: boolean; open: (what: Open) => void }) {
    const { request, own, open } = props;
    const button = (decision: Decision, word: string) => (
        <button
            type="button"
            class="button button-small"
            aria-label={`${word} ${request.reason}`}
            onClick={() => open({ request, decision })}
        >
            {word}
        </button>
    );
    return (
        <span class="actions">
            {!own && button('approve', 'Approve')}
            {button('reject', 'Reject')}
        </span>
    );
}

export function PendingGrants(props: {
    principal: Principal;
    list: List<WalletRequest>;
    partner?: string;
    changed: () => void;
}) {
    const { principal, list, partner, changed } = props;
    const open = useSignal<Open | undefined>(undefined);
    return (
        <section class="panel" aria-labelledby="pending-title">
            <header class="panel-head">
                <h2 id="pending-title">Waiting for approval</h2>
                <p class="panel-sub">large grants take two people</p>
            </header>
            <DataTable
                caption="Waiting for approval"
                list={list}
                columns={columnsOf(principal, partner, (what) => (open.value = what))}
                rowKey={(one) => one.id}
                rowAttributes={(one) => ({ 'data-request': one.id })}
                empty="Nothing waits."
            />
            {open.value && (
                <DecisionDialog
                    {...open.value}
                    close={() => (open.value = undefined)}
                    changed={changed}
                />
            )}
        </section>
    );
}
