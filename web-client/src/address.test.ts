import { expect, test } from 'vitest';
import { parse } from './address';

/** Where signing in goes on to, from a link that anybody may have written. */
const thenOf = (wanted: string) => {
    const { route } = parse(`#/sign-in?link=l&then=${encodeURIComponent(wanted)}`);
    return route.page === 'sign-in' ? route.then : undefined;
};

test('goes on to a page of its own', () => {
    expect(thenOf('/team/ALPHA')).toEqual({ page: 'team', code: 'ALPHA' });
    expect(thenOf('/audit')).toEqual({ page: 'audit' });
});

test('never goes on to somebody else’s address', () => {
    for (const wanted of [
        'https://evil.example', '//evil.example', '/\\evil.example', '\\\\evil.example', 'javascript:alert(1)',
        '/https://evil.example', '/%2f%2fevil.example', '/team/ALPHA//evil.example', '/@evil.example',
        '/team/../../evil', ' //evil.example', '/\t/evil.example', '/sign-in', '/invitation', '/nowhere', '',
    ])
        expect(thenOf(wanted), wanted).toBeUndefined();
});
