/** Tokens as ingest and the live channel `wallet:partner:CODE` tell of them. */
import { count } from '../format/format';

export interface Wallet {
    partner: string;
    balance: number;
    updated_at: number;
}

/** In the list of all. */
export interface WalletItem extends Wallet {
    name: string;
}

interface Person {
    id: string;
    name: string;
}

/** A grant that waits for somebody else, or was rejected. */
export interface WalletRequest {
    id: string;
    partner: string;
    state: 'pending' | 'rejected';
    amount: number;
    reason: string;
    actor: Person;
    created_at: number;
}

export interface WalletEntry extends Omit<WalletRequest, 'state'> {
    state: 'posted';
    kind: 'grant' | 'adjust';
    balance_after: number;
    approved_by?: Person;
}

export interface WalletNotice {
    t: 'wallet';
    balance: number;
    at: number;
}

export function isWalletNotice(data: unknown): data is WalletNotice {
    return (
        typeof data === 'object' &&
        data !== null &&
        't' in data &&
        data.t === 'wallet' &&
        'balance' in data &&
        typeof data.balance === 'number' &&
        'at' in data &&
        typeof data.at === 'number'
    );
}

/** What was asked for may be newer than a notice that comes late. */
export function withBalance(wallet: Wallet | undefined, notice: WalletNotice): Wallet | undefined {
    if (!wallet || notice.at < wallet.updated_at) return wallet;
    return { ...wallet, balance: notice.balance, updated_at: notice.at };
}

/** With its sign, also if that is a plus. */
export function change(amount: number): string {
    return amount > 0 ? `+${count(amount)}` : count(amount);
}

/** Names one attempt: sent again, it is the same entry. Works on pages without TLS, too. */
export function attemptKey(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
