/**
 * What the reader may give to others. The server decides; this only keeps the page from offering
 * what it would refuse: nobody grants what he does not hold, and only an owner makes an owner.
 */
import type { Principal } from '../session/principal';
import type { CustomRole, RolesAnswer } from './shapes';

export interface Actor {
    id: string;
    role: string;
    permissions: readonly string[];
}

function holdsAll(actor: Actor, permissions: readonly string[]): boolean {
    return permissions.every((permission) => actor.permissions.includes(permission));
}

/** Built-in roles of a kind, without the kind: owner, admin, …; partner roles are granted within one. */
export function grantableRoles(
    actor: Actor,
    answer: Pick<RolesAnswer, 'roles'>,
    kind: 'staff' | 'partner',
): string[] {
    const prefix = `${kind}.`;
    return answer.roles
        .filter(({ role, permissions }) => {
            if (!role.startsWith(prefix)) return false;
            if (role === 'staff.owner' && actor.role !== 'staff.owner') return false;
            return holdsAll(actor, permissions);
        })
        .map(({ role }) => role.slice(prefix.length));
}

/** Custom roles that narrow a built-in one: of staff, or of that partner. */
export function grantableCustomRoles(
    actor: Actor,
    answer: Pick<RolesAnswer, 'custom'>,
    baseRole: string,
    partner?: string,
): CustomRole[] {
    return answer.custom.filter(
        (one) =>
            one.base_role === baseRole &&
            (one.partner ?? undefined) === partner &&
            holdsAll(actor, one.permissions),
    );
}

/** Whether the reader may change that user's access at all. */
export function mayManage(actor: Actor, user: { id: string; role?: string | null }): boolean {
    if (user.id === actor.id) return false;
    return !isOwner(user.role) || isOwner(actor.role);
}

function isOwner(role: string | null | undefined): boolean {
    return role === 'owner' || role === 'staff.owner';
}

export function actorOf(principal: Principal): Actor {
    const { user, role = '', permissions } = principal;
    const named = role.includes('.') ? role : `${user.kind === 'staff' ? 'staff' : 'partner'}.${role}`;
    return { id: user.id, role: named, permissions };
}
