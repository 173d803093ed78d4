/** Who belongs to a partner, and who is asked to. */
import { rolePermissions } from '../session/permissions';
import { may, type Principal } from '../session/principal';

export const partnerRoles = ['admin', 'manager', 'developer', 'viewer'] as const;

export interface Member {
    id: string;
    name: string;
    role: string;
    status: string;
    email?: string;
    masked?: string;
    custom_role?: string;
    expires_at?: number;
    created_at?: number;
    last_login_at?: number;
}

export interface Invitation {
    id: string;
    name: string;
    role?: string;
    email?: string;
    masked?: string;
    status: string;
    created_at: number;
    expires_at: number;
}

/** Nobody gives what he does not hold himself. */
export function grantableRoles(principal: Principal, code: string): string[] {
    return partnerRoles.filter((role) =>
        (rolePermissions[`partner.${role}`] ?? []).every((permission) =>
            may(principal, permission, code),
        ),
    );
}

/** As it is sent to who was invited; the token is in the fragment, so that no server's log has it. */
export function invitationLink(token: string): string {
    return `${location.origin}${location.pathname}#/invitation?token=${encodeURIComponent(token)}`;
}
