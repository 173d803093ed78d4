import { Copyable } from '../components/copy';
import { Notice } from '../components/notice';
import type { Principal } from '../session/principal';
import { restoreSession } from '../session/session';

/** Signed in, but a member of nothing. */
export function DeniedPage({ principal }: { principal: Principal }) {
    return (
        <Notice icon="lock" title="You have no workspace yet">
            <p>
                You are signed in as <strong>{principal.user.name}</strong>, but nobody has added you to
                a partner, so there is nothing that you may see.
            </p>
            <p>To get access, send this user id to your account manager or administrator:</p>
            <Copyable text={principal.user.id} label="Your user id" />
            <button
                type="button"
                class="button button-primary"
                onClick={() => void restoreSession()}
            >
                Check again
            </button>
        </Notice>
    );
}
