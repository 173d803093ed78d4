import { useEffect } from 'preact/hooks';
import { call } from '../session/http';
import type { Principal } from '../session/principal';
import { findProvider, goToProvider, provider } from '../session/provider';
import { confirmation } from '../session/step-up';
import { Dialog } from './dialog';
import { Field, Form } from './form';

/** Asks who has been signed in for a while to say again who he is, then lets the call go on. */
export function StepUpDialog({ principal }: { principal: Principal }) {
    const asked = confirmation.value;
    if (!asked) return null;
    const { has_password: password, two_factor: code } = principal.user;
    if (!password && !code) return <SignInAgain close={asked.cancel} />;
    return (
        <Dialog title="Confirm that it is you" close={asked.cancel}>
            <p>You signed in a while ago, and this changes keys, roles, tokens or your account.</p>
            <Form
                label="Confirm"
                cancel={asked.cancel}
                submit={async (entries) => {
                    await call(
                        'POST',
                        '/v1/session/step-up',
                        code
                            ? { code: entries.text('code') }
                            : { password: entries.raw('password') },
                    );
                    asked.done();
                }}
            >
                {code ? <CodeField /> : <PasswordField />}
            </Form>
        </Dialog>
    );
}

/** For who has neither a password nor a second factor to confirm with. */
function SignInAgain({ close }: { close: () => void }) {
    useEffect(() => {
        // Without an answer the link is the way.
        findProvider().catch(() => undefined);
    }, []);
    const outside = provider.value;
    return (
        <Dialog title="Confirm that it is you" close={close}>
            <p>
                This needs a fresh sign-in, and you have neither a password nor a second factor to
                confirm with.{' '}
                {outside
                    ? `Sign in with ${outside.name} again, then repeat what you did here`
                    : 'Open a new sign-in link, then try again'}
                ; it is good for five minutes.
            </p>
            <div class="form-actions">
                {outside && (
                    <button
                        type="button"
                        class="button button-primary"
                        onClick={() => goToProvider(outside, true)}
                    >
                        Sign in again
                    </button>
                )}
                <button type="button" class="button" onClick={close}>
                    Close
                </button>
            </div>
        </Dialog>
    );
}

export function CodeField({ hint }: { hint?: string }) {
    return (
        <Field
            name="code"
            label="Code of your authenticator"
            hint={hint}
            inputMode="numeric"
            autocomplete="one-time-code"
            pattern="[0-9 ]{6,7}"
            maxLength={7}
            autofocus
        />
    );
}

function PasswordField() {
    return (
        <Field
            name="password"
            label="Password"
            type="password"
            autocomplete="current-password"
            maxLength={200}
            autofocus
        />
    );
}
