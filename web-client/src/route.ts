/** Routes live in the fragment, so that the server has one page and links never reach its log. */
import { computed, signal } from '@preact/signals';
import { type WindowName, windowNames } from './live/payloads';

export type Route =
    | { page: 'home' }
    | { page: 'sign-in'; link?: string }
    | { page: 'platform' }
    | { page: 'partner'; code: string }
    | { page: 'not-found' };

const fragment = signal(location.hash);

addEventListener('hashchange', () => {
    fragment.value = location.hash;
});

function parse(hash: string): { route: Route; query: URLSearchParams } {
    const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
    const query = new URLSearchParams(search);
    const [first = '', second, ...rest] = path.split('/').filter(Boolean);
    const link = query.get('link');
    let route: Route = { page: 'not-found' };
    if (first === '') route = { page: 'home' };
    else if (first === 'sign-in' && !second)
        route = link ? { page: 'sign-in', link } : { page: 'sign-in' };
    else if (first === 'platform' && !second) route = { page: 'platform' };
    else if (first === 'partner' && second && !rest.length && /^[A-Z0-9_-]{1,32}$/.test(second))
        route = { page: 'partner', code: second };
    return { route, query };
}

const parsed = computed(() => parse(fragment.value));

export const route = computed<Route>(() => parsed.value.route);

/** The window is in the address, so that a link shows what its sender saw. */
export const windowName = computed<WindowName>(() => {
    const wanted = parsed.value.query.get('window');
    return windowNames.find((name) => name === wanted) ?? '1h';
});

export function hrefOf(target: Route, window: WindowName = windowName.peek()): string {
    const query = `?window=${window}`;
    if (target.page === 'platform') return `#/platform${query}`;
    if (target.page === 'partner') return `#/partner/${target.code}${query}`;
    return `#/${target.page === 'home' ? '' : target.page}`;
}

export function navigate(target: Route, window?: WindowName): void {
    location.hash = hrefOf(target, window);
}

/** Replaces the entry in the history, for redirects and for links that must not stay in it. */
export function redirect(target: Route): void {
    history.replaceState(null, '', hrefOf(target));
    fragment.value = location.hash;
}
