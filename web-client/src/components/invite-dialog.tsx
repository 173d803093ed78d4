import { useSignal } from '@preact/signals';
import { roleName } from '../format/format';
import { post } from '../session/http';
import { Dialog } from './dialog';
import { Field, Form, SelectField } from './form';
import { InvitationReady, type MadeInvitation } from './invitation-ready';

/** Makes an invitation, whose link is shown once: the server keeps only its hash. */
export function InviteDialog(props: {
    staffRoles: readonly string[];
    partnerRoles: readonly string[];
    close: () => void;
    changed: () => void;
}) {
    const { staffRoles, partnerRoles, close, changed } = props;
    const made = useSignal<MadeInvitation | undefined>(undefined);
    const kind = useSignal(partnerRoles.length ? 'partner' : 'staff');
    if (made.value) return <InvitationReady made={made.value} close={close} />;
    const options = (names: readonly string[]) =>
        names.map((value) => ({ value, label: roleName(value) }));
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
                        ...(kind.peek() === 'staff'
                            ? { staff_role: entries.text('staff_role') }
                            : {
                                  partner: entries.text('partner').toUpperCase(),
                                  role: entries.text('role'),
                              }),
                    });
                    made.value = { email, token };
                    changed();
                }}
            >
                <Field name="email" label="E-mail" type="email" maxLength={254} autocomplete="off" autofocus />
                <Field name="name" label="Name" maxLength={120} autocomplete="off" />
                {staffRoles.length > 0 && partnerRoles.length > 0 && (
                    <SelectField
                        name="kind"
                        label="Joins"
                        options={[
                            { value: 'partner', label: 'A partner' },
                            { value: 'staff', label: 'The staff' },
                        ]}
                        onChange={(value) => (kind.value = value)}
                    />
                )}
                {kind.value === 'staff' ? (
                    <SelectField name="staff_role" label="Role" options={options(staffRoles)} />
                ) : (
                    <>
                        <Field
                            name="partner"
                            label="Partner"
                            hint="The partner's code, as INCEPT."
                            pattern="[A-Za-z0-9_\-]{1,32}"
                            maxLength={32}
                            autocomplete="off"
                        />
                        <SelectField name="role" label="Role" options={options(partnerRoles)} />
                    </>
                )}
            </Form>
        </Dialog>
    );
}
