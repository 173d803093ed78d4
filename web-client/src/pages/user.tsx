/** One person: who he is, where he belongs, and what may be done about it. */
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { actorOf, mayManage } from '../admin/grants';
import type { CustomRole, PartnerUsage, RolesAnswer, UserDetail } from '../admin/shapes';
import { Badge } from '../components/badge';
import { Copyable } from '../components/copy';
import { Failed } from '../components/data-table';
import { Dialog } from '../components/dialog';
import { Field, Form, TextField } from '../components/form';
import { Icon } from '../components/icon';
import { PageFrame } from '../components/page';
import { RolesDialog } from '../components/roles-dialog';
import { attempt, notify } from '../components/toast';
import { count, fullTime, roleName } from '../format/format';
import { hrefOf, navigate, redirect } from '../route';
import { HttpProblem, patch, post } from '../session/http';
import { isStaff, may, mayChange, type Principal } from '../session/principal';
import { type Resource, useResource } from '../session/resource';
import { restoreSession } from '../session/session';
import { NotFoundPage } from './not-found';

type Action = 'suspend' | 'roles' | 'impersonate' | 'erase';

export function UserPage({ principal, id }: { principal: Principal; id: string }) {
    const user = useResource<UserDetail>(`/v1/users/${id}`);
    const { value: shown } = user.data;
    const { value: error } = user.error;
    if (error instanceof HttpProblem && error.status === 404)
        return <NotFoundPage home={{ page: 'users' }} />;
    return (
        <PageFrame
            title={shown?.name ?? 'User'}
            above={
                <a class="page-up" href={hrefOf({ page: 'users' })}>
                    Users
                </a>
            }
            mark={shown && <Badge state={shown.status} />}
            busy={!shown}
        >
            {error && <Failed error={error} retry={() => void user.reload()} />}
            {shown && <Details principal={principal} user={shown} resource={user} />}
        </PageFrame>
    );
}

interface Shown {
    principal: Principal;
    user: UserDetail;
    resource: Resource<UserDetail>;
}

function Details(props: Shown) {
    const { principal, user, resource } = props;
    const action = useSignal<Action | undefined>(undefined);
    const roles = useResource<RolesAnswer>('/v1/roles');
    const assigns = mayChange(principal, 'roles.assign') && isStaff(principal);
    const close = (): void => {
        action.value = undefined;
    };
    const open = (wanted: Action) => (): void => {
        action.value = wanted;
    };
    return (
        <>
            {user.suspended_reason && (
                <div class="banner" data-phase="stale">
                    <Icon name="pause" />
                    <p>
                        <strong>Suspended.</strong> {user.suspended_reason}
                    </p>
                </div>
            )}
            <div class="split-row">
                <div class="stack">
                    <Profile user={user} />
                    <Access
                        user={user}
                        custom={roles.data.value?.custom ?? []}
                        {...(roles.data.value &&
                            assigns &&
                            mayManage(actorOf(principal), user) && { edit: open('roles') })}
                        staff={isStaff(principal)}
                    />
                    {user.usage && user.usage.length > 0 && <Usage usage={user.usage} />}
                    {mayChange(principal, 'users.suspend') && isStaff(principal) && <Notes user={user} resource={resource} />}
                </div>
                <Actions {...props} open={open} />
            </div>
            {action.value === 'suspend' && <SuspendDialog {...props} close={close} />}
            {action.value === 'impersonate' && <ImpersonateDialog user={user} close={close} />}
            {action.value === 'erase' && <EraseDialog user={user} close={close} />}
            {action.value === 'roles' && roles.data.value && (
                <RolesDialog
                    actor={actorOf(principal)}
                    roles={roles.data.value}
                    user={user}
                    close={close}
                    saved={() => {
                        close();
                        notify('The roles are changed, on open pages too.');
                        void resource.reload();
                    }}
                />
            )}
        </>
    );
}

function Facts({ items }: { items: readonly [string, ComponentChildren][] }) {
    return (
        <dl class="rows facts-list">
            {items.map(([label, value]) => (
                <div key={label}>
                    <dt>{label}</dt>
                    <dd>{value}</dd>
                </div>
            ))}
        </dl>
    );
}

function when(at: number | null | undefined): string {
    return at ? fullTime(at) : 'never';
}

function Profile({ user }: { user: UserDetail }) {
    return (
        <section class="panel" aria-labelledby="profile-title">
            <header class="panel-head">
                <h2 id="profile-title">Profile</h2>
            </header>
            <Facts
                items={[
                    ['E-mail', user.email ?? user.masked ?? '–'],
                    ['Kind', user.kind === 'staff' ? 'Staff' : 'Member'],
                    ['Last sign-in', when(user.last_login_at)],
                    ['Created', when(user.created_at)],
                    ...(user.sessions === undefined
                        ? []
                        : [['Open sessions', count(user.sessions)] as [string, string]]),
                    ...(user.two_factor === undefined
                        ? []
                        : [['Second factor', user.two_factor ? 'on' : 'off'] as [string, string]]),
                ]}
            />
            <Copyable text={user.id} label="User id" />
        </section>
    );
}

function Access(props: {
    user: UserDetail;
    custom: readonly CustomRole[];
    edit?: () => void;
    staff: boolean;
}) {
    const { user, custom, edit } = props;
    const narrowed = (id: string | null | undefined): ComponentChildren =>
        id && <span class="tag">{custom.find((one) => one.id === id)?.name ?? id}</span>;
    return (
        <section class="panel" aria-labelledby="access-title">
            <header class="panel-head">
                <h2 id="access-title">Access</h2>
                <div class="panel-tools">
                    {props.staff && (
                        <a class="button button-small" href={`#/explain?user=${user.id}`}>
                            Explain a channel
                        </a>
                    )}
                    {edit && (
                        <button type="button" class="button button-small" onClick={edit}>
                            Edit roles
                        </button>
                    )}
                </div>
            </header>
            {user.kind === 'staff' ? (
                <p class="access-role">
                    {roleName(`staff ${user.role ?? ''}`.trim())}
                    {' '}
                    {narrowed(user.custom_role)}
                </p>
            ) : user.memberships.length === 0 ? (
                <p class="empty">No partner: signing in shows nothing.</p>
            ) : (
                <table class="table">
                    <caption class="visually-hidden">Memberships</caption>
                    <thead>
                        <tr>
                            <th scope="col">Partner</th>
                            <th scope="col">Role</th>
                            <th scope="col">Until</th>
                        </tr>
                    </thead>
                    <tbody>
                        {user.memberships.map((one) => (
                            <tr key={one.partner} data-membership={one.partner}>
                                <th scope="row">
                                    <a href={hrefOf({ page: 'partner', code: one.partner })}>
                                        {one.partner}
                                    </a>
                                </th>
                                <td>
                                    {one.suspended_at && <Badge state="suspended" />}{' '}
                                    {roleName(one.role)} {narrowed(one.custom_role)}
                                </td>
                                <td>{one.expires_at ? fullTime(one.expires_at) : 'no end'}</td>
                            </tr>
                        ))}
                    </tbody>
                </table>
            )}
        </section>
    );
}

function Usage({ usage }: { usage: readonly PartnerUsage[] }) {
    return (
        <section class="panel" aria-labelledby="usage-title">
            <header class="panel-head">
                <h2 id="usage-title">What these partners did</h2>
                <p class="panel-sub">last 30 days</p>
            </header>
            <div class="scroll" tabIndex={0} role="region" aria-labelledby="usage-title">
                <table class="table">
                    <thead>
                        <tr>
                            <th scope="col">Partner</th>
                            {['Projects', 'Generations', 'Completed', 'Failed'].map((label) => (
                                <th key={label} scope="col" class="number">
                                    {label}
                                </th>
                            ))}
                        </tr>
                    </thead>
                    <tbody>
                        {usage.map((one) => (
                            <tr key={one.partner} data-usage={one.partner}>
                                <th scope="row">{one.partner}</th>
                                {[one.projects, one.requested, one.completed, one.failed].map(
                                    (value, at) => (
                                        <td key={at} class="number">
                                            {count(value)}
                                        </td>
                                    ),
                                )}
                            </tr>
                        ))}
                    </tbody>
                </table>
            </div>
        </section>
    );
}

function Notes({ user, resource }: { user: UserDetail; resource: Resource<UserDetail> }) {
    return (
        <section class="panel" aria-labelledby="notes-title">
            <header class="panel-head">
                <h2 id="notes-title">Notes</h2>
                <p class="panel-sub">for staff</p>
            </header>
            <Form
                label="Save the notes"
                submit={async (entries) => {
                    await patch(`/v1/users/${user.id}`, { notes: entries.text('notes') });
                    notify('The notes are saved.');
                    await resource.reload();
                }}
            >
                <TextField
                    name="notes"
                    label="Notes about this account"
                    optional
                    rows={3}
                    maxLength={2000}
                    defaultValue={user.notes ?? ''}
                />
            </Form>
        </section>
    );
}

function Actions(props: Shown & { open: (action: Action) => () => void }) {
    const { principal, user, resource, open } = props;
    const own = user.id === principal.user.id;
    const manages = mayManage(actorOf(principal), user);
    const suspends = mayChange(principal, 'users.suspend') && manages;
    const url = `/v1/users/${user.id}`;
    const signOut = async (): Promise<void> => {
        if (await attempt(() => post(`${url}/sign-out`), 'Signed out everywhere.'))
            void resource.reload();
    };
    const unsuspend = async (): Promise<void> => {
        if (await attempt(() => post(`${url}/unsuspend`), `${user.name} may sign in again.`))
            void resource.reload();
    };
    return (
        <section class="panel user-side" aria-labelledby="actions-title">
            <header class="panel-head">
                <h2 id="actions-title">Actions</h2>
            </header>
            {own && <p class="panel-sub">This is you. Nobody changes their own access.</p>}
            <div class="user-actions">
                {suspends && (
                    <button type="button" class="button" onClick={() => void signOut()}>
                        Sign out everywhere
                    </button>
                )}
                {mayChange(principal, 'users.impersonate') &&
                    user.kind === 'member' &&
                    user.status === 'active' && (
                        <button type="button" class="button" onClick={open('impersonate')}>
                            Impersonate
                        </button>
                    )}
                {may(principal, 'users.read_personal') && (
                    <a class="button" href={`${url}/export`} download={`${user.id}.json`}>
                        Export personal data
                    </a>
                )}
                {may(principal, 'audit.read') && (
                    <a class="button" href={`#/audit?target=${user.id}`}>
                        What was done to this account
                    </a>
                )}
                {may(principal, 'audit.read') && (
                    <a class="button" href={`#/audit?actor=${user.id}`}>
                        What this account did
                    </a>
                )}
                {suspends &&
                    (user.status === 'suspended' ? (
                        <button type="button" class="button" onClick={() => void unsuspend()}>
                            Lift the suspension
                        </button>
                    ) : (
                        <button type="button" class="button button-danger" onClick={open('suspend')}>
                            Suspend
                        </button>
                    ))}
                {suspends && isStaff(principal) && (
                    <button type="button" class="button button-danger" onClick={open('erase')}>
                        Erase personal data
                    </button>
                )}
            </div>
        </section>
    );
}

function SuspendDialog({ user, resource, close }: Shown & { close: () => void }) {
    return (
        <Dialog title={`Suspend ${user.name}`} close={close}>
            <Form
                label="Suspend"
                danger
                cancel={close}
                submit={async (entries) => {
                    await post(`/v1/users/${user.id}/suspend`, { reason: entries.text('reason') });
                    close();
                    notify(`${user.name} is suspended; open pages are closed.`);
                    await resource.reload();
                }}
            >
                <p>
                    Their open pages are closed within a second, and they cannot sign in until this
                    is lifted.
                </p>
                <TextField
                    name="reason"
                    label="Reason"
                    hint="For staff, and kept in the audit trail."
                    maxLength={500}
                />
            </Form>
        </Dialog>
    );
}

function ImpersonateDialog({ user, close }: { user: UserDetail; close: () => void }) {
    return (
        <Dialog title={`Impersonate ${user.name}`} close={close}>
            <Form
                label="Begin"
                cancel={close}
                submit={async (entries) => {
                    await post(`/v1/users/${user.id}/impersonate`, {
                        reason: entries.text('reason'),
                    });
                    await restoreSession();
                    redirect({ page: 'home' });
                }}
            >
                <p>
                    You see what they see, but for messages, and can change nothing. It ends
                    after 30 minutes at the latest, and everything is in the audit trail under your
                    name.
                </p>
                <TextField name="reason" label="Reason" maxLength={500} />
            </Form>
        </Dialog>
    );
}

function EraseDialog({ user, close }: { user: UserDetail; close: () => void }) {
    return (
        <Dialog title={`Erase ${user.name}`} close={close}>
            <Form
                label="Erase for good"
                danger
                cancel={close}
                submit={async (entries) => {
                    if (entries.text('confirm') !== user.name)
                        throw new HttpProblem(400, 'this is not the name', 'invalid', 'confirm');
                    await post(`/v1/users/${user.id}/erase`);
                    notify('The personal data is erased.');
                    navigate({ page: 'users' });
                }}
            >
                <p>
                    Name, e-mail and everything personal are removed for good, and all sessions
                    end. The audit trail keeps the id. This cannot be undone.
                </p>
                <Field
                    name="confirm"
                    label={`Type “${user.name}” to confirm`}
                    autocomplete="off"
                    maxLength={120}
                />
            </Form>
        </Dialog>
    );
}
