import { useEffect } from 'preact/hooks';
import { Field, Form } from '../components/form';
import { Notice } from '../components/notice';
import { hrefOf } from '../route';
import { acceptInvitation, session } from '../session/session';

export const passwordHint = 'At least 10 characters. A few words in a row are a good password.';

export function InvitationPage({ token }: { token: string }) {
    useEffect(() => {
        document.title = 'Invitation · metrics-hub';
    }, []);
    const now = session.value;
    return (
        <Notice bare icon="people" title="You are invited">
            {now.phase === 'signed-in' && (
                <p class="notice-reason">
                    You are signed in as <strong>{now.principal.user.name}</strong>. If the
                    invitation is for somebody new, he takes your place in this browser.
                </p>
            )}
            <p>
                Choose a password and you are in. If you have an account of this e-mail address
                already, it gets the access, and your password stays as it is.
            </p>
            <Form
                label="Accept the invitation"
                submit={async (entries) => {
                    const name = entries.text('name');
                    await acceptInvitation({
                        token,
                        ...(name && { name }),
                        password: entries.raw('password'),
                    });
                }}
            >
                <Field
                    name="name"
                    label="Your name"
                    optional
                    hint="As others see it; empty: as in the invitation."
                    autocomplete="name"
                    maxLength={120}
                />
                <Field
                    name="password"
                    label="Password"
                    type="password"
                    hint={passwordHint}
                    autocomplete="new-password"
                    minLength={10}
                    maxLength={200}
                />
            </Form>
            <p>
                <a href={hrefOf({ page: 'home' })}>Not now</a>
            </p>
        </Notice>
    );
}
