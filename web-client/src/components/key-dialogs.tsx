import { useSignal } from '@preact/signals';
import { type ApiKey, endOfDay, networksOf, scopes } from '../access/keys';
import { patch, post } from '../session/http';
import { isStaff, may, type Principal } from '../session/principal';
import { Copyable } from './copy';
import { Dialog } from './dialog';
import { ChoiceField, type Entries, Field, Form, SelectField, TextField } from './form';
import { notify } from './toast';

interface Made extends ApiKey {
    /** Shown now or never: the server keeps a hash. */
    key: string;
}

interface Props {
    close: () => void;
    /** Something is another now: the list is to be asked for again. */
    changed: () => void;
}

function SecretDialog({ made, close, children }: { made: Made; close: () => void; children?: string }) {
    return (
        <Dialog title="The new key" wide holds close={close}>
            <p>
                Copy it now and keep it where secrets are kept: <strong>it is shown only once</strong>
                , and nobody can look it up later. {children}
            </p>
            <Copyable text={made.key} label="API key" />
            <div class="form-actions">
                <button type="button" class="button button-primary" onClick={close}>
                    I have copied it
                </button>
            </div>
        </Dialog>
    );
}

function limitsOf(entries: Entries) {
    const expires = endOfDay(entries.text('expires_at'));
    return {
        name: entries.text('name'),
        scopes: entries.all('scopes'),
        rate_limit: entries.number('rate_limit') ?? 0,
        max_seats: entries.number('max_seats') ?? null,
        ip_allow: networksOf(entries.text('ip_allow')),
        expires_at: expires ?? null,
    };
}

/** Of a date field: the day in this machine's zone. */
function dayOf(ms: number | null | undefined): string {
    if (ms === null || ms === undefined) return '';
    const at = new Date(ms);
    const two = (value: number): string => String(value).padStart(2, '0');
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function KeyFields(props: { principal: Principal; partner: string; now?: ApiKey }) {
    const { principal, partner, now } = props;
    const had = now?.scopes ?? ['events:write'];
    const options = scopes
        .filter(
            ({ scope, permission }) =>
                had.includes(scope) || permission === undefined || may(principal, permission, partner),
        )
        .map(({ scope, label }) => ({ value: scope, label }));
    const others = had.filter((scope) => !options.some((one) => one.value === scope));
    return (
        <>
            <ChoiceField
                name="scopes"
                label="It may"
                options={[...options, ...others.map((value) => ({ value, label: value }))]}
                chosen={had}
            />
            <div class="form-row">
                <Field
                    name="expires_at"
                    label="Expires after"
                    type="date"
                    optional
                    defaultValue={dayOf(now?.expires_at)}
                />
                <Field
                    name="rate_limit"
                    label="Events a second"
                    type="number"
                    min={0}
                    max={10000000}
                    optional
                    defaultValue={now?.rate_limit ? String(now.rate_limit) : ''}
                />
                <Field
                    name="max_seats"
                    label="Seats"
                    type="number"
                    min={1}
                    max={100000}
                    optional
                    defaultValue={now?.max_seats ? String(now.max_seats) : ''}
                />
            </div>
            <TextField
                name="ip_allow"
                label="Only from these networks"
                optional
                rows={2}
                hint="As 203.0.113.0/24 or 2001:db8::/32, parted by commas. None: from everywhere."
                defaultValue={(now?.ip_allow ?? []).join(', ')}
            />
        </>
    );
}

export function CreateKeyDialog(props: Props & { principal: Principal; partner: string }) {
    const { principal, partner, close, changed } = props;
    const made = useSignal<Made | undefined>(undefined);
    if (made.value) return <SecretDialog made={made.value} close={close} />;
    return (
        <Dialog title={`A new API key${isStaff(principal) ? ` of ${partner}` : ''}`} wide close={close}>
            <Form
                label="Create the key"
                cancel={close}
                submit={async (entries) => {
                    made.value = await post<Made>('/v1/api-keys', {
                        partner,
                        environment: entries.text('environment'),
                        ...limitsOf(entries),
                    });
                    changed();
                }}
            >
                <div class="form-row">
                    <Field
                        name="name"
                        label="Name"
                        hint="Where it is used."
                        maxLength={200}
                        autocomplete="off"
                        autofocus
                    />
                    <SelectField
                        name="environment"
                        label="Environment"
                        options={[
                            { value: 'live', label: 'Live' },
                            { value: 'test', label: 'Test' },
                        ]}
                    />
                </div>
                <KeyFields principal={principal} partner={partner} />
            </Form>
        </Dialog>
    );
}

export function EditKeyDialog(props: Props & { principal: Principal; apiKey: ApiKey }) {
    const { principal, apiKey, close, changed } = props;
    return (
        <Dialog title={`Limits of ${apiKey.name}`} wide close={close}>
            <Form
                label="Save"
                cancel={close}
                submit={async (entries) => {
                    const wanted = limitsOf(entries);
                    // The day stands for its last millisecond only if somebody chose it.
                    const sameDay = entries.text('expires_at') === dayOf(apiKey.expires_at);
                    await patch(`/v1/api-keys/${apiKey.id}`, {
                        ...wanted,
                        ...(sameDay && { expires_at: apiKey.expires_at }),
                    });
                    changed();
                    close();
                    notify(`${wanted.name} is saved.`);
                }}
            >
                <Field name="name" label="Name" defaultValue={apiKey.name} maxLength={200} />
                <KeyFields principal={principal} partner={apiKey.partner} now={apiKey} />
            </Form>
        </Dialog>
    );
}

const overlaps = [
    { value: '0', label: 'Stops at once' },
    { value: '3600', label: 'Works for 1 hour more' },
    { value: '86400', label: 'Works for 1 day more' },
    { value: '604800', label: 'Works for 7 days more' },
];

export function RotateKeyDialog({ apiKey, close, changed }: Props & { apiKey: ApiKey }) {
    const made = useSignal<Made | undefined>(undefined);
    if (made.value)
        return (
            <SecretDialog made={made.value} close={close}>
                Put it in the place of the old one before that stops working.
            </SecretDialog>
        );
    return (
        <Dialog title={`Rotate ${apiKey.name}?`} close={close}>
            <p>A new key with the same rights and limits takes the place of this one.</p>
            <Form
                label="Rotate"
                cancel={close}
                submit={async (entries) => {
                    made.value = await post<Made>(`/v1/api-keys/${apiKey.id}/rotate`, {
                        overlap_seconds: entries.number('overlap_seconds') ?? 0,
                    });
                    changed();
                }}
            >
                <SelectField
                    name="overlap_seconds"
                    label="The old key"
                    options={overlaps}
                    defaultValue="86400"
                />
            </Form>
        </Dialog>
    );
}

export function RevokeKeyDialog({ apiKey, close, changed }: Props & { apiKey: ApiKey }) {
    return (
        <Dialog title={`Revoke ${apiKey.name}?`} close={close}>
            <p>
                It stops working within a second, for good. Whatever still uses it is refused from
                then on.
            </p>
            <Form
                label="Revoke the key"
                danger
                cancel={close}
                submit={async (entries) => {
                    await post(`/v1/api-keys/${apiKey.id}/revoke`, { reason: entries.text('reason') });
                    changed();
                    close();
                    notify(`${apiKey.name} is revoked.`);
                }}
            >
                <Field
                    name="reason"
                    label="Reason"
                    hint="Kept in the audit trail."
                    maxLength={500}
                    autocomplete="off"
                    autofocus
                />
            </Form>
        </Dialog>
    );
}
