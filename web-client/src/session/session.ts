/** Who is signed in. The cookie is HttpOnly; the page only ever learns the principal. */
import { signal } from '@preact/signals';
import type { Principal, Token } from '../live/payloads';
import { call, HttpProblem } from './http';

export type Session =
    | { phase: 'loading' }
    | { phase: 'signed-out'; reason?: string }
    | { phase: 'unreachable'; retry: () => Promise<void> }
    | { phase: 'signed-in'; principal: Principal };

export const session = signal<Session>({ phase: 'loading' });

function toSession(answer: unknown, retry: () => Promise<void>): Session {
    if (typeof answer === 'object' && answer !== null && 'user' in answer && 'name' in answer)
        return { phase: 'signed-in', principal: answer as Principal };
    return { phase: 'unreachable', retry };
}

export async function restoreSession(): Promise<void> {
    try {
        session.value = toSession(await call('GET', '/v1/session'), restoreSession);
    } catch (error) {
        session.value =
            error instanceof HttpProblem && error.status === 401
                ? { phase: 'signed-out' }
                : { phase: 'unreachable', retry: restoreSession };
    }
}

/** Uses up a one-time link; one that could not be presented is kept for the next attempt. */
export async function signIn(link: string): Promise<void> {
    const retry = (): Promise<void> => signIn(link);
    try {
        session.value = toSession(await call('POST', '/v1/session', { link }), retry);
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
    }
}

export async function signOut(): Promise<void> {
    await call('DELETE', '/v1/session').catch(() => undefined);
    session.value = { phase: 'signed-out', reason: 'You are signed out.' };
}

export function sessionEnded(): void {
    session.value = { phase: 'signed-out', reason: 'Your session has ended.' };
}

export async function fetchToken(): Promise<Token> {
    return (await call('POST', '/v1/token')) as Token;
}
