/**
 * Which page needs which permission, and which flag: one table, by which the router lets in and the
 * navigation shows. What the server answers does not depend on it.
 */
import type { IconName } from './components/icon';
import type { Route } from './route';
import type { Permission } from './session/permissions';
import { type Flag, isStaff, may, mayWithFlag, type Principal } from './session/principal';

/** Of a page with a code in its address, in that partner. Absent: not for that kind of person. */
interface Access {
    /** Of several, any. */
    staff?: Permission | readonly Permission[];
    member?: Permission;
    /** A member's partner must have this switched on. */
    flag?: Flag;
}

/** `everyone`: whoever is signed in. */
const pages: Record<Route['page'], Access | 'everyone' | 'nobody'> = {
    home: 'everyone',
    'sign-in': 'everyone',
    invitation: 'everyone',
    me: 'everyone',
    platform: { staff: 'metrics.read' },
    partner: { staff: 'metrics.read', member: 'metrics.read', flag: 'partner_dashboard' },
    team: { staff: 'users.read', member: 'users.read', flag: 'team_page' },
    keys: { staff: 'keys.read', member: 'keys.read', flag: 'api_keys_page' },
    tokens: { staff: 'wallet.balance', member: 'wallet.balance' },
    wallets: { staff: 'wallet.balance' },
    partners: { staff: 'partners.read' },
    settings: { staff: ['flags.write', 'models.write'] },
    users: { staff: 'users.read' },
    user: { staff: 'users.read', member: 'users.read' },
    roles: { staff: 'users.read', member: 'roles.assign', flag: 'roles_page' },
    audit: { staff: 'audit.read', member: 'audit.read', flag: 'audit_page' },
    explain: { staff: 'users.read' },
    'not-found': 'nobody',
};

function permitted(principal: Principal, route: Route): boolean {
    const access = pages[route.page];
    if (access === 'everyone' || access === 'nobody') return access === 'everyone';
    const needed = (isStaff(principal) ? access.staff : access.member) ?? [];
    const code = 'code' in route ? route.code : undefined;
    return [needed].flat().some((one) => may(principal, one, code));
}

/** The flag that keeps the principal from a page that he may otherwise open. */
export function switchedOff(principal: Principal, route: Route): Flag | undefined {
    const access = pages[route.page];
    if (typeof access === 'string' || !access.flag || !access.member) return undefined;
    const code = 'code' in route ? route.code : undefined;
    const on = isStaff(principal) || mayWithFlag(principal, access.member, access.flag, code);
    return !on && permitted(principal, route) ? access.flag : undefined;
}

/** A page that may not be opened answers like one that does not exist. */
export function mayOpen(principal: Principal, route: Route): boolean {
    return permitted(principal, route) && !switchedOff(principal, route);
}

export interface NavItem {
    label: string;
    icon: IconName;
    route: Route;
}

export interface NavGroup {
    label: string;
    items: NavItem[];
}

function groupsOf(principal: Principal, code: string | undefined): NavGroup[] {
    const name = principal.partners.find((one) => one.code === code)?.name ?? code ?? '';
    const partner: NavItem[] = code
        ? [
              { label: 'Dashboard', icon: 'pulse', route: { page: 'partner', code } },
              { label: 'Team', icon: 'people', route: { page: 'team', code } },
              { label: 'API keys', icon: 'key', route: { page: 'keys', code } },
              { label: 'Tokens', icon: 'coin', route: { page: 'tokens', code } },
          ]
        : [];
    return [
        {
            label: 'Platform',
            items: [
                { label: 'All partners', icon: 'grid', route: { page: 'platform' } },
                { label: 'Partner directory', icon: 'list', route: { page: 'partners' } },
                { label: 'Wallets', icon: 'coin', route: { page: 'wallets' } },
                { label: 'Settings', icon: 'sliders', route: { page: 'settings' } },
            ],
        },
        { label: name, items: partner },
        {
            label: 'Access',
            items: [
                { label: 'Users', icon: 'people', route: { page: 'users' } },
                { label: 'Roles', icon: 'shield', route: { page: 'roles' } },
                { label: 'Audit', icon: 'list', route: { page: 'audit' } },
                { label: 'Explain', icon: 'eye', route: { page: 'explain' } },
            ],
        },
        {
            label: 'You',
            items: [{ label: 'Profile and sessions', icon: 'person', route: { page: 'me' } }],
        },
    ];
}

/** All that may be opened from here; `code` is the partner that is looked at. */
export function navigation(principal: Principal, code: string | undefined): NavGroup[] {
    return groupsOf(principal, code)
        .map(({ label, items }) => ({
            label,
            items: items.filter((item) => mayOpen(principal, item.route)),
        }))
        .filter(({ items }) => items.length > 0);
}

/** Belongs to something: a role of staff, or a partner. */
export function hasWorkspace(principal: Principal): boolean {
    return isStaff(principal) || principal.partners.length > 0;
}

/** Where a principal starts. */
export function homeOf(principal: Principal): Route {
    const groups = navigation(principal, isStaff(principal) ? undefined : principal.partners[0]?.code);
    return groups[0]?.items[0]?.route ?? { page: 'me' };
}
