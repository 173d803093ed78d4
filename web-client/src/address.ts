/** The addresses of pages. Routes live in the fragment: the server has one page, links never reach its log. */
import { type WindowName, windowNames } from './live/payloads';

export type Route =
    | { page: 'home' }
    /** `then`: where to go on to. */
    | { page: 'sign-in'; link?: string; then?: Route }
    | { page: 'invitation'; token: string }
    | { page: 'platform' }
    | { page: 'partner' | 'team' | 'keys' | 'tokens'; code: string }
    | { page: 'partners' | 'settings' | 'wallets' | 'users' | 'roles' | 'audit' | 'explain' | 'me' }
    | { page: 'user'; id: string }
    | { page: 'not-found' };

const codePages = ['partner', 'team', 'keys', 'tokens'] as const;
const plainPages = [
    'platform', 'partners', 'settings', 'wallets', 'users', 'roles', 'audit', 'explain', 'me',
] as const;

function oneOf<T extends string>(names: readonly T[], name: string): T | undefined {
    return names.find((one) => one === name);
}

const split = (path: string): string[] => path.split('/').filter(Boolean);

/** One of this client's own pages, or none: never an address that somebody else wrote. */
function thenOf(wanted: string | null): Route | undefined {
    if (!wanted || !/^\/[A-Za-z0-9_/-]{0,200}$/.test(wanted)) return undefined;
    const then = routeOf(split(wanted), new URLSearchParams());
    const { page } = then;
    return page === 'not-found' || page === 'sign-in' || page === 'invitation' ? undefined : then;
}

function routeOf(path: string[], query: URLSearchParams): Route {
    const [first = '', second, ...rest] = path;
    if (first === '') return { page: 'home' };
    if (rest.length) return { page: 'not-found' };
    if (second === undefined) {
        if (first === 'sign-in') {
            const link = query.get('link');
            const then = thenOf(query.get('then'));
            return { page: 'sign-in', ...(link && { link }), ...(then && { then }) };
        }
        if (first === 'invitation') return { page: 'invitation', token: query.get('token') ?? '' };
        const plain = oneOf(plainPages, first);
        return plain ? { page: plain } : { page: 'not-found' };
    }
    const ofPartner = oneOf(codePages, first);
    if (ofPartner && /^[A-Z0-9_-]{1,32}$/.test(second)) return { page: ofPartner, code: second };
    if (first === 'users' && /^usr_[A-Za-z0-9]{1,60}$/.test(second))
        return { page: 'user', id: second };
    return { page: 'not-found' };
}

export function parse(hash: string): { route: Route; query: URLSearchParams } {
    const [path = '', search = ''] = hash.replace(/^#\/?/, '').split('?');
    const query = new URLSearchParams(search);
    return { route: routeOf(split(path), query), query };
}

export function windowOf(query: URLSearchParams): WindowName {
    const wanted = query.get('window');
    return windowNames.find((name) => name === wanted) ?? '1h';
}

export function addressOf(target: Route, window: WindowName): string {
    switch (target.page) {
        case 'home':
            return '#/';
        case 'platform':
            return `#/platform?window=${window}`;
        case 'partner':
            return `#/partner/${target.code}?window=${window}`;
        case 'team':
        case 'keys':
        case 'tokens':
            return `#/${target.page}/${target.code}`;
        case 'user':
            return `#/users/${target.id}`;
        default:
            return `#/${target.page}`;
    }
}
