/** Calls to ingest, with RFC 9457 problems as errors. */

export class HttpProblem extends Error {
    constructor(
        readonly status: number,
        detail: string,
    ) {
        super(detail);
        this.name = 'HttpProblem';
    }
}

async function problemOf(response: Response): Promise<HttpProblem> {
    const body: unknown = await response.json().catch(() => undefined);
    const detail =
        typeof body === 'object' && body !== null && 'detail' in body ? body.detail : undefined;
    return new HttpProblem(
        response.status,
        typeof detail === 'string' ? detail : `HTTP ${response.status}`,
    );
}

export async function call(
    method: 'GET' | 'POST' | 'DELETE',
    path: string,
    body?: Record<string, string>,
): Promise<unknown> {
    const response = await fetch(path, {
        method,
        credentials: 'same-origin',
        cache: 'no-store',
        ...(body && {
            headers: { 'content-type': 'application/json' },
            body: JSON.stringify(body),
        }),
    });
    if (!response.ok) throw await problemOf(response);
    return response.status === 204 ? undefined : response.json();
}
