import { invitationLink } from '../access/team';
import { Copyable } from './copy';
import { Dialog } from './dialog';

export interface MadeInvitation {
    email: string;
    token: string;
}

/** The link of a new invitation, shown this once: the server keeps only its hash. */
export function InvitationReady({ made, close }: { made: MadeInvitation; close: () => void }) {
    return (
        <Dialog title="The invitation is ready" holds close={close}>
            <p>
                Send this link to <strong>{made.email}</strong>. It is good for seven days, works
                once, and is shown only here.
            </p>
            <Copyable text={invitationLink(made.token)} label="Invitation link" />
            <div class="form-actions">
                <button type="button" class="button button-primary" onClick={close}>
                    Done
                </button>
            </div>
        </Dialog>
    );
}
