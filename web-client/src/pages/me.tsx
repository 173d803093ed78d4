/** The reader's own account: name, password, second factor, and where he is signed in. */
import { useSignal } from '@preact/signals';
import { useMemo } from 'preact/hooks';
import { Copyable } from '../components/copy';
import { type Column, DataTable } from '../components/data-table';
import { Dialog } from '../components/dialog';
import { Field, Form } from '../components/form';
import { PageFrame } from '../components/page';
import { CodeField } from '../components/step-up';
import { attempt, notify } from '../components/toast';
import { When } from '../components/when';
import { browserOf } from '../format/browser';
import { roleName } from '../format/format';
import { qrPath } from '../format/qr';
import { del, patch, post, put } from '../session/http';
import type { Principal } from '../session/principal';
import { type List, useList } from '../session/resource';
import { refreshPrincipal, signOut } from '../session/session';
import { passwordHint } from './invitation';

export function MePage({ principal }: { principal: Principal }) {
    const readOnly = principal.session.impersonator !== undefined;
    return (
        <PageFrame title="Profile and sessions">
            <div class="panels">
                <Identity principal={principal} readOnly={readOnly} />
                {!readOnly && <PasswordPanel principal={principal} />}
                {!readOnly && <SecondFactorPanel principal={principal} />}
            </div>
            <SessionsPanel principal={principal} readOnly={readOnly} />
        </PageFrame>
    );
}

function Identity({ principal, readOnly }: { principal: Principal; readOnly: boolean }) {
    const { user, partners, role } = principal;
    return (
        <section class="panel" aria-labelledby="identity-title">
            <header class="panel-head">
                <h2 id="identity-title">Who you are</h2>
            </header>
            <dl class="pairs">
                <dt>E-mail</dt>
                <dd>{user.email ?? 'none'}</dd>
                <dt>User id</dt>
                <dd>
                    <code>{user.id}</code>
                </dd>
                {user.kind === 'staff' && (
                    <>
                        <dt>Role</dt>
                        <dd>{roleName(`staff ${role ?? ''}`.trim())}</dd>
                    </>
                )}
                {partners.map((one) => (
                    <>
                        <dt>{one.name}</dt>
                        <dd>
                            {roleName(one.role)}
                            {one.status === 'suspended' && ', suspended: read-only'}
                        </dd>
                    </>
                ))}
            </dl>
            {!readOnly && (
                <Form
                    label="Save the name"
                    submit={async (entries) => {
                        await patch('/v1/me', { name: entries.text('name') });
                        await refreshPrincipal();
                        notify('Your name is saved.');
                    }}
                >
                    <Field
                        name="name"
                        label="Name"
                        defaultValue={user.name}
                        autocomplete="name"
                        maxLength={120}
                    />
                </Form>
            )}
        </section>
    );
}

function PasswordPanel({ principal }: { principal: Principal }) {
    const had = principal.user.has_password;
    const round = useSignal(0);
    return (
        <section class="panel" aria-labelledby="password-title">
            <header class="panel-head">
                <h2 id="password-title">Password</h2>
                <p class="panel-sub">{had ? 'set' : 'none yet: you sign in by links'}</p>
            </header>
            <Form
                key={round.value}
                label={had ? 'Change the password' : 'Set a password'}
                submit={async (entries) => {
                    await put('/v1/me/password', { password: entries.raw('password') });
                    await refreshPrincipal();
                    round.value += 1;
                    notify('Your password is set. All your other sessions have ended.');
                }}
            >
                <Field
                    name="password"
                    label="New password"
                    type="password"
                    hint={passwordHint}
                    autocomplete="new-password"
                    minLength={10}
                    maxLength={200}
                />
            </Form>
        </section>
    );
}

interface Enrolment {
    secret: string;
    uri: string;
}

function SecondFactorPanel({ principal }: { principal: Principal }) {
    const enrolment = useSignal<Enrolment | undefined>(undefined);
    const removing = useSignal(false);
    const on = principal.user.two_factor;
    const begin = (): Promise<boolean> =>
        attempt(async () => {
            enrolment.value = await post<Enrolment>('/v1/me/totp');
        });
    const close = (): void => {
        enrolment.value = undefined;
        removing.value = false;
    };
    return (
        <section class="panel" aria-labelledby="factor-title">
            <header class="panel-head">
                <h2 id="factor-title">Second factor</h2>
                <p class="panel-sub">{on ? 'on' : 'off'}</p>
            </header>
            <p class="panel-text">
                {on
                    ? 'Signing in by password needs a code of your authenticator as well.'
                    : 'A code of an authenticator app, asked for after your password.'}
            </p>
            <button
                type="button"
                class="button"
                onClick={() => (on ? (removing.value = true) : void begin())}
            >
                {on ? 'Remove the second factor' : 'Set up a second factor'}
            </button>
            {enrolment.value && <EnrolDialog enrolment={enrolment.value} close={close} />}
            {removing.value && (
                <Dialog title="Remove the second factor?" close={close}>
                    <p>Your password alone will then be enough to sign in.</p>
                    <Form
                        label="Remove"
                        danger
                        cancel={close}
                        submit={async () => {
                            await del('/v1/me/totp');
                            await refreshPrincipal();
                            close();
                            notify('The second factor is removed.');
                        }}
                    />
                </Dialog>
            )}
        </section>
    );
}

function EnrolDialog({ enrolment, close }: { enrolment: Enrolment; close: () => void }) {
    return (
        <Dialog title="Set up a second factor" holds close={close}>
            <p>
                Scan this code with your authenticator, or add the secret by hand or by{' '}
                <a href={enrolment.uri}>opening it there</a>. It is shown only now.
            </p>
            <QrCode text={enrolment.uri} />
            <Copyable text={enrolment.secret} label="Secret of the second factor" />
            <Form
                label="Confirm"
                cancel={close}
                submit={async (entries) => {
                    await put('/v1/me/totp', { code: entries.text('code').replace(' ', '') });
                    await refreshPrincipal();
                    close();
                    notify('The second factor is on.');
                }}
            >
                <CodeField hint="It counts once you have entered a code that it shows." />
            </Form>
        </Dialog>
    );
}

function QrCode({ text }: { text: string }) {
    const { size, path } = useMemo(() => qrPath(text), [text]);
    return (
        <svg
            class="qr-code"
            viewBox={`0 0 ${size} ${size}`}
            shape-rendering="crispEdges"
            role="img"
            aria-label="QR code of the secret"
        >
            <rect width={size} height={size} />
            <path d={path} />
        </svg>
    );
}

interface OwnSession {
    id: string;
    current: boolean;
    ip?: string;
    user_agent?: string;
    created_at: number;
    last_seen_at?: number;
    expires_at: number;
    impersonator?: { id: string; name: string };
}

function columnsOf(list: List<OwnSession>, readOnly: boolean): Column<OwnSession>[] {
    const end = (one: OwnSession): Promise<void> =>
        attempt(() => del(`/v1/me/sessions/${one.id}`), 'The session has ended.').then(() =>
            list.reload(),
        );
    return [
        {
            id: 'browser',
            label: 'Browser',
            header: true,
            cell: (one) => (
                <>
                    <span title={one.user_agent ?? ''}>{browserOf(one.user_agent)}</span>
                    {one.current && <span class="tag tag-here">this one</span>}
                    {one.impersonator && (
                        <span class="cell-sub">
                            {one.impersonator.name}, looking through your eyes
                        </span>
                    )}
                </>
            ),
        },
        { id: 'ip', label: 'Address', cell: (one) => one.ip ?? '–' },
        { id: 'created', label: 'Signed in', cell: (one) => <When at={one.created_at} /> },
        { id: 'seen', label: 'Last seen', cell: (one) => <When at={one.last_seen_at} /> },
        { id: 'expires', label: 'Ends', cell: (one) => <When at={one.expires_at} /> },
        {
            id: 'end',
            label: 'End the session',
            actions: true,
            cell: (one) =>
                !readOnly && (
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => void (one.current ? signOut() : end(one))}
                    >
                        {one.current ? 'Sign out' : 'End'}
                    </button>
                ),
        },
    ];
}

function SessionsPanel({ principal, readOnly }: { principal: Principal; readOnly: boolean }) {
    const list = useList<OwnSession>('/v1/me/sessions');
    const others = (list.items.value ?? []).some((one) => one.id !== principal.session.id);
    const endOthers = async (): Promise<void> => {
        await attempt(() => del('/v1/me/sessions'), 'All your other sessions have ended.');
        await list.reload();
    };
    return (
        <section class="panel" aria-labelledby="sessions-title">
            <header class="panel-head">
                <h2 id="sessions-title">Where you are signed in</h2>
                {others && !readOnly && (
                    <button
                        type="button"
                        class="button button-small"
                        onClick={() => void endOthers()}
                    >
                        End all others
                    </button>
                )}
            </header>
            <DataTable
                caption="Sessions"
                list={list}
                columns={columnsOf(list, readOnly)}
                rowKey={(one) => one.id}
                empty="You are signed in nowhere."
            />
        </section>
    );
}
