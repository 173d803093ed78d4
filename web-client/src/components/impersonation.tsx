import { clockTime } from '../format/format';
import { localTime } from '../live/clock';
import { del } from '../session/http';
import type { Principal } from '../session/principal';
import { restoreSession } from '../session/session';
import { Icon } from './icon';
import { attempt } from './toast';

/** Never out of sight while somebody looks through somebody else's eyes. */
export function ImpersonationBanner({ principal }: { principal: Principal }) {
    const { impersonator, reason, expires_at: until } = principal.session;
    if (!impersonator) return null;
    const end = (): Promise<boolean> =>
        attempt(async () => {
            await del('/v1/session/impersonation');
            await restoreSession();
        });
    return (
        <div class="impersonation" role="region" aria-label="Impersonation">
            <Icon name="eye" />
            <p>
                <strong>
                    {impersonator.name}, you see this as {principal.user.name}
                </strong>
                {until !== undefined && ` until ${clockTime(localTime(until))}`}. You can
                look, but change nothing{reason && `; the reason given: ${reason}`}.
            </p>
            <button type="button" class="button button-small" onClick={() => void end()}>
                End impersonation
            </button>
        </div>
    );
}
