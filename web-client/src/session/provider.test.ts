import { expect, test } from 'vitest';
import { addressOf, answerIn } from './provider';

const request = { state: 's-1', nonce: 'n-1', then: '#/team/ALPHA' };
const stored = JSON.stringify(request);

test('asks for an ID token and when the person proved who he is', () => {
    const to = { name: 'id.example', url: 'https://id.example/auth?tenant=7', client: 'hub' };
    const url = new URL(addressOf(to, request, 'https://hub.example/', false));
    expect(url.origin + url.pathname).toBe('https://id.example/auth');
    expect(Object.fromEntries(url.searchParams)).toMatchObject({
        tenant: '7', response_type: 'id_token', client_id: 'hub', state: 's-1', nonce: 'n-1',
        redirect_uri: 'https://hub.example/', max_age: '43200',
    });
    expect(new URL(addressOf(to, request, '', true)).searchParams.get('max_age')).toBe('0');
});

test('takes only the answer to its own request', () => {
    expect(answerIn('#id_token=t&state=s-1', stored)).toEqual({
        token: 't', nonce: 'n-1', then: '#/team/ALPHA',
    });
    expect(answerIn('#error=access_denied&state=s-1', stored)).toEqual({
        nonce: 'n-1', then: '#/team/ALPHA',
    });
    expect(answerIn('#id_token=t&state=s-2', stored)).toBeUndefined();
    expect(answerIn('#id_token=t&state=s-1', null)).toBeUndefined();
    expect(answerIn('#id_token=t', stored)).toBeUndefined();
    expect(answerIn('#/team/ALPHA?window=1h', stored)).toBeUndefined();
});
