/** Who is signed in. The cookie is HttpOnly; the page only ever learns the principal. */
import { signal } from '@preact/signals';
import type { SessionNotice, Token } from '../live/payloads';
import { redirect } from '../route';
import { call, HttpProblem, whenSignedOut } from './http';
import { isStaff, type Membership, type Principal } from './principal';
import type { Answer } from './provider';

export type Session =
    | { phase: 'loading' }
    | { phase: 'signed-out'; reason?: string }
    | { phase: 'unreachable'; retry: () => Promise<void> }
    | { phase: 'signed-in'; principal: Principal };

/** What holds in each of one's own partners. */
interface FlagsAnswer {
    partners: Record<string, NonNullable<Membership['flags']>>;
}

export const session = signal<Session>({ phase: 'loading' });

async function loadPrincipal(): Promise<Principal> {
    const principal = (await call('GET', '/v1/me')) as Principal;
    if (isStaff(principal)) return principal;
    const { partners } = (await call('GET', '/v1/flags')) as FlagsAnswer;
    return {
        ...principal,
        partners: principal.partners.map((one) => ({ ...one, flags: partners[one.code] ?? {} })),
    };
}

export async function restoreSession(): Promise<void> {
    try {
        session.value = { phase: 'signed-in', principal: await loadPrincipal() };
    } catch (error) {
        session.value =
            error instanceof HttpProblem && error.status === 401
                ? { phase: 'signed-out' }
                : { phase: 'unreachable', retry: restoreSession };
    }
}

/** Uses up a one-time link; one that could not be presented is kept for the next attempt. */
export async function signInByLink(link: string): Promise<void> {
    const retry = (): Promise<void> => signInByLink(link);
    try {
        await call('POST', '/v1/session', { link });
    } catch (error) {
        session.value =
            error instanceof HttpProblem && error.status < 500
                ? {
                      phase: 'signed-out',
                      reason:
                          error.status === 429
                              ? 'Too many attempts. Wait a minute, then open the link again.'
                              : 'This sign-in link has been used already, or it has expired.',
                  }
                : { phase: 'unreachable', retry };
        return;
    }
    await restoreSession();
}

/** Whom the provider knows, but who needs the code of his second factor here as well. */
export const codeWanted = signal<Answer | undefined>(undefined);

/** Throws what the form is to show. */
export async function presentAnswer({ token, nonce }: Answer, code?: string): Promise<void> {
    await call('POST', '/v1/session', { id_token: token, nonce, ...(code && { code }) });
    codeWanted.value = undefined;
    await restoreSession();
}

export async function signInByProvider(answer: Answer): Promise<void> {
    if (!answer.token) {
        session.value = { phase: 'signed-out', reason: 'The identity provider signed nobody in.' };
        return;
    }
    try {
        await presentAnswer(answer);
    } catch (error) {
        if (!(error instanceof HttpProblem) || error.status >= 500) {
            session.value = { phase: 'unreachable', retry: () => signInByProvider(answer) };
            return;
        }
        const needsCode = error.reason === 'code_required';
        if (needsCode) codeWanted.value = answer;
        session.value = { phase: 'signed-out', ...(!needsCode && { reason: `${error.message}.` }) };
    }
}

interface Accepted {
    /** The person has an account already, and no session from this. */
    sign_in?: boolean;
}

/** Throws what the form is to show. */
export async function acceptInvitation(entered: {
    token: string;
    name?: string;
    password?: string;
}): Promise<void> {
    const { sign_in: known } = ((await call('POST', '/v1/invitations/accept', entered)) ?? {}) as Accepted;
    await restoreSession();
    if (known && session.peek().phase === 'signed-out')
        session.value = {
            phase: 'signed-out',
            reason: 'The invitation is accepted. Sign in with the account that you have.',
        };
    redirect({ page: 'home' });
}

/** Throws what the form is to show. */
export async function signInByPassword(entered: {
    email: string;
    password: string;
    code?: string;
}): Promise<void> {
    await call('POST', '/v1/session', entered);
    await restoreSession();
}

export async function signOut(): Promise<void> {
    await call('DELETE', '/v1/session').catch(() => undefined);
    session.value = { phase: 'signed-out', reason: 'You are signed out.' };
    // Who signs in next has not asked for this page.
    redirect({ page: 'home' });
}

/** As the hub names them. */
const endings: Record<string, string> = {
    signed_out: 'You were signed out.',
    expired: 'Your session has expired.',
    suspended: 'Your account was suspended. Ask your administrator why.',
    revoked: 'Your access was removed. Ask your administrator why.',
};

export function sessionEnded(reason?: string): void {
    // The first to say so knows why.
    if (session.peek().phase === 'signed-out') return;
    const known = reason === undefined ? undefined : endings[reason];
    session.value = { phase: 'signed-out', reason: known ?? 'Your session has ended.' };
}

let asked = 0;
let shown = 0;

/** Another role, another name, other partners, other flags: the page goes on with what it may show now. */
export async function refreshPrincipal(): Promise<void> {
    const mine = ++asked;
    try {
        const principal = await loadPrincipal();
        // An answer that was overtaken says what was before.
        if (mine < shown || session.peek().phase !== 'signed-in') return;
        shown = mine;
        session.value = { phase: 'signed-in', principal };
    } catch (error) {
        if (error instanceof HttpProblem && error.status === 401) sessionEnded();
        // Otherwise the server is away, which the page says by itself; what it answers is right anyway.
    }
}

whenSignedOut(() => {
    if (session.peek().phase === 'signed-in') sessionEnded();
});

export function onSessionNotice(notice: SessionNotice): void {
    if (notice.t === 'ended') sessionEnded(notice.reason);
    else void refreshPrincipal();
}

const flagsSpreadMs = 300;
let flagsTimer: ReturnType<typeof setTimeout> | undefined;

/** Every open page hears of it in the same moment; they do not ask in the same moment. */
export function onFlagsChanged(): void {
    flagsTimer ??= setTimeout(() => {
        flagsTimer = undefined;
        void refreshPrincipal();
    }, Math.random() * flagsSpreadMs);
}

export async function fetchToken(): Promise<Token> {
    return (await call('POST', '/v1/token')) as Token;
}
