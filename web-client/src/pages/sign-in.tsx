import { Notice } from '../components/notice';
import { restoreSession } from '../session/session';

export function SignInPage({ reason }: { reason?: string }) {
    return (
        <Notice bare icon="lock" title="Sign in with your link">
            {reason && (
                <p class="notice-reason" role="alert">
                    {reason}
                </p>
            )}
            <p>
                There is no password. Open the one-time sign-in link that you were given; it works
                once, in this browser.
            </p>
            <p>No link, or it no longer works? Ask the person who invited you for a new one.</p>
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
            <button type="button" class="button" onClick={() => void restoreSession()}>
                I have signed in in another tab
            </button>
        </Notice>
    );
}
