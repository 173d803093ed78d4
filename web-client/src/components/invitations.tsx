import { type Invitation, invitedTo } from '../access/team';
import { roleName } from '../format/format';
import { del } from '../session/http';
import type { List } from '../session/resource';
import { type Column, DataTable } from './data-table';
import { attempt } from './toast';
import { When } from './when';

/** The invitations that are open: of one partner, or `everywhere`. */
export function OpenInvitations(props: {
    list: List<Invitation>;
    everywhere?: boolean;
    mayRevoke?: (one: Invitation) => boolean;
}) {
    const { list, everywhere = false, mayRevoke = () => true } = props;
    const revoke = async (one: Invitation): Promise<void> => {
        await attempt(() => del(`/v1/invitations/${one.id}`), 'The invitation is revoked.');
        await list.reload();
    };
    const columns: Column<Invitation>[] = [
        { id: 'name', label: 'Name', header: true, cell: (one) => one.name },
        { id: 'email', label: 'E-mail', cell: (one) => one.email ?? one.masked ?? '–' },
        {
            id: 'role',
            label: 'Role',
            cell: (one) => (everywhere ? invitedTo(one) : roleName(one.role ?? '')),
        },
        { id: 'until', label: 'Good until', cell: (one) => <When at={one.expires_at} /> },
        {
            id: 'actions',
            label: 'Actions',
            actions: true,
            cell: (one) =>
                mayRevoke(one) && (
                    <button
                        type="button"
                        class="button button-small"
                        aria-label={`Revoke the invitation of ${one.name}`}
                        onClick={() => void revoke(one)}
                    >
                        Revoke
                    </button>
                ),
        },
    ];
    return (
        <section class="panel" aria-labelledby="invitations-title">
            <header class="panel-head">
                <h2 id="invitations-title">Open invitations</h2>
            </header>
            <DataTable
                caption="Open invitations"
                list={list}
                columns={columns}
                rowKey={(one) => one.id}
                rowAttributes={(one) => ({ 'data-invitation': one.id })}
                empty="None."
            />
        </section>
    );
}
