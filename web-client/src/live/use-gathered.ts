import { useEffect, useMemo, useRef } from 'preact/hooks';

/** Calls `run` once, a moment after the first of several calls. */
export function useGathered(run: () => void, ms = 200): () => void {
    const latest = useRef(run);
    latest.current = run;
    const gathered = useMemo(() => {
        let timer: ReturnType<typeof setTimeout> | undefined;
        return {
            wake: () => {
                timer ??= setTimeout(() => {
                    timer = undefined;
                    latest.current();
                }, ms);
            },
            stop: () => clearTimeout(timer),
        };
    }, [ms]);
    useEffect(() => gathered.stop, [gathered]);
    return gathered.wake;
}
