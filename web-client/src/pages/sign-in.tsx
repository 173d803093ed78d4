import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import { Field, Form } from '../components/form';
import { Notice } from '../components/notice';
import { CodeField } from '../components/step-up';
import { HttpProblem } from '../session/http';
import { findProvider, goToProvider, provider } from '../session/provider';
import { codeWanted, presentAnswer, restoreSession, signInByPassword } from '../session/session';

/** Shown at whatever address was asked for, which is the one to go on to. */
export function SignInPage({ reason }: { reason?: string }) {
    useEffect(() => {
        document.title = 'Sign in · metrics-hub';
        // Without an answer there is no button, and the rest of the page works.
        findProvider().catch(() => undefined);
    }, []);
    const wanted = codeWanted.value;
    if (wanted)
        return (
            <Notice bare icon="lock" title="Sign in">
                <Form
                    label="Sign in"
                    busyLabel="Signing in…"
                    cancel={() => (codeWanted.value = undefined)}
                    submit={(entries) => presentAnswer(wanted, entries.text('code'))}
                >
                    <SecondFactor />
                </Form>
            </Notice>
        );
    const outside = provider.value;
    return (
        <Notice bare icon="lock" title="Sign in">
            {reason && (
                <p class="notice-reason" role="alert">
                    {reason}
                </p>
            )}
            {outside && (
                <button
                    type="button"
                    class="button"
                    onClick={() => goToProvider(outside)}
                >
                    Sign in with {outside.name}
                </button>
            )}
            <PasswordForm />
            <details class="notice-more">
                <summary>I have a one-time link, or no password</summary>
                <p>
                    Open the sign-in link that you were given; it works once, in this browser. No
                    link, or it no longer works? Ask the person who invited you for a new one.
                </p>
                <button type="button" class="button" onClick={() => void restoreSession()}>
                    I have signed in in another tab
                </button>
            </details>
            <details class="notice-more">
                <summary>I run this server</summary>
                <p>Make a link for a user on the server's command line:</p>
                <pre tabIndex={0}>
                    <code>metricsctl link --user usr_… </code>
                </pre>
                <p>
                    The first owner comes from <code>metricsctl bootstrap-owner</code>.
                </p>
            </details>
        </Notice>
    );
}

function PasswordForm() {
    const asksCode = useSignal(false);
    return (
        <Form
            label="Sign in"
            busyLabel="Signing in…"
            submit={async (entries) => {
                const code = entries.text('code');
                try {
                    await signInByPassword({
                        email: entries.text('email'),
                        password: entries.raw('password'),
                        ...(code && { code }),
                    });
                } catch (error) {
                    if (!(error instanceof HttpProblem) || error.reason !== 'code_required')
                        throw error;
                    asksCode.value = true;
                }
            }}
        >
            <Field name="email" label="E-mail" type="email" autocomplete="username" maxLength={254} />
            <Field
                name="password"
                label="Password"
                type="password"
                autocomplete="current-password"
                maxLength={200}
            />
            {asksCode.value && <SecondFactor />}
        </Form>
    );
}

/** Comes when the password was right: the reader's next keystrokes are the code. */
function SecondFactor() {
    useEffect(() => {
        document.querySelector<HTMLInputElement>('input[name="code"]')?.focus();
    }, []);
    return <CodeField />;
}
