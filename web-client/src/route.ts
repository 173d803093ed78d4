/** Which page is shown. */
import { computed, signal } from '@preact/signals';
import { addressOf, parse, type Route, windowOf } from './address';
import type { WindowName } from './live/payloads';

export type { Route } from './address';

const fragment = signal(location.hash);

addEventListener('hashchange', () => {
    fragment.value = location.hash;
});

const parsed = computed(() => parse(fragment.value));

export const route = computed<Route>(() => parsed.value.route);

/** What follows the page in the address: a list's filters. */
export const search = computed(() => parsed.value.query);

/** The window is in the address, so that a link shows what its sender saw. */
export const windowName = computed<WindowName>(() => windowOf(parsed.value.query));

export function hrefOf(target: Route, window: WindowName = windowName.peek()): string {
    return addressOf(target, window);
}

export function navigate(target: Route, window?: WindowName): void {
    location.hash = hrefOf(target, window);
}

/** Other filters of the page that is shown; typing must not fill the history. */
export function replaceSearch(text: string): void {
    const [path = ''] = location.hash.split('?');
    history.replaceState(null, '', text ? `${path}?${text}` : path);
    fragment.value = location.hash;
}

/** Replaces the entry in the history, for redirects and for links that must not stay in it. */
export function redirect(target: Route): void {
    history.replaceState(null, '', hrefOf(target));
    fragment.value = location.hash;
}
