import { describe, expect, it } from 'vitest';
import { type ApiKey, endOfDay, keyEnd, keyState, networksOf, withNotice } from './keys';

const key: ApiKey = {
    id: 'key_1',
    name: 'Server',
    partner: 'ALPHA',
    environment: 'live',
    scopes: ['events:write'],
    requests: 5,
    events: 9,
    created_at: 1,
    expires_at: null,
    retiring_at: null,
    last_used_at: 100,
    revoked_at: null,
    seats: 2,
};

describe('keys', () => {
    it('have one state, and the earliest end counts', () => {
        expect(keyState(key, 1000)).toBe('active');
        expect(keyState({ ...key, retiring_at: 2000 }, 1000)).toBe('retiring');
        expect(keyState({ ...key, retiring_at: 2000, expires_at: 900 }, 1000)).toBe('expired');
        expect(keyState({ ...key, retiring_at: 1000 }, 1000)).toBe('expired');
        expect(keyState({ ...key, revoked_at: 1, expires_at: 900 }, 1000)).toBe('revoked');
        expect(keyEnd({ ...key, retiring_at: 2000, expires_at: 900 })).toBe(900);
        expect(keyEnd(key)).toBeUndefined();
    });

    it('count up, whatever the order of the notices', () => {
        const used = (requests: number, at: number) =>
            ({ t: 'key', event: 'used', id: 'key_1', at, requests, events: requests * 2 }) as const;
        const once = withNotice([key], used(7, 300)) ?? [];
        const late = withNotice(once, used(6, 200)) ?? [];
        expect(late).toEqual([{ ...key, requests: 7, events: 14, last_used_at: 300 }]);
    });

    it('take what changed and keep what the channel does not say', () => {
        const notice = {
            t: 'key', event: 'revoked', id: 'key_1', at: 500,
            key: { id: 'key_1', revoked_at: 500, name: 'Server' },
        } as const;
        expect(withNotice([key], notice)).toEqual([{ ...key, revoked_at: 500 }]);
        expect(withNotice([key], { ...notice, id: 'key_2' })).toBeUndefined();
    });

    it('read what people enter', () => {
        expect(networksOf(' 10.0.0.0/8, 2001:db8::/32\n192.0.2.1 ')).toEqual([
            '10.0.0.0/8', '2001:db8::/32', '192.0.2.1',
        ]);
        expect(networksOf(' ')).toEqual([]);
        expect(endOfDay('2026-02-01')).toBe(new Date(2026, 1, 1, 23, 59, 59, 999).getTime());
        expect(endOfDay('tomorrow')).toBeUndefined();
    });
});
