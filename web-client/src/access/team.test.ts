import { expect, it } from 'vitest';
import { rolePermissions } from '../session/permissions';
import type { Principal } from '../session/principal';
import { grantableRoles } from './team';

function member(role: string): Principal {
    const permissions = rolePermissions[`partner.${role}`] ?? [];
    return {
        user: { id: 'usr_1', name: 'M', kind: 'member' },
        permissions,
        partners: [{ code: 'ALPHA', name: 'Alpha', role, permissions }],
        session: { id: 'ses_1' },
    };
}

it('offers only roles that the reader holds all of, in that partner', () => {
    expect(grantableRoles(member('admin'), 'ALPHA')).toEqual([
        'admin', 'manager', 'developer', 'viewer',
    ]);
    expect(grantableRoles(member('developer'), 'ALPHA')).toEqual(['developer', 'viewer']);
    expect(grantableRoles(member('manager'), 'ALPHA')).toEqual(['manager']);
    expect(grantableRoles(member('admin'), 'BETA')).toEqual([]);
});
