import { createContext } from 'preact';
import { useContext, useEffect, useMemo, useRef } from 'preact/hooks';
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

/** Reads a log for as long as the component is on the page; `undefined` reads nothing. */
export function useLog(name: string | undefined, reader: LogReader): void {
    const live = useContext(LiveContext);
    const latest = useRef(reader);
    latest.current = reader;
    useEffect(() => {
        if (!live || name === undefined) return undefined;
        const own: LogReader = {
            entry: (data) => latest.current.entry(data),
            missed: () => latest.current.missed(),
        };
        const channel = live.acquire<unknown>(name);
        channel.readers.add(own);
        return () => {
            channel.readers.delete(own);
            live.release(name);
        };
    }, [live, name]);
}
