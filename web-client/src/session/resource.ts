/** What a page asks for: loaded when it is shown, again on request, the last answer kept meanwhile. */
import { computed, type ReadonlySignal, signal } from '@preact/signals';
import { useEffect, useMemo } from 'preact/hooks';
import { get, HttpProblem, messageOf, withQuery } from './http';

export interface Resource<T> {
    data: ReadonlySignal<T | undefined>;
    error: ReadonlySignal<HttpProblem | Error | undefined>;
    loading: ReadonlySignal<boolean>;
    reload: () => Promise<void>;
    /** Puts what a change answered, or what arrived live, where the page reads it. */
    set: (change: (now: T | undefined) => T | undefined) => void;
}

interface Loader<T> extends Resource<T> {
    stop: () => void;
    /** Loads `path` and joins the answer with what is there. */
    load: (path: string, join: (answer: T) => T) => Promise<void>;
}

function loader<T>(path: string | undefined): Loader<T> {
    const data = signal<T | undefined>(undefined);
    const error = signal<Error | undefined>(undefined);
    const loading = signal(path !== undefined);
    let running: AbortController | undefined;
    const load = async (from: string, join: (answer: T) => T): Promise<void> => {
        running?.abort();
        const mine = new AbortController();
        running = mine;
        loading.value = true;
        try {
            const answer = await get<T>(from, mine.signal);
            if (mine.signal.aborted) return;
            data.value = join(answer);
            error.value = undefined;
        } catch (problem) {
            if (mine.signal.aborted) return;
            error.value = problem instanceof Error ? problem : new Error(messageOf(problem));
        }
        loading.value = false;
    };
    return {
        data,
        error,
        loading,
        load,
        reload: async () => {
            if (path !== undefined) await load(path, (answer) => answer);
        },
        set: (change) => {
            data.value = change(data.peek());
        },
        stop: () => running?.abort(),
    };
}

/** `undefined` asks for nothing. Another path is another resource, which starts empty. */
export function useResource<T>(path: string | undefined): Resource<T> {
    const resource = useMemo(() => loader<T>(path), [path]);
    useEffect(() => {
        void resource.reload();
        return resource.stop;
    }, [resource]);
    return resource;
}

interface Part {
    next?: string | null;
}

/** An answer that comes in parts: each is joined with those before, and shown as it comes. */
export function useParts<T extends Part>(path: string, join: (now: T, part: T) => T): Resource<T> {
    const resource = useMemo(() => partsOf<T>(path, join), [path, join]);
    useEffect(() => {
        void resource.reload();
        return resource.stop;
    }, [resource]);
    return resource;
}

function partsOf<T extends Part>(path: string, join: (now: T, part: T) => T) {
    const { load, stop, ...resource } = loader<T>(path);
    let turn = 0;
    const more = async (mine: number): Promise<void> => {
        const now = resource.data.peek();
        if (mine !== turn || resource.error.peek() || !now?.next) return;
        await load(withQuery(path, { after: now.next }), (part) => join(now, part));
        await more(mine);
    };
    return {
        ...resource,
        reload: async () => {
            const mine = ++turn;
            await resource.reload();
            await more(mine);
        },
        stop: () => {
            turn += 1;
            stop();
        },
    };
}

export interface Page<T> {
    items: T[];
    next?: string | null;
}

export interface List<T> extends Resource<Page<T>> {
    items: ReadonlySignal<T[] | undefined>;
    /** There are more rows than those loaded. */
    hasMore: ReadonlySignal<boolean>;
    /** Appends the next page. */
    more: () => Promise<void>;
}

/** A list of the server, page by page. */
export function useList<T>(path: string | undefined): List<T> {
    const list = useMemo(() => listOf<T>(path), [path]);
    useEffect(() => {
        void list.reload();
        return list.stop;
    }, [list]);
    return list;
}

function listOf<T>(path: string | undefined): List<T> & { stop: () => void } {
    const { load, ...resource } = loader<Page<T>>(path);
    const { data } = resource;
    return {
        ...resource,
        items: computed(() => data.value?.items),
        hasMore: computed(() => Boolean(data.value?.next)),
        more: async () => {
            const now = data.peek();
            if (path === undefined || !now?.next) return;
            await load(withQuery(path, { after: now.next }), (page) => ({
                ...page,
                items: [...now.items, ...page.items],
            }));
        },
    };
}
