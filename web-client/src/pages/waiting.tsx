import { useEffect } from 'preact/hooks';
import { Notice } from '../components/notice';

export function LoadingPage() {
    return (
        <main class="notice" id="main" aria-busy="true">
            <p class="notice-wait" role="status">
                Signing in…
            </p>
        </main>
    );
}

const retryMs = 5000;

export function UnreachablePage({ retry }: { retry: () => Promise<void> }) {
    useEffect(() => {
        const timer = setInterval(() => void retry(), retryMs);
        return () => clearInterval(timer);
    }, [retry]);
    return (
        <Notice bare icon="warn" title="The server does not answer">
            <p>
                Nothing is lost, and the page tries again every few seconds. Check your connection;
                if it is fine, the service is being restarted or is down.
            </p>
            <button type="button" class="button button-primary" onClick={() => void retry()}>
                Try again
            </button>
        </Notice>
    );
}
