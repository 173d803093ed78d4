import { useSignal } from '@preact/signals';
import { type Actor, grantableRoles } from '../admin/grants';
import type { CustomRole, RolesAnswer } from '../admin/shapes';
import { roleName } from '../format/format';
import { post, put } from '../session/http';
import { Dialog } from './dialog';
import { ChoiceField, Field, Form, SelectField } from './form';
import { notify } from './toast';

/** Makes or changes a custom role: of the built-in one's permissions those that are ticked. */
export function CustomRoleDialog(props: {
    answer: RolesAnswer;
    actor: Actor;
    /** Where a member may make one; undefined: staff, anywhere. */
    partners: readonly string[] | undefined;
    role: CustomRole | undefined;
    close: () => void;
    saved: () => void;
}) {
    const { answer, actor, partners, role, close, saved } = props;
    const bases = [
        ...(partners ? [] : grantableRoles(actor, answer, 'staff')
                  // An owner is always a whole one.
                  .filter((name) => name !== 'owner')
                  .map((name) => `staff.${name}`)),
        ...grantableRoles(actor, answer, 'partner').map((name) => `partner.${name}`),
    ];
    const base = useSignal(role?.base_role ?? bases[0] ?? '');
    const permissions = answer.roles.find((one) => one.role === base.value)?.permissions ?? [];
    return (
        <Dialog title={role ? `Edit ${role.name}` : 'New role'} wide close={close}>
            <Form
                label="Save"
                cancel={close}
                submit={async (entries) => {
                    const body = {
                        name: entries.text('name'),
                        permissions: entries.all('permissions'),
                    };
                    if (role) await put(`/v1/roles/${role.id}`, { ...body, version: role.version });
                    else
                        await post('/v1/roles', {
                            ...body,
                            base_role: base.peek(),
                            ...(base.peek().startsWith('partner.') && {
                                partner: entries.text('partner').toUpperCase(),
                            }),
                        });
                    notify(role ? 'The role is changed, on open pages too.' : 'The role is made.');
                    saved();
                }}
            >
                <Field name="name" label="Name" maxLength={80} autocomplete="off" defaultValue={role?.name ?? ''} autofocus />
                {!role && (
                    <SelectField
                        name="base_role"
                        label="Narrows"
                        options={bases.map((value) => ({ value, label: roleName(value) }))}
                        defaultValue={base.value}
                        onChange={(value) => (base.value = value)}
                    />
                )}
                {!role &&
                    base.value.startsWith('partner.') &&
                    (partners ? (
                        <SelectField
                            name="partner"
                            label="Partner"
                            options={partners.map((value) => ({ value, label: value }))}
                        />
                    ) : (
                        <Field
                            name="partner"
                            label="Partner"
                            hint="The partner's code, as INCEPT."
                            pattern="[A-Za-z0-9_\-]{1,32}"
                            maxLength={32}
                            autocomplete="off"
                        />
                    ))}
                <ChoiceField
                    key={base.value}
                    name="permissions"
                    label="Permissions"
                    hint="Only what you hold yourself can be given."
                    options={permissions.map((value) => ({
                        value,
                        label: value,
                        disabled: !actor.permissions.includes(value),
                    }))}
                    chosen={role?.permissions ?? []}
                />
            </Form>
        </Dialog>
    );
}
