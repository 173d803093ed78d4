import { Notice } from '../components/notice';
import { restoreSession } from '../session/session';

export function LoadingPage() {
    return (
        <main class="notice" id="main" aria-busy="true">
            <p class="notice-wait" role="status">
                Signing in…
            </p>
        </main>
    );
}

export function UnreachablePage() {
    return (
        <Notice bare icon="warn" title="The server does not answer">
            <p>
                Your session is kept. Check your connection; if it is fine, the service is being
                restarted or is down.
            </p>
            <button
                type="button"
                class="button button-primary"
                onClick={() => void restoreSession()}
            >
                Try again
            </button>
        </Notice>
    );
}
