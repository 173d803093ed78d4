import { describe, expect, it } from 'vitest';
import { flagTitle, type FlagItem, isSettingsNotice, modelBody, type ModelItem, reachOf } from './settings';

const flag: FlagItem = {
    key: 'team_page',
    description: 'The team.',
    enabled: true,
    rollout_pct: 100,
    reach: Array.from({ length: 101 }, (_, pct) => Math.floor(pct / 20)),
    updated_at: 1,
};

describe('settings', () => {
    it('says whom a percentage reaches', () => {
        expect(reachOf(flag, 0)).toEqual({ partners: 0, of: 5 });
        expect(reachOf(flag, 59)).toEqual({ partners: 2, of: 5 });
        expect(reachOf(flag, 100)).toEqual({ partners: 5, of: 5 });
        expect(reachOf({ ...flag, reach: [] }, 50)).toEqual({ partners: 0, of: 0 });
    });

    it('names a flag in words', () => {
        expect(flagTitle('partner_dashboard')).toBe('Partner dashboard');
        expect(flagTitle('api_keys_page')).toBe('API keys page');
    });

    it('tells the notices apart', () => {
        expect(isSettingsNotice({ t: 'flags', at: 1, key: 'team_page' }, 'flags')).toBe(true);
        expect(isSettingsNotice({ t: 'models', at: 1, id: 'm' }, 'flags')).toBe(false);
        for (const other of [null, 'flags', {}, []]) expect(isSettingsNotice(other, 'flags')).toBe(false);
    });

    it('sends a model back without what only the server says, and without its price', () => {
        const model: ModelItem = {
            id: 'cinema-2', name: 'Cinema 2', kind: 'video', enabled: true, max_duration_ms: 1000,
            max_concurrent: null, price: 3, version: 4, updated_at: 5,
        };
        expect(modelBody(model)).toEqual({
            name: 'Cinema 2', kind: 'video', enabled: true, max_duration_ms: 1000,
            max_concurrent: null, version: 4,
        });
    });
});
