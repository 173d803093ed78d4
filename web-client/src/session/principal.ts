/** Who is signed in and what he may do, as GET /v1/me says it. */
import type { Permission } from './permissions';

/** Features that staff can switch off for a partner's people: the rows of feature_flags. */
export const flags = [
    'partner_dashboard', 'team_page', 'api_keys_page', 'roles_page', 'audit_page',
] as const;
export type Flag = (typeof flags)[number];

export interface Membership {
    code: string;
    name: string;
    role: string;
    status?: string;
    permissions: readonly Permission[];
    /** As GET /v1/flags says; what is not named is on. */
    flags?: Partial<Record<Flag, boolean>>;
}

export interface Principal {
    user: {
        id: string;
        name: string;
        email?: string;
        kind: 'staff' | 'member';
        two_factor?: boolean;
        has_password?: boolean;
    };
    /** Of staff: owner, admin, … */
    role?: string;
    /** Of staff everywhere; of a member in any of the partners. */
    permissions: readonly Permission[];
    partners: readonly Membership[];
    session: {
        id: string;
        auth_at?: number;
        expires_at?: number;
        impersonator?: { id: string; name: string };
        reason?: string;
    };
}

export function isStaff(principal: Principal): boolean {
    return principal.user.kind === 'staff';
}

export function membershipIn(principal: Principal, code: string): Membership | undefined {
    return principal.partners.find((one) => one.code === code);
}

/** In that partner; without one: anywhere. */
export function may(principal: Principal, permission: Permission, code?: string): boolean {
    if (isStaff(principal) || code === undefined) return principal.permissions.includes(permission);
    return membershipIn(principal, code)?.permissions.includes(permission) ?? false;
}

/** The same for what changes something: a suspended partner's members and impersonators only read. */
export function mayChange(principal: Principal, permission: Permission, code?: string): boolean {
    if (principal.session.impersonator) return false;
    if (code !== undefined && membershipIn(principal, code)?.status === 'suspended') return false;
    return may(principal, permission, code);
}

/** Whether a member has both in that partner; without one: together in any. */
export function mayWithFlag(
    principal: Principal,
    permission: Permission,
    flag: Flag,
    code?: string,
): boolean {
    return principal.partners.some(
        (one) =>
            (code === undefined || one.code === code) &&
            one.permissions.includes(permission) &&
            one.flags?.[flag] !== false,
    );
}
