import { expect, it } from 'vitest';
import type { AuditItem } from '../admin/shapes';
import { rolePermissions } from '../session/permissions';
import type { Principal } from '../session/principal';
import { changesTeam, grantableRoles, invitedTo, teamChannel } from './team';

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

function staff(role: string): Principal {
    const permissions = rolePermissions[`staff.${role}`] ?? [];
    return {
        user: { id: 'usr_2', name: 'S', kind: 'staff' },
        role,
        permissions,
        partners: [],
        session: { id: 'ses_2' },
    };
}

it('follows the trail that the reader may follow', () => {
    expect(teamChannel(member('admin'), 'ALPHA')).toBe('audit:partner:ALPHA');
    expect(teamChannel(member('admin'), 'BETA')).toBeUndefined();
    expect(teamChannel(member('viewer'), 'ALPHA')).toBeUndefined();
    expect(teamChannel(staff('viewer'), 'ALPHA')).toBe('audit:platform');
});

it('knows what changes a team', () => {
    const members = [{ id: 'usr_1', name: 'M', role: 'viewer', status: 'active' }];
    const entry = (more: Partial<AuditItem>): AuditItem => ({
        id: '2026-11.1', at: 1, action: 'user.roles', target_type: 'user', target: 'usr_9', outcome: 'done', ...more,
    });
    const changes = (more: Partial<AuditItem>): boolean => changesTeam(entry(more), 'ALPHA', members);
    expect(changes({ partner: 'ALPHA' })).toBe(true);
    expect(changes({ partner: 'ALPHA', action: 'invitation.create', target_type: 'invitation' })).toBe(true);
    expect(changes({ target: 'usr_1', action: 'user.suspend' })).toBe(true);
    expect(changes({ partner: 'ALPHA', outcome: 'denied' })).toBe(false);
    expect(changes({ partner: 'ALPHA', action: 'key.create', target_type: 'key' })).toBe(false);
    expect(changes({ partner: 'BETA' })).toBe(false);
    expect(changes({})).toBe(false);
});

it('says what an invitation is to', () => {
    const one = { id: 'inv_1', name: 'I', status: 'open', created_at: 1, expires_at: 2 };
    expect(invitedTo({ ...one, partner: 'ALPHA', role: 'viewer' })).toBe('ALPHA viewer');
    expect(invitedTo({ ...one, staff_role: 'ops' })).toBe('Staff ops');
});
