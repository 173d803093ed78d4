/** Who is signed in. The cookie is HttpOnly; the page only ever learns the principal. */
import { signal } from '@preact/signals';
import type { SessionNotice, Token } from '../live/payloads';
import { redirect } from '../route';
import { call, HttpProblem } from './http';
import { type Permission, rolePermissions } from './permissions';
import type { Principal } from './principal';

export type Session =
    | { phase: 'loading' }
    | { phase: 'signed-out'; reason?: string }
    | { phase: 'unreachable'; retry: () => Promise<void> }
    | { phase: 'signed-in'; principal: Principal };

export const session = signal<Session>({ phase: 'loading' });

interface Answer {
    user: string;
    session: string;
    name: string;
    staff?: string;
    partners?: { code: string; name: string; role: string }[];
}

function principalOf(answer: Answer): Principal {
    const of = (role: string): readonly Permission[] => rolePermissions[role] ?? [];
    const partners = (answer.partners ?? []).map((one) => ({
        ...one,
        permissions: of(`partner.${one.role}`),
    }));
    return {
        user: { id: answer.user, name: answer.name, kind: answer.staff ? 'staff' : 'member' },
        ...(answer.staff && { role: `staff.${answer.staff}` }),
        permissions: answer.staff
            ? of(`staff.${answer.staff}`)
            : [...new Set(partners.flatMap((one) => one.permissions))],
        partners,
        session: { id: answer.session },
    };
}

async function loadPrincipal(): Promise<Principal> {
    return principalOf((await call('GET', '/v1/session')) as Answer);
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

const endings: Record<string, string> = {
    signed_out: 'You were signed out.',
    expired: 'Your session has expired.',
    suspended: 'Your account was suspended. Ask your administrator why.',
    access_removed: 'Your access was removed. Ask your administrator why.',
};

export function sessionEnded(reason?: string): void {
    const known = reason === undefined ? undefined : endings[reason];
    session.value = { phase: 'signed-out', reason: known ?? 'Your session has ended.' };
}

/** Another role, another name, other partners: the page goes on with what it may show now. */
export async function refreshPrincipal(): Promise<void> {
    try {
        session.value = { phase: 'signed-in', principal: await loadPrincipal() };
    } catch (error) {
        if (error instanceof HttpProblem && error.status === 401) sessionEnded();
        // Otherwise the server is away, which the page says by itself; what it answers is right anyway.
    }
}

export function onSessionNotice(notice: SessionNotice): void {
    if (notice.t === 'ended') sessionEnded(notice.reason);
    else void refreshPrincipal();
}

export async function fetchToken(): Promise<Token> {
    return (await call('POST', '/v1/token')) as Token;
}
