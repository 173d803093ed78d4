/** What each role may: the built-in ones as a matrix, and the custom ones, which narrow them. */
import { useSignal } from '@preact/signals';
import { type Actor, actorOf } from '../admin/grants';
import type { CustomRole, RolesAnswer } from '../admin/shapes';
import { Failed } from '../components/data-table';
import { Dialog } from '../components/dialog';
import { Form } from '../components/form';
import { Icon } from '../components/icon';
import { PageFrame } from '../components/page';
import { CustomRoleDialog } from '../components/custom-role-dialog';
import { notify } from '../components/toast';
import { count, roleName } from '../format/format';
import { del } from '../session/http';
import { permissions as knownPermissions, rolePermissions } from '../session/permissions';
import { isStaff, mayChange, type Principal } from '../session/principal';
import { useResource } from '../session/resource';

export function RolesPage({ principal }: { principal: Principal }) {
    const roles = useResource<RolesAnswer>('/v1/roles');
    const { value: answer } = roles.data;
    const { value: error } = roles.error;
    return (
        <PageFrame title="Roles" busy={!answer}>
            {error && <Failed error={error} retry={() => void roles.reload()} />}
            {answer && (
                <>
                    <CustomRoles
                        answer={answer}
                        actor={actorOf(principal)}
                        partners={isStaff(principal) ? undefined : principal.partners.map(({ code }) => code)}
                        edits={mayChange(principal, 'roles.assign')}
                        changed={() => void roles.reload()}
                    />
                    <Matrix answer={answer} />
                </>
            )}
        </PageFrame>
    );
}

type Editing = { role?: CustomRole } | undefined;

function CustomRoles(props: {
    answer: RolesAnswer;
    actor: Actor;
    partners: readonly string[] | undefined;
    edits: boolean;
    changed: () => void;
}) {
    const { answer, actor, edits, changed } = props;
    const editing = useSignal<Editing>(undefined);
    const deleting = useSignal<CustomRole | undefined>(undefined);
    const close = (): void => {
        editing.value = undefined;
        deleting.value = undefined;
    };
    return (
        <section class="panel" aria-labelledby="custom-title">
            <header class="panel-head">
                <h2 id="custom-title">Custom roles</h2>
                <p class="panel-sub">each leaves out a part of a built-in one</p>
                {edits && (
                    <div class="panel-tools">
                        <button
                            type="button"
                            class="button button-small"
                            onClick={() => (editing.value = {})}
                        >
                            New role
                        </button>
                    </div>
                )}
            </header>
            {answer.custom.length === 0 ? (
                <p class="empty">None yet: everybody has what the built-in roles give.</p>
            ) : (
                <ul class="custom-roles">
                    {answer.custom.map((role) => (
                        <li key={role.id} data-role={role.id}>
                            <div>
                                <strong>{role.name}</strong>
                                <p>
                                    {role.partner ?? 'Staff'}, {roleName(role.base_role)} with{' '}
                                    {count(role.permissions.length)} of its permissions
                                    {role.users !== undefined && `; ${count(role.users)} have it`}
                                </p>
                                <p class="custom-permissions">{role.permissions.join(', ')}</p>
                            </div>
                            {edits && role.permissions.every((one) => actor.permissions.includes(one)) && (
                                <div class="row-buttons">
                                    <button
                                        type="button"
                                        class="button button-small"
                                        aria-label={`Edit ${role.name}`}
                                        onClick={() => (editing.value = { role })}
                                    >
                                        Edit
                                    </button>
                                    <button
                                        type="button"
                                        class="button button-small"
                                        aria-label={`Delete ${role.name}`}
                                        onClick={() => (deleting.value = role)}
                                    >
                                        Delete
                                    </button>
                                </div>
                            )}
                        </li>
                    ))}
                </ul>
            )}
            {editing.value && (
                <CustomRoleDialog
                    answer={answer}
                    actor={actor}
                    partners={props.partners}
                    role={editing.value.role}
                    close={close}
                    saved={() => {
                        close();
                        changed();
                    }}
                />
            )}
            {deleting.value && <DeleteDialog role={deleting.value} close={close} deleted={changed} />}
        </section>
    );
}

function DeleteDialog(props: { role: CustomRole; close: () => void; deleted: () => void }) {
    const { role, close, deleted } = props;
    return (
        <Dialog title={`Delete ${role.name}`} close={close}>
            <Form
                label="Delete"
                danger
                cancel={close}
                submit={async () => {
                    await del(`/v1/roles/${role.id}`);
                    notify(`${role.name} is deleted.`);
                    close();
                    deleted();
                }}
            >
                <p>A role that somebody still has cannot be deleted; give them another one first.</p>
            </Form>
        </Dialog>
    );
}

/** metrics.read_cost belongs to metrics. */
function areaOf(permission: string): string {
    return permission.split('.')[0] ?? permission;
}

/** As the table of permissions has them; what it does not know comes last. */
function inOrder(names: readonly string[], order: readonly string[]): string[] {
    const rank = (name: string): number => (order.includes(name) ? order.indexOf(name) : order.length);
    return [...names].sort((a, b) => rank(a) - rank(b) || a.localeCompare(b));
}

function Matrix({ answer }: { answer: RolesAnswer }) {
    const { roles } = answer;
    const permissions = inOrder(answer.permissions, knownPermissions);
    const names = inOrder(
        roles.map(({ role }) => role),
        Object.keys(rolePermissions),
    );
    const held = new Map(roles.map((one) => [one.role, new Set(one.permissions)]));
    const kinds = ['staff', 'partner']
        .map((kind) => ({ kind, of: names.filter((role) => role.startsWith(`${kind}.`)) }))
        .filter(({ of }) => of.length > 0);
    const columns = kinds.flatMap(({ of }) => of);
    return (
        <section class="panel" aria-labelledby="matrix-title">
            <header class="panel-head">
                <h2 id="matrix-title">Built-in roles</h2>
                <p class="panel-sub">{count(permissions.length)} permissions</p>
            </header>
            <div class="scroll matrix-scroll" tabIndex={0} role="region" aria-labelledby="matrix-title">
                <table class="table matrix">
                    <thead>
                        <tr>
                            <td />
                            {kinds.map(({ kind, of }) => (
                                <th key={kind} scope="colgroup" colSpan={of.length}>
                                    {kind === 'staff' ? 'Staff, everywhere' : 'Members, in their partner'}
                                </th>
                            ))}
                        </tr>
                        <tr>
                            <th scope="col">Permission</th>
                            {columns.map((role) => (
                                <th key={role} scope="col" data-kind={role.split('.')[0]}>
                                    {roleName(role.split('.')[1] ?? role)}
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {permissions.map((permission, at) => (
                            <tr
                                key={permission}
                                data-permission={permission}
                                data-first={areaOf(permission) !== areaOf(permissions[at - 1] ?? '')}
                            >
                                <th scope="row">
                                    <code>{permission}</code>
                                </th>
                                {columns.map((role) => (
                                    <Held
                                        key={role}
                                        role={role}
                                        held={held.get(role)?.has(permission) ?? false}
                                    />
                                ))}
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </section>
    );
}

function Held({ role, held }: { role: string; held: boolean }) {
    return (
        <td data-role={role} data-held={held}>
            <Icon name={held ? 'check' : 'dash'} />
            <span class="visually-hidden">{held ? 'yes' : 'no'}</span>
        </td>
    );
}
