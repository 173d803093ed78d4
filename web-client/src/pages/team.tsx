/** A partner's people: their roles, and the invitations that are open. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import {
    changesTeam,
    grantableRoles,
    type Invitation,
    type Member,
    teamChannel,
} from '../access/team';
import { isEntry } from '../admin/trail';
import { type Column, DataTable } from '../components/data-table';
import { Dialog } from '../components/dialog';
import { Field, Form, SelectField } from '../components/form';
import { InvitationReady, type MadeInvitation } from '../components/invitation-ready';
import { OpenInvitations } from '../components/invitations';
import { PageFrame } from '../components/page';
import { PartnerDomains } from '../components/partner-domains';
import { attempt, notify } from '../components/toast';
import { When } from '../components/when';
import { roleName } from '../format/format';
import { useLog } from '../live/context';
import { useGathered } from '../live/use-gathered';
import { hrefOf } from '../route';
import { del, post, put, withQuery } from '../session/http';
import { may, mayChange, type Principal } from '../session/principal';
import { type List, useList } from '../session/resource';

interface Context {
    principal: Principal;
    code: string;
    /** May assign roles. */
    assigns: boolean;
    list: List<Member>;
    remove: (member: Member) => void;
}

function columnsOf(context: Context): Column<Member>[] {
    const { principal, code, assigns, remove } = context;
    const personal = may(principal, 'users.read_personal', code);
    const columns: Column<Member>[] = [
        {
            id: 'name',
            label: 'Name',
            header: true,
            cell: (member) => (
                <>
                    <a href={hrefOf({ page: 'user', id: member.id })}>{member.name}</a>
                    {member.id === principal.user.id && <span class="tag tag-here">you</span>}
                    {member.status !== 'active' && (
                        <span class="cell-sub">{roleName(member.status)}</span>
                    )}
                </>
            ),
        },
    ];
    if (personal || principal.user.kind === 'staff')
        columns.push({
            id: 'email',
            label: 'E-mail',
            cell: (member) => member.email ?? member.masked ?? '–',
        });
    columns.push({ id: 'role', label: 'Role', cell: (member) => <Role {...context} member={member} /> });
    if (personal)
        columns.push({
            id: 'last',
            label: 'Last sign-in',
            cell: (member) => <When at={member.last_login_at} none="never" />,
        });
    if (assigns)
        columns.push({
            id: 'actions',
            label: 'Actions',
            actions: true,
            cell: (member) =>
                member.id !== principal.user.id && (
                    <button
                        type="button"
                        class="button button-small"
                        aria-label={`Remove ${member.name}`}
                        onClick={() => remove(member)}
                    >
                        Remove
                    </button>
                ),
        });
    return columns;
}

/** Nobody changes his own role, nor gives or takes one of which he does not hold all. */
function Role({ principal, code, assigns, list, member }: Context & { member: Member }) {
    const roles = grantableRoles(principal, code);
    const own = member.id === principal.user.id;
    if (!assigns || own || member.custom_role || !roles.includes(member.role))
        return (
            <>
                {roleName(member.role)}
                {member.custom_role && <span class="cell-sub">with a custom role</span>}
            </>
        );
    const change = async (role: string): Promise<void> => {
        await attempt(
            () => put(withQuery(`/v1/team/${member.id}`, { partner: code }), { role }),
            `${member.name} is ${roleName(role).toLowerCase()} now.`,
        );
        await list.reload();
    };
    return (
        <span class="select">
            <select
                aria-label={`Role of ${member.name}`}
                value={member.role}
                onChange={(event) => void change(event.currentTarget.value)}
            >
                {roles.map((role) => (
                    <option key={role} value={role}>
                        {roleName(role)}
                    </option>
                ))}
            </select>
        </span>
    );
}

/** Reads both lists again when the team changes. Who reads no trail hears of his own changes only. */
function useChanges(
    principal: Principal,
    code: string,
    list: List<Member>,
    invitations: List<Invitation>,
): void {
    const read = useGathered(() => {
        void list.reload();
        void invitations.reload();
    });
    useLog(teamChannel(principal, code), {
        entry: (data) => {
            if (isEntry(data) && changesTeam(data, code, list.items.peek() ?? [])) read();
        },
        missed: read,
    });
    const known = useRef(principal);
    useEffect(() => {
        if (known.current !== principal) read();
        known.current = principal;
    }, [principal]);
}

export function TeamPage({ principal, code }: { principal: Principal; code: string }) {
    const list = useList<Member>(withQuery('/v1/team', { partner: code }));
    const removing = useSignal<Member | undefined>(undefined);
    const inviting = useSignal(false);
    const assigns = mayChange(principal, 'roles.assign', code);
    const invitations = useList<Invitation>(
        assigns ? withQuery('/v1/invitations', { partner: code, status: 'open' }) : undefined,
    );
    const remove = (member: Member): void => {
        removing.value = member;
    };
    useChanges(principal, code, list, invitations);
    const name = principal.partners.find((one) => one.code === code)?.name ?? code;
    return (
        <PageFrame
            title={`Team of ${name}`}
            tools={
                assigns && (
                    <button
                        type="button"
                        class="button button-primary"
                        onClick={() => (inviting.value = true)}
                    >
                        Invite somebody
                    </button>
                )
            }
        >
            <section class="panel" aria-labelledby="members-title">
                <header class="panel-head">
                    <h2 id="members-title">Members</h2>
                </header>
                <DataTable
                    caption="Members"
                    list={list}
                    columns={columnsOf({ principal, code, assigns, list, remove })}
                    rowKey={(member) => member.id}
                    rowAttributes={(member) => ({ 'data-user': member.id })}
                    empty="Nobody belongs to this partner yet."
                />
            </section>
            {assigns && <OpenInvitations list={invitations} />}
            {may(principal, 'partners.write', code) && <PartnerDomains code={code} />}
            {inviting.value && (
                <InviteToTeam
                    principal={principal}
                    code={code}
                    close={() => (inviting.value = false)}
                    changed={() => void invitations.reload()}
                />
            )}
            {removing.value && (
                <RemoveDialog
                    member={removing.value}
                    code={code}
                    close={() => (removing.value = undefined)}
                    changed={() => void list.reload()}
                />
            )}
        </PageFrame>
    );
}

interface DialogProps {
    code: string;
    close: () => void;
    changed: () => void;
}

function InviteToTeam({ principal, code, close, changed }: DialogProps & { principal: Principal }) {
    const made = useSignal<MadeInvitation | undefined>(undefined);
    if (made.value) return <InvitationReady made={made.value} close={close} />;
    const options = grantableRoles(principal, code).map((value) => ({
        value,
        label: roleName(value),
    }));
    return (
        <Dialog title="Invite somebody" close={close}>
            <Form
                label="Make the invitation"
                cancel={close}
                submit={async (entries) => {
                    const email = entries.text('email');
                    const { token } = await post<{ token: string }>('/v1/invitations', {
                        email,
                        name: entries.text('name'),
                        partner: code,
                        role: entries.text('role'),
                    });
                    made.value = { email, token };
                    changed();
                }}
            >
                <Field
                    name="email"
                    label="E-mail"
                    type="email"
                    maxLength={254}
                    autocomplete="off"
                    autofocus
                />
                <Field name="name" label="Name" maxLength={120} autocomplete="off" />
                <SelectField
                    name="role"
                    label="Role"
                    options={options}
                    defaultValue={options.at(-1)?.value ?? ''}
                />
            </Form>
        </Dialog>
    );
}

function RemoveDialog({ member, code, close, changed }: DialogProps & { member: Member }) {
    return (
        <Dialog title={`Remove ${member.name}?`} close={close}>
            <p>
                The team&apos;s pages close for {member.name} at once. The account itself stays, and
                you can invite it again.
            </p>
            <Form
                label="Remove"
                danger
                cancel={close}
                submit={async () => {
                    await del(withQuery(`/v1/team/${member.id}`, { partner: code }));
                    changed();
                    close();
                    notify(`${member.name} is removed.`);
                }}
            />
        </Dialog>
    );
}
