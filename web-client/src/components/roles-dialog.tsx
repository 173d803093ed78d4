/** Who somebody is: a role of staff, or a role in each partner; only what one may grant. */
import { useSignal } from '@preact/signals';
import { type Actor, grantableCustomRoles, grantableRoles } from '../admin/grants';
import type { RolesAnswer, UserDetail, UserMembership } from '../admin/shapes';
import { roleName } from '../format/format';
import { put } from '../session/http';
import { Dialog } from './dialog';
import { type Entries, Field, Form, type Option, SelectField } from './form';
import { Icon } from './icon';

interface Props {
    actor: Actor;
    roles: RolesAnswer;
    user: UserDetail;
    close: () => void;
    saved: () => void;
}

export function RolesDialog(props: Props) {
    const { user, close } = props;
    return (
        <Dialog title={`Roles of ${user.name}`} wide close={close}>
            {user.kind === 'staff' ? <StaffForm {...props} /> : <MemberForm {...props} />}
        </Dialog>
    );
}

/** What is there stays to be seen, though one may not grant it. */
function roleOptions(grantable: readonly string[], now: string | null | undefined): Option[] {
    const options: Option[] = grantable.map((value) => ({ value, label: roleName(value) }));
    if (now && !grantable.includes(now))
        options.unshift({ value: now, label: `${roleName(now)} (not yours to grant)` });
    return options;
}

function customOptions(
    { actor, roles }: Props,
    base: string,
    partner: string | undefined,
    now: string | null | undefined,
): Option[] {
    const found = grantableCustomRoles(actor, roles, base, partner);
    const options = found.map(({ id, name }) => ({ value: id, label: name }));
    if (now && !found.some(({ id }) => id === now)) {
        const known = roles.custom.find(({ id }) => id === now);
        // Of another base: it narrows nothing here, so it goes with the role.
        if (known?.base_role === base) options.unshift({ value: now, label: known.name });
    }
    return [{ value: '', label: 'All of the role' }, ...options];
}

function StaffForm(props: Props) {
    const { actor, roles, user, close, saved } = props;
    const role = useSignal(user.role ?? 'viewer');
    return (
        <Form
            label="Save"
            cancel={close}
            submit={async (entries) => {
                await put(`/v1/users/${user.id}/roles`, {
                    staff_role: entries.text('staff_role'),
                    custom_role: entries.text('custom_role') || null,
                });
                saved();
            }}
        >
            <SelectField
                name="staff_role"
                label="Role"
                options={roleOptions(grantableRoles(actor, roles, 'staff'), user.role)}
                defaultValue={role.value}
                onChange={(value) => (role.value = value)}
            />
            <SelectField
                key={role.value}
                name="custom_role"
                label="Narrowed to"
                optional
                options={customOptions(props, `staff.${role.value}`, undefined, user.custom_role)}
                defaultValue={user.custom_role ?? ''}
            />
        </Form>
    );
}

interface Row {
    key: number;
    known: UserMembership | undefined;
}

function MemberForm(props: Props) {
    const { user, close, saved } = props;
    const rows = useSignal<readonly Row[]>(user.memberships.map((known, key) => ({ key, known })));
    const add = (): void => {
        const key = Math.max(-1, ...rows.peek().map((row) => row.key)) + 1;
        rows.value = [...rows.peek(), { key, known: undefined }];
    };
    return (
        <Form
            label="Save"
            cancel={close}
            submit={async (entries) => {
                await put(`/v1/users/${user.id}/roles`, {
                    memberships: rows.peek().map((row) => membershipOf(entries, row)),
                });
                saved();
            }}
        >
            {rows.value.length === 0 && <p class="empty">No partner: signing in will show nothing.</p>}
            {rows.value.map((row) => (
                <MembershipFields
                    key={row.key}
                    {...props}
                    row={row}
                    remove={() => (rows.value = rows.peek().filter((one) => one !== row))}
                />
            ))}
            <button type="button" class="button button-small" onClick={add}>
                Add a partner
            </button>
        </Form>
    );
}

function membershipOf(entries: Entries, { key }: Row): UserMembership {
    const ends = entries.text(`expires-${key}`);
    return {
        partner: entries.text(`partner-${key}`).toUpperCase(),
        role: entries.text(`role-${key}`),
        custom_role: entries.text(`custom-${key}`) || null,
        expires_at: ends ? new Date(`${ends}T23:59:59`).getTime() : null,
    };
}

/** As a field for days takes it, in the reader's own time. */
function localDay(ms: number): string {
    const at = new Date(ms);
    const two = (value: number): string => String(value).padStart(2, '0');
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function MembershipFields(props: Props & { row: Row; remove: () => void }) {
    const { actor, roles, row, remove } = props;
    const { key, known } = row;
    const partner = useSignal(known?.partner ?? '');
    const role = useSignal(known?.role ?? 'viewer');
    const grantable = grantableRoles(actor, roles, 'partner');
    return (
        <fieldset class="membership">
            <legend class="visually-hidden">{partner.value || 'Another partner'}</legend>
            <Field
                name={`partner-${key}`}
                label="Partner"
                defaultValue={partner.value}
                readOnly={known !== undefined}
                pattern="[A-Za-z0-9_\-]{1,32}"
                maxLength={32}
                autocomplete="off"
                onInput={(event) => (partner.value = event.currentTarget.value.toUpperCase())}
            />
            <SelectField
                name={`role-${key}`}
                label="Role"
                options={roleOptions(grantable, known?.role)}
                defaultValue={role.value}
                onChange={(value) => (role.value = value)}
            />
            <SelectField
                key={`${partner.value} ${role.value}`}
                name={`custom-${key}`}
                label="Narrowed to"
                optional
                options={customOptions(
                    props,
                    `partner.${role.value}`,
                    partner.value,
                    known?.custom_role,
                )}
                defaultValue={known?.custom_role ?? ''}
            />
            <Field
                name={`expires-${key}`}
                label="Until"
                optional
                type="date"
                {...(known?.expires_at && { defaultValue: localDay(known.expires_at) })}
            />
            <button
                type="button"
                class="icon-button"
                aria-label={`Remove ${partner.value || 'this partner'}`}
                title="Remove"
                onClick={remove}
            >
                <Icon name="cross" />
            </button>
        </fieldset>
    );
}
