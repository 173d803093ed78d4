import { createContext } from 'preact';
import { useContext, useEffect, useMemo } from 'preact/hooks';
import type { Channel } from './channel';
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
