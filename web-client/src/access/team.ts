/** Who belongs to a partner, and who is asked to. */
import type { AuditItem } from '../admin/shapes';
import { roleName } from '../format/format';
import { rolePermissions } from '../session/permissions';
import { isStaff, may, type Principal } from '../session/principal';

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

/** To a partner with a role, or to the staff. */
export interface Invitation {
    id: string;
    name: string;
    partner?: string;
    role?: string;
    staff_role?: string;
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

export function invitedTo({ partner, role, staff_role: staff }: Invitation): string {
    return staff === undefined ? `${partner} ${role}` : roleName(`staff ${staff}`);
}

/** The trail that tells of a partner's people, if the reader may follow one. */
export function teamChannel(principal: Principal, code: string): string | undefined {
    if (!may(principal, 'audit.read', code)) return undefined;
    return isStaff(principal) ? 'audit:platform' : `audit:partner:${code}`;
}

const ofTeams = ['user', 'invitation', 'partner'];

/** Whether the team may be another after what an entry of the trail tells. */
export function changesTeam(entry: AuditItem, code: string, members: readonly Member[]): boolean {
    if (entry.outcome !== 'done') return false;
    if (entry.partner === code) return ofTeams.includes(entry.target_type ?? '');
    return members.some(({ id }) => id === entry.target);
}

/** As it is sent to who was invited; the token is in the fragment, so that no server's log has it. */
export function invitationLink(token: string): string {
    return `${location.origin}${location.pathname}#/invitation?token=${encodeURIComponent(token)}`;
}
