import { describe, expect, it } from 'vitest';
import { attemptKey, change, isWalletNotice, type Wallet, withBalance } from './wallet';

const wallet: Wallet = { partner: 'ALPHA', balance: 5, updated_at: 100 };

describe('wallet', () => {
    it('takes the newest balance, whatever the order of the notices', () => {
        const once = withBalance(wallet, { t: 'wallet', balance: 9, at: 300 });
        expect(once).toEqual({ partner: 'ALPHA', balance: 9, updated_at: 300 });
        expect(withBalance(once, { t: 'wallet', balance: 7, at: 200 })).toEqual(once);
        expect(withBalance(undefined, { t: 'wallet', balance: 7, at: 200 })).toBeUndefined();
    });

    it('knows its notices', () => {
        expect(isWalletNotice({ t: 'wallet', balance: 0, at: 1 })).toBe(true);
        for (const other of [{ t: 'check' }, { t: 'wallet', at: 1 }, { t: 'wallet', balance: '1', at: 1 }, null])
            expect(isWalletNotice(other), JSON.stringify(other)).toBe(false);
    });

    it('says which way tokens went', () => {
        expect(change(5)).toBe('+5');
        expect(change(-5)).toBe('-5');
    });

    it('names each attempt anew', () => {
        const keys = Array.from({ length: 100 }, attemptKey);
        expect(new Set(keys).size).toBe(100);
        for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}$/);
    });
});
