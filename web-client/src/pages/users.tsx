/** The directory of people: found by words and filters that are in the address. */
import { useSignal } from '@preact/signals';
import type { Invitation } from '../access/team';
import { actorOf, grantableRoles } from '../admin/grants';
import { requestQuery } from '../admin/query';
import type { RolesAnswer, UserItem } from '../admin/shapes';
import { useAnswered } from '../admin/use-answered';
import { type FilterState, useFilters } from '../admin/use-filters';
import { Badge } from '../components/badge';
import { type Column, DataTable } from '../components/data-table';
import { ChoiceFilter, FilterBar, TextFilter } from '../components/filters';
import { ImportDialog } from '../components/import-dialog';
import { OpenInvitations } from '../components/invitations';
import { InviteDialog } from '../components/invite-dialog';
import { PageFrame } from '../components/page';
import { attempt, notify } from '../components/toast';
import { fullTime, moment, roleName } from '../format/format';
import { hrefOf } from '../route';
import { download } from '../session/download';
import { isStaff, may, mayChange, type Principal } from '../session/principal';
import { useList, useResource } from '../session/resource';

const staffRoles = ['owner', 'admin', 'ops', 'support', 'billing', 'viewer'];
const partnerRoles = ['admin', 'manager', 'developer', 'viewer'];
const filterNames = {
    q: 'text',
    kind: ['staff', 'member'],
    role: [...new Set([...staffRoles, ...partnerRoles])],
    partner: 'text',
    status: ['active', 'suspended', 'erased'],
} as const;
type Name = keyof typeof filterNames;

/** Where somebody belongs, and as what. */
function placesOf(user: UserItem): string {
    if (user.kind === 'staff') return roleName(`staff ${user.role ?? ''}`.trim());
    if (!user.memberships.length) return 'No workspace';
    return user.memberships.map(({ partner, role }) => `${partner} ${role}`).join(', ');
}

const columns: readonly Column<UserItem>[] = [
    {
        id: 'name',
        label: 'Name',
        header: true,
        sort: (user) => user.name.toLowerCase(),
        cell: (user) => <a href={hrefOf({ page: 'user', id: user.id })}>{user.name}</a>,
    },
    {
        id: 'email',
        label: 'E-mail',
        sort: (user) => user.email ?? user.masked ?? undefined,
        cell: (user) => user.email ?? user.masked ?? '–',
    },
    { id: 'role', label: 'Role', sort: placesOf, cell: placesOf },
    {
        id: 'status',
        label: 'Status',
        sort: (user) => user.status,
        cell: (user) => <Badge state={user.status} />,
    },
    {
        id: 'last_login_at',
        label: 'Last sign-in',
        sort: (user) => user.last_login_at ?? undefined,
        cell: (user) => (user.last_login_at ? <When at={user.last_login_at} /> : 'never'),
    },
    {
        id: 'created_at',
        label: 'Created',
        sort: (user) => user.created_at,
        cell: (user) => <When at={user.created_at} />,
    },
];

function When({ at }: { at: number }) {
    return (
        <time dateTime={new Date(at).toISOString()} title={fullTime(at)}>
            {moment(at, Date.now())}
        </time>
    );
}

export function UsersPage({ principal }: { principal: Principal }) {
    const filters = useFilters<Name>(filterNames);
    const query = requestQuery(filterNames, filters.values.value, { limit: '50' });
    const users = useList<UserItem>(`/v1/users?${query}`);
    const shown = useAnswered(users);
    const inviting = useSignal(false);
    const importing = useSignal(false);
    const assigns = mayChange(principal, 'roles.assign');
    const roles = useResource<RolesAnswer>(assigns ? '/v1/roles' : undefined);
    const invitations = useList<Invitation>(
        assigns && isStaff(principal) ? '/v1/invitations?status=open' : undefined,
    );
    const save = (): Promise<boolean> =>
        attempt(async () => {
            const file = requestQuery(filterNames, filters.values.peek(), { format: 'csv' });
            if (await download(`/v1/users?${file}`, 'users.csv'))
                notify('The file has only the first 5,000 of them: filter for the others.', 'bad');
        });
    const filtered = Object.keys(filters.values.value).length > 0;
    return (
        <PageFrame
            title="Users"
            busy={shown !== users}
            tools={
                <>
                    {may(principal, 'export.csv') && (
                        <button type="button" class="button" onClick={() => void save()}>
                            Export CSV
                        </button>
                    )}
                    {assigns && isStaff(principal) && (
                        <button
                            type="button"
                            class="button"
                            onClick={() => (importing.value = true)}
                        >
                            Import CSV
                        </button>
                    )}
                    {assigns && roles.data.value && (
                        <button
                            type="button"
                            class="button button-primary"
                            onClick={() => (inviting.value = true)}
                        >
                            Invite
                        </button>
                    )}
                </>
            }
        >
            <section class="panel" aria-label="People">
                <Filters filters={filters} />
                <DataTable
                    caption="Users"
                    list={shown}
                    columns={columns}
                    rowKey={(user) => user.id}
                    rowAttributes={(user) => ({ 'data-user': user.id, 'data-status': user.status })}
                    empty={
                        filtered ? (
                            <p>
                                Nobody matches.{' '}
                                <button type="button" class="button" onClick={filters.clear}>
                                    Clear the filters
                                </button>
                            </p>
                        ) : (
                            <p>There is nobody yet. Invite the first one.</p>
                        )
                    }
                />
            </section>
            {assigns && isStaff(principal) && (
                <OpenInvitations
                    list={invitations}
                    everywhere
                    mayRevoke={(one) => !one.staff_role || may(principal, 'staff.manage')}
                />
            )}
            {inviting.value && roles.data.value && (
                <InviteDialog
                    staffRoles={grantableRoles(actorOf(principal), roles.data.value, 'staff')}
                    partnerRoles={grantableRoles(actorOf(principal), roles.data.value, 'partner')}
                    close={() => (inviting.value = false)}
                    changed={() => void invitations.reload()}
                />
            )}
            {importing.value && (
                <ImportDialog
                    close={(changed) => {
                        importing.value = false;
                        if (changed) void users.reload();
                    }}
                />
            )}
        </PageFrame>
    );
}

function Filters({ filters }: { filters: FilterState<Name> }) {
    const { q, kind, role, partner, status } = filters.values.value;
    const roles = kind === 'staff' ? staffRoles : kind === 'member' ? partnerRoles : filterNames.role;
    const options = (names: readonly string[]) =>
        names.map((value) => ({ value, label: roleName(value) }));
    return (
        <FilterBar label="Filter the users">
            <TextFilter
                label="Search"
                type="search"
                placeholder="Name or e-mail"
                value={q}
                change={(value) => filters.set('q', value)}
            />
            <ChoiceFilter
                label="Kind"
                value={kind}
                options={[
                    { value: 'staff', label: 'Staff' },
                    { value: 'member', label: 'Members' },
                ]}
                change={(value) => filters.set('kind', value)}
            />
            <ChoiceFilter
                label="Role"
                value={role}
                options={options(roles)}
                change={(value) => filters.set('role', value)}
            />
            <TextFilter
                label="Partner"
                placeholder="Code"
                value={partner}
                change={(value) => filters.set('partner', value.toUpperCase())}
            />
            <ChoiceFilter
                label="Status"
                value={status}
                options={options(filterNames.status)}
                change={(value) => filters.set('status', value)}
            />
        </FilterBar>
    );
}
