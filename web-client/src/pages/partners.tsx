/** The directory of partners, for staff: who they are, and whether they may send. */
import { useSignal } from '@preact/signals';
import { requestQuery } from '../admin/query';
import { useAnswered } from '../admin/use-answered';
import { useFilters } from '../admin/use-filters';
import { Badge } from '../components/badge';
import { type Column, DataTable } from '../components/data-table';
import { Dialog } from '../components/dialog';
import { ChoiceFilter, FilterBar, TextFilter } from '../components/filters';
import { Form, TextField } from '../components/form';
import { PageFrame } from '../components/page';
import { attempt, notify } from '../components/toast';
import { roleName } from '../format/format';
import { hrefOf } from '../route';
import { post } from '../session/http';
import { mayChange, type Principal } from '../session/principal';
import { useList } from '../session/resource';

interface Partner {
    code: string;
    name: string;
    status: string;
    tier?: string;
    region?: string;
    members: number;
}

const statuses = ['prospect', 'onboarding', 'active', 'suspended', 'churned'] as const;
const filterNames = { q: 'text', status: statuses } as const;

const columns: readonly Column<Partner>[] = [
    {
        id: 'name',
        label: 'Name',
        header: true,
        sort: (one) => one.name.toLowerCase(),
        cell: (one) => <a href={hrefOf({ page: 'partner', code: one.code })}>{one.name}</a>,
    },
    { id: 'code', label: 'Code', sort: (one) => one.code, cell: (one) => one.code },
    {
        id: 'status',
        label: 'Status',
        sort: (one) => one.status,
        cell: (one) => <Badge state={one.status} />,
    },
    { id: 'tier', label: 'Tier', sort: (one) => one.tier, cell: (one) => one.tier ?? '–' },
    { id: 'region', label: 'Region', sort: (one) => one.region, cell: (one) => one.region ?? '–' },
    {
        id: 'members',
        label: 'Members',
        number: true,
        sort: (one) => one.members,
        cell: (one) => <a href={hrefOf({ page: 'team', code: one.code })}>{one.members}</a>,
    },
];

/** A prospect and an onboarding partner are activated as they are taken on. */
function actionsOf(activate: (one: Partner) => void, suspend: (one: Partner) => void): Column<Partner> {
    const button = (one: Partner, label: string, act: (one: Partner) => void) => (
        <button
            type="button"
            class="button button-small"
            aria-label={`${label} ${one.name}`}
            onClick={() => act(one)}
        >
            {label}
        </button>
    );
    return {
        id: 'actions',
        label: 'Actions',
        actions: true,
        cell: (one) => (
            <>
                {!['active', 'churned'].includes(one.status) && button(one, 'Activate', activate)}
                {!['suspended', 'churned'].includes(one.status) && button(one, 'Suspend', suspend)}
            </>
        ),
    };
}

export function PartnersPage({ principal }: { principal: Principal }) {
    const filters = useFilters<'q' | 'status'>(filterNames);
    const { q, status } = filters.values.value;
    const query = requestQuery(filterNames, filters.values.value, { limit: '50' });
    const list = useList<Partner>(`/v1/partners?${query}`);
    const shown = useAnswered(list);
    const suspending = useSignal<Partner | undefined>(undefined);
    const activate = async (one: Partner): Promise<void> => {
        await attempt(() => post(`/v1/partners/${one.code}/activate`, {}), `${one.name} is active.`);
        await list.reload();
    };
    const suspend = (one: Partner): void => {
        suspending.value = one;
    };
    return (
        <PageFrame title="Partner directory" busy={shown !== list}>
            <section class="panel" aria-label="Partners">
                <FilterBar label="Filter the partners">
                    <TextFilter
                        label="Search"
                        type="search"
                        placeholder="Name or code"
                        value={q}
                        change={(value) => filters.set('q', value)}
                    />
                    <ChoiceFilter
                        label="Status"
                        value={status}
                        options={statuses.map((value) => ({ value, label: roleName(value) }))}
                        change={(value) => filters.set('status', value)}
                    />
                </FilterBar>
                <DataTable
                    caption="Partners"
                    list={shown}
                    columns={
                        mayChange(principal, 'partners.write')
                            ? [...columns, actionsOf((one) => void activate(one), suspend)]
                            : columns
                    }
                    rowKey={(one) => one.code}
                    rowAttributes={(one) => ({ 'data-partner': one.code, 'data-status': one.status })}
                    empty={q || status ? 'None matches.' : 'There is no partner yet.'}
                />
            </section>
            {suspending.value && (
                <SuspendDialog
                    partner={suspending.value}
                    close={() => (suspending.value = undefined)}
                    changed={() => void list.reload()}
                />
            )}
        </PageFrame>
    );
}

function SuspendDialog(props: { partner: Partner; close: () => void; changed: () => void }) {
    const { partner, close, changed } = props;
    return (
        <Dialog title={`Suspend ${partner.name}`} close={close}>
            <Form
                label="Suspend"
                danger
                cancel={close}
                submit={async (entries) => {
                    await post(`/v1/partners/${partner.code}/suspend`, {
                        reason: entries.text('reason'),
                    });
                    close();
                    notify(`${partner.name} is suspended; its keys are refused.`);
                    changed();
                }}
            >
                <p>
                    Within a second its API keys are refused and its members only read, until it is
                    activated again.
                </p>
                <TextField name="reason" label="Reason" hint="Kept in the audit trail." maxLength={500} />
            </Form>
        </Dialog>
    );
}
