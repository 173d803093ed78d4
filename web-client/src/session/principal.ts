/** Who is signed in and what he may do, as GET /v1/me says it. */
import type { Permission } from './permissions';

export interface Membership {
    code: string;
    name: string;
    role: string;
    status?: string;
    permissions: readonly Permission[];
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
