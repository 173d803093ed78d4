/** Calls to ingest, with RFC 9457 problems as errors. */
import { confirmIdentity } from './step-up';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

export class HttpProblem extends Error {
    constructor(
        readonly status: number,
        detail: string,
        /** The problem's stable name, as `step_up` or `rate_limited`; empty: not one of ours. */
        readonly reason = '',
        /** The member of the body or query that is meant. */
        readonly field = '',
    ) {
        super(detail);
        this.name = 'HttpProblem';
    }
}

/** Nobody answered, or not in a way that could be read. */
export class Unreachable extends Error {
    constructor() {
        super('The server does not answer. Nothing was changed; try again.');
        this.name = 'Unreachable';
    }
}

/** What to tell the reader of a call that failed. */
export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}

export async function problemOf(response: Response): Promise<HttpProblem> {
    const body: unknown = await response.json().catch(() => undefined);
    const members = typeof body === 'object' && body !== null ? body : {};
    const text = (name: 'detail' | 'title' | 'reason' | 'field'): string => {
        const value: unknown = Reflect.get(members, name);
        return typeof value === 'string' ? value : '';
    };
    return new HttpProblem(
        response.status,
        text('detail') || text('title') || `HTTP ${response.status}`,
        text('reason'),
        text('field'),
    );
}

/** Sent as JSON; a Blob as what its type says. */
export type Body = object | Blob;

function encode(body: Body): RequestInit {
    return body instanceof Blob
        ? { body }
        : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
}

/** One request, without asking anybody for anything. */
export async function call(
    method: Method,
    path: string,
    body?: Body,
    signal?: AbortSignal,
): Promise<unknown> {
    let response: Response;
    try {
        response = await fetch(path, {
            method,
            credentials: 'same-origin',
            cache: 'no-store',
            ...(signal && { signal }),
            ...(body && encode(body)),
        });
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new Unreachable();
    }
    if (!response.ok) throw await problemOf(response);
    return response.status === 204 ? undefined : response.json();
}

let onSignedOut = (): void => undefined;

/** Called when a call shows that nobody is signed in any more. */
export function whenSignedOut(ended: () => void): void {
    onSignedOut = ended;
}

/** The same, asking the reader to confirm who he is when the server wants that, once. */
async function request<T>(
    method: Method,
    path: string,
    body?: Body,
    signal?: AbortSignal,
): Promise<T> {
    try {
        return (await call(method, path, body, signal)) as T;
    } catch (error) {
        if (!(error instanceof HttpProblem)) throw error;
        if (error.status === 401 && error.reason === 'sign_in') onSignedOut();
        if (error.reason !== 'step_up') throw error;
        await confirmIdentity();
        return (await call(method, path, body, signal)) as T;
    }
}

export function get<T>(path: string, signal?: AbortSignal): Promise<T> {
    return request<T>('GET', path, undefined, signal);
}

export function post<T>(path: string, body: Body = {}): Promise<T> {
    return request<T>('POST', path, body);
}

export function put<T>(path: string, body: Body): Promise<T> {
    return request<T>('PUT', path, body);
}

export function patch<T>(path: string, body: Body): Promise<T> {
    return request<T>('PATCH', path, body);
}

export function del<T>(path: string, body?: Body): Promise<T> {
    return request<T>('DELETE', path, body);
}

type Query = Record<string, string | number | boolean | undefined>;

/** `path` with the members of `query` that say something. */
export function withQuery(path: string, query: Query): string {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query))
        if (value !== undefined && value !== '') params.set(name, String(value));
    const text = params.toString();
    return text ? `${path}${path.includes('?') ? '&' : '?'}${text}` : path;
}
