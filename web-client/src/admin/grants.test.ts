import { describe, expect, it } from 'vitest';
import { grantableCustomRoles, grantableRoles, mayManage, type Actor } from './grants';

const roles = [
    { role: 'staff.owner', permissions: ['a', 'b', 'c'] },
    { role: 'staff.admin', permissions: ['a', 'b', 'c'] },
    { role: 'staff.viewer', permissions: ['a'] },
    { role: 'partner.admin', permissions: ['a', 'b'] },
    { role: 'partner.viewer', permissions: ['a'] },
];
const owner: Actor = { id: 'usr_1', role: 'staff.owner', permissions: ['a', 'b', 'c'] };
const admin: Actor = { ...owner, id: 'usr_2', role: 'staff.admin' };
const narrow: Actor = { id: 'usr_3', role: 'staff.admin', permissions: ['a'] };

describe('roles that may be given', () => {
    it('hold nothing that the giver does not hold', () => {
        expect(grantableRoles(owner, { roles }, 'staff')).toEqual(['owner', 'admin', 'viewer']);
        expect(grantableRoles(narrow, { roles }, 'staff')).toEqual(['viewer']);
        expect(grantableRoles(narrow, { roles }, 'partner')).toEqual(['viewer']);
    });

    it('are owner only from an owner, though an admin holds as much', () => {
        expect(grantableRoles(admin, { roles }, 'staff')).toEqual(['admin', 'viewer']);
    });

    it('are custom ones of the same base and place', () => {
        const custom = [
            { id: 'rol_1', name: 'Auditor', base_role: 'staff.viewer', permissions: ['a'], version: 1 },
            { id: 'rol_2', name: 'Keys', partner: 'A', base_role: 'partner.admin', permissions: ['b'], version: 1 },
        ];
        const ids = (found: { id: string }[]) => found.map(({ id }) => id);
        expect(ids(grantableCustomRoles(owner, { custom }, 'staff.viewer'))).toEqual(['rol_1']);
        expect(ids(grantableCustomRoles(owner, { custom }, 'partner.admin', 'A'))).toEqual(['rol_2']);
        expect(ids(grantableCustomRoles(owner, { custom }, 'partner.admin', 'B'))).toEqual([]);
        expect(ids(grantableCustomRoles(narrow, { custom }, 'partner.admin', 'A'))).toEqual([]);
    });
});

describe('whose access may be changed', () => {
    it('is not one\'s own, and an owner\'s only by an owner', () => {
        expect(mayManage(owner, { id: 'usr_1' })).toBe(false);
        expect(mayManage(admin, { id: 'usr_9', role: 'owner' })).toBe(false);
        expect(mayManage(owner, { id: 'usr_9', role: 'owner' })).toBe(true);
        expect(mayManage(admin, { id: 'usr_9', role: 'viewer' })).toBe(true);
    });
});
