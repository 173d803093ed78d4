/**
 * Signing in at the identity provider that the server trusts: OpenID Connect's implicit flow for an
 * ID token alone. The browser goes there, and comes back with the token in the fragment.
 */
import { signal } from '@preact/signals';
import { call } from './http';

export interface Provider {
    name: string;
    url: string;
    client: string;
}

/** What the provider sent back. */
export interface Answer {
    /** Absent: it signed nobody in. */
    token?: string;
    nonce: string;
    /** The fragment that was asked for before. */
    then: string;
}

interface Request {
    state: string;
    nonce: string;
    then: string;
}

const storageKey = 'identity-request';
/** As long as a session: with it the provider has to say when it saw the person prove who he is. */
const maxAgeSeconds = 12 * 3600;

/** Undefined until the server has said, and if there is none. */
export const provider = signal<Provider | undefined>(undefined);

export async function findProvider(): Promise<void> {
    const answer = (await call('GET', '/v1/session/provider')) as { provider: Provider | null };
    provider.value = answer.provider ?? undefined;
}

function random(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** `again`: also somebody whom the provider still knows has to prove who he is. */
export function addressOf(to: Provider, request: Request, home: string, again: boolean): string {
    const url = new URL(to.url);
    const parameters = {
        response_type: 'id_token',
        response_mode: 'fragment',
        scope: 'openid email profile',
        client_id: to.client,
        redirect_uri: home,
        state: request.state,
        nonce: request.nonce,
        max_age: String(again ? 0 : maxAgeSeconds),
    };
    for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
    return url.href;
}

export function goToProvider(to: Provider, again = false): void {
    const request: Request = { state: random(), nonce: random(), then: location.hash };
    sessionStorage.setItem(storageKey, JSON.stringify(request));
    location.assign(addressOf(to, request, `${location.origin}/`, again));
}

/**
 * Of a fragment that the provider made for a request of this tab; undefined of any other. Whoever
 * sends somebody a link with a token of his own cannot know the state.
 */
export function answerIn(fragment: string, stored: string | null): Answer | undefined {
    const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
    const state = parameters.get('state');
    if (!state || !stored) return undefined;
    const request = JSON.parse(stored) as Request;
    if (request.state !== state) return undefined;
    const token = parameters.get('id_token');
    return { nonce: request.nonce, then: request.then, ...(token && { token }) };
}

/** The answer with which this page was opened, if it was; it is good once and leaves the address. */
export function takeAnswer(): Answer | undefined {
    const answer = answerIn(location.hash, sessionStorage.getItem(storageKey));
    if (!answer) return undefined;
    sessionStorage.removeItem(storageKey);
    location.replace(answer.then || '#/');
    return answer;
}
