import { HttpProblem, problemOf, Unreachable } from './http';

/** Saves what `path` answers as a file. True: the server has more than it put in one file. */
export async function download(path: string, name: string): Promise<boolean> {
    const response = await fetch(path, { credentials: 'same-origin', cache: 'no-store' }).catch(
        () => {
            throw new Unreachable();
        },
    );
    if (!response.ok) throw await problemOf(response);
    const type = response.headers.get('content-type') ?? '';
    if (!type.startsWith('text/csv')) throw new HttpProblem(502, 'This cannot be exported.');
    const url = URL.createObjectURL(await response.blob());
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    // The browser has taken it by the next turn at the latest.
    setTimeout(() => URL.revokeObjectURL(url), 10_000);
    return response.headers.has('x-next');
}
