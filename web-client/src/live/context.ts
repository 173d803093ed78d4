import { createContext } from 'preact';
import { useContext, useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks';
import type { Channel, LogReader } from './channel';
import type { LiveClient } from './client';

export const LiveContext = createContext<LiveClient | undefined>(undefined);

export function useLive(): LiveClient {
    const live = useContext(LiveContext);
    if (!live) throw new Error('outside of a signed-in page');
    return live;
}

/** The channel, subscribed for as long as the component is on the page. */
export function useChannel<T>(name: string): Channel<T> {
    const live = useLive();
    const channel = useMemo(() => live.acquire<T>(name), [live, name]);
    useEffect(() => () => live.release(name), [live, name]);
    return channel;
}

/** Follows a channel that is a log. `reader` may be another one at each rendering. */
export function useLog(name: string, reader: LogReader): Channel<unknown> {
    const now = useRef(reader);
    now.current = reader;
    const channel = useChannel<unknown>(name);
    // Before the hub can have answered: what it answers is the reader's.
    useLayoutEffect(() => {
        const own: LogReader = {
            row: (row) => now.current.row(row),
            missed: () => now.current.missed(),
        };
        channel.readers.add(own);
        return () => void channel.readers.delete(own);
    }, [channel]);
    return channel;
}
