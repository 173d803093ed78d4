import { describe, expect, it } from 'vitest';
import { parse, type Route } from './address';
import { homeOf, mayOpen, navigation, switchedOff } from './nav';
import { type Permission, permissions, rolePermissions } from './session/permissions';
import { type Flag, flags, type Principal } from './session/principal';

/** mulberry32: a failure names its seed. */
function random(seed: number): () => number {
    let state = seed;
    return () => {
        state = (state + 0x6d2b79f5) | 0;
        let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
        mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
        return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    };
}

const codes = ['ALPHA', 'BETA', 'GAMMA', 'NOSUCH'];

function pick<T>(next: () => number, from: readonly T[]): T {
    return from[Math.floor(next() * from.length)] as T;
}

/** A built-in role, or a custom one: some of its permissions. */
function permissionsOf(next: () => number, role: string): readonly Permission[] {
    const all = rolePermissions[role] ?? [];
    return next() < 0.5 ? all : all.filter(() => next() < 0.5);
}

function randomPrincipal(next: () => number): Principal {
    const roles = Object.keys(rolePermissions);
    const session = { id: 'ses_1' };
    if (next() < 0.4) {
        const role = pick(next, roles.filter((one) => one.startsWith('staff.')));
        return {
            user: { id: 'usr_1', name: 'S', kind: 'staff' },
            role,
            permissions: permissionsOf(next, role),
            partners: [],
            session,
        };
    }
    const partners = codes
        .filter((code) => code !== 'NOSUCH' && next() < 0.5)
        .map((code) => {
            const role = pick(next, roles.filter((one) => one.startsWith('partner.')));
            return {
                code,
                name: `${code} Ltd`,
                role,
                permissions: permissionsOf(next, role),
                flags: Object.fromEntries(flags.map((flag) => [flag, next() < 0.5])),
            };
        });
    return {
        user: { id: 'usr_2', name: 'M', kind: 'member' },
        permissions: [...new Set(partners.flatMap((one) => one.permissions))],
        partners,
        session,
    };
}

function randomRoute(next: () => number): Route {
    const code = pick(next, codes);
    return pick<Route>(next, [
        { page: 'platform' },
        { page: 'settings' },
        { page: 'partner', code },
        { page: 'team', code },
        { page: 'keys', code },
        { page: 'tokens', code },
        { page: 'wallets' },
        { page: 'users' },
        { page: 'roles' },
        { page: 'partners' },
        { page: 'audit' },
        { page: 'explain' },
        { page: 'me' },
    ]);
}

/**
 * What the requirements say of each page, written down apart from the table that is tested; of a
 * member `flag` must be on where he has the permission.
 */
function shouldOpen(principal: Principal, route: Route, ignoringFlags = false): boolean {
    const staff = principal.user.kind === 'staff';
    const has = (permission: Permission, code?: string, flag?: Flag): boolean =>
        staff
            ? principal.permissions.includes(permission)
            : principal.partners.some(
                  (one) =>
                      (code === undefined || one.code === code) &&
                      one.permissions.includes(permission) &&
                      (ignoringFlags || !flag || one.flags?.[flag]),
              );
    switch (route.page) {
        case 'platform':
            return staff && has('metrics.read');
        case 'partner':
            return has('metrics.read', route.code, 'partner_dashboard');
        case 'partners':
            return staff && has('partners.read');
        case 'settings':
            return staff && (has('flags.write') || has('models.write'));
        case 'team':
            return has('users.read', route.code, 'team_page');
        case 'keys':
            return has('keys.read', route.code, 'api_keys_page');
        case 'tokens':
            return has('wallet.balance', route.code);
        case 'wallets':
            return staff && has('wallet.balance');
        case 'users':
        case 'explain':
            return staff && has('users.read');
        case 'roles':
            return staff ? has('users.read') : has('roles.assign', undefined, 'roles_page');
        case 'audit':
            return has('audit.read', undefined, 'audit_page');
        default:
            return true;
    }
}

const same = (a: Route) => (b: Route) => JSON.stringify(a) === JSON.stringify(b);

describe('navigation', () => {
    it('shows a page exactly if the router lets in', () => {
        const firstSeed = Date.now() % 1_000_000;
        let shown = 0;
        let hidden = 0;
        let kept = 0;
        for (let seed = firstSeed; seed < firstSeed + 5000; seed += 1) {
            const next = random(seed);
            const principal = randomPrincipal(next);
            const route = randomRoute(next);
            const items = navigation(principal, 'code' in route ? route.code : pick(next, codes));
            const visible = items.flatMap((group) => group.items).some((item) => same(route)(item.route));
            const opens = mayOpen(principal, route);
            const about = `seed ${seed}: ${JSON.stringify({ principal, route })}`;
            expect(visible, about).toBe(opens);
            expect(opens, about).toBe(shouldOpen(principal, route));
            const off = !opens && shouldOpen(principal, route, true);
            expect(switchedOff(principal, route) !== undefined, about).toBe(off);
            if (off) kept += 1;
            if (visible) shown += 1;
            else hidden += 1;
        }
        expect(Math.min(shown, hidden)).toBeGreaterThan(500);
        expect(kept).toBeGreaterThan(50);
    });

    it('starts where the principal may be', () => {
        const firstSeed = Date.now() % 1_000_000;
        for (let seed = firstSeed; seed < firstSeed + 1000; seed += 1) {
            const principal = randomPrincipal(random(seed));
            expect(mayOpen(principal, homeOf(principal)), `seed ${seed}`).toBe(true);
        }
    });

    it('lets in where nothing is said of a flag', () => {
        const member: Principal = {
            user: { id: 'usr_3', name: 'M', kind: 'member' },
            permissions: ['metrics.read'],
            partners: [{ code: 'ALPHA', name: 'A', role: 'viewer', permissions: ['metrics.read'] }],
            session: { id: 'ses_1' },
        };
        expect(mayOpen(member, { page: 'partner', code: 'ALPHA' })).toBe(true);
    });

    it('names permissions that exist', () => {
        for (const role of Object.values(rolePermissions))
            for (const one of role) expect(permissions).toContain(one);
    });
});

describe('addresses', () => {
    it('are read', () => {
        expect(parse('#/keys/ALPHA').route).toEqual({ page: 'keys', code: 'ALPHA' });
        expect(parse('#/tokens/ALPHA').route).toEqual({ page: 'tokens', code: 'ALPHA' });
        expect(parse('#/team/ALPHA').route).toEqual({ page: 'team', code: 'ALPHA' });
        expect(parse('#/users/usr_01ab').route).toEqual({ page: 'user', id: 'usr_01ab' });
        expect(parse('#/invitation?token=a-b_c').route).toEqual({
            page: 'invitation',
            token: 'a-b_c',
        });
        for (const wrong of ['#/keys', '#/keys/a', '#/users/1', '#/me/1', '#/audit/x/y', '#/team/../x'])
            expect(parse(wrong).route, wrong).toEqual({ page: 'not-found' });
    });

    it('go on only to pages of this client', () => {
        const then = (to: string): unknown => {
            const { route } = parse(`#/sign-in?link=l&then=${encodeURIComponent(to)}`);
            return route.page === 'sign-in' ? route.then : 'no sign-in';
        };
        expect(then('/keys/ALPHA')).toEqual({ page: 'keys', code: 'ALPHA' });
        expect(then('/users')).toEqual({ page: 'users' });
        for (const hostile of [
            '//evil.example', 'https://evil.example', '/\\evil.example', 'javascript:alert(1)',
            '/https://evil.example', '/sign-in', '/invitation', '/%2F%2Fevil.example', '/@evil.example',
        ])
            expect(then(hostile), hostile).toBeUndefined();
    });
});
