// The checker must refuse every kind of broken history, and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { check } from './checker.mjs';
import { digest, xxh32 } from './digest.mjs';

const state = (n) => ({ now: { n }, name: 'x' });
const patch = (from, to, n) => ({ k: 'pub', offset: to, data: { t: 'patch', from, to, at: 1, p: { now: { n } } } });
const subscribe = (offset, rest) => ({ k: 'sub', epoch: 'e', offset, recovered: false, publications: [], ...rest });
const row = (seq) => ({ t: 'message', seq });
const publication = (seq) => ({ k: 'pub', offset: seq, data: row(seq) });

/* Sound: a state that is patched, cut, resumed, patched; a log that is followed, cut, resumed. */
function sound() {
    return {
        posted: new Set(['A /s 1', 'A /s 2']), acknowledged: new Set(['A /s 1']), stored: new Map([['A /s 1', 1]]),
        leaks: [], counters: { drift: 0 },
        logs: { 'thread:t': { epoch: 'e', rows: [1, 2, 3, 4, 5].map((seq) => ({ seq, payload: JSON.stringify(row(seq)) })) } },
        screens: [{
            client: 'c', channel: 'metrics:platform', kind: 'state', classes: new Set(['F0']), partners: ['A'],
            items: [
                subscribe(3, { data: { t: 'state', at: 1, ...state(3) } }), patch(3, 4, 4), patch(4, 4, 40),
                { k: 'pub', data: { t: 'check', to: 4, h: digest(state(40)) } }, { k: 'cut' },
                subscribe(6, { asked: { epoch: 'e', offset: 4 }, recovered: true,
                    publications: [patch(3, 4, 4), patch(4, 4, 40), patch(4, 6, 6)] }),
                patch(6, 9, 9),
            ],
            truth: state(9), fresh: { t: 'state', at: 2, ...state(9) }, shown: state(9),
        }, {
            client: 'l', channel: 'thread:t', kind: 'log', classes: new Set(['F0']), partners: ['A'],
            items: [
                subscribe(1), publication(2), { k: 'cut' },
                subscribe(4, { asked: { epoch: 'e', offset: 2 }, recovered: true, publications: [publication(3), publication(4)] }),
                { k: 'pub', data: { t: 'check', to: 4 } }, publication(5),
            ],
        }],
    };
}

/* What is done to the sound history -> the rule that must refuse it. */
const broken = {
    'an acknowledged event is missing': ['lost', (h) => h.stored.clear()],
    'an event is stored twice': ['double', (h) => h.stored.set('A /s 1', 2)],
    'an event appears from nowhere': ['invented', (h) => h.stored.set('A /s 9', 1)],
    'an acknowledged message is missing': ['lost', (h) =>
        (h.messages = { posted: new Set(['t 1']), acknowledged: new Set(['t 1']), stored: new Map() })],
    'a patch is left out': ['gap', (h) => h.screens[0].items.splice(1, 1)],
    'a patch comes twice': ['double', (h) => h.screens[0].items.splice(1, 0, patch(3, 4, 4))],
    'two patches change places': ['gap', (h) => h.screens[0].items.push(patch(11, 12, 9), patch(9, 11, 9))],
    'an offset goes back': ['back', (h) => h.screens[0].items.push(subscribe(5, { data: { t: 'state', ...state(9) } }))],
    'a patch says another position': ['protocol', (h) => (h.screens[0].items[6].offset = 10)],
    'a resume gives one too few, the first': ['gap', (h) => h.screens[0].items[5].publications.splice(0, 3, patch(5, 6, 6))],
    'a resume gives one too few, the last': ['resume', (h) => h.screens[0].items[5].publications.pop()],
    'a resume into another epoch': ['resume', (h) => (h.screens[0].items[5].epoch = 'f')],
    'a silent hole': ['resume', (h) => (h.screens[0].items[5].recovered = false)],
    'the client forgets its position': ['client', (h) => (h.screens[0].items[5].asked.offset = 3)],
    'a publication before the subscription': ['protocol', (h) => h.screens[0].items.unshift(patch(1, 2, 2))],
    'a foreign epoch in mid-stream': ['resume', (h) => (h.screens[0].items[5].asked.epoch = 'f')],
    'another value than in Postgres': ['state', (h) => (h.screens[0].truth = state(8))],
    'another value than a fresh subscriber has': ['state', (h) => (h.screens[0].fresh.now.n = 8)],
    'another value in the SDK': ['state', (h) => (h.screens[0].shown.now.n = 8)],
    'a member too many': ['state', (h) => delete h.screens[0].truth.name],
    'a wrong digest': ['digest', (h) => (h.screens[0].items[3].data.h = '00000000')],
    'a channel that is said not to exist': ['refused', (h) => h.screens[0].items.splice(5, 0, { k: 'refused', code: 102, temporary: false })],
    'no subscription at the end': ['end', (h) => h.screens[0].items.push({ k: 'unsub', code: 2500 })],
    'a log row is left out': ['gap', (h) => h.screens[1].items.splice(1, 1)],
    'a log row comes twice': ['double', (h) => h.screens[1].items.splice(1, 0, publication(2))],
    'log rows change places': ['gap', (h) => h.screens[1].items[3].publications.reverse()],
    'a log row is altered': ['content', (h) => (h.screens[1].items[5].data = { ...row(5), body: 'other' })],
    'the end of the log never comes': ['lost', (h) => h.screens[1].items.pop()],
    'a log of another epoch': ['epoch', (h) => (h.logs['thread:t'].epoch = 'f')],
    'a log resume ends early': ['resume', (h) => h.screens[1].items[3].publications.pop()],
    'a log resume is refused without need': ['resume', (h) => Object.assign(h.screens[1].items[3], { recovered: false, publications: [] })],
    'a canary of a foreign partner': ['audience', (h) => h.leaks.push({ client: 'c', role: 'r', channel: 'metrics:platform', partner: 'B', class: 'F0' })],
    'a canary of a higher class': ['audience', (h) => h.leaks.push({ client: 'c', role: 'r', channel: 'metrics:platform', partner: 'A', class: 'F1' })],
    'cost where there is none': ['audience', (h) => h.leaks.push({ client: 'c', role: 'r', channel: 'metrics:platform', class: 'F2' })],
    'a counter that must be zero': ['counter', (h) => (h.counters.drift = 1)],
};

test('a sound history has no violation', () => assert.deepEqual(check(sound()), []));

for (const [what, [rule, damage]] of Object.entries(broken))
    test(`refused: ${what}`, () => {
        const history = sound();
        damage(history);
        assert.ok(check(history).some((violation) => violation.rule === rule), JSON.stringify(check(history)));
    });

test('staff sees all partners, but on a partner\'s channel only that one', () => {
    const history = sound();
    Object.assign(history.screens[0], { partners: '*', classes: new Set(['F0', 'F1']) });
    const leak = { client: 'c', role: 'r', partner: 'B', class: 'F1' };
    history.leaks.push({ ...leak, channel: 'jobs:platform' });
    assert.deepEqual(check(history), []);
    history.leaks.push({ ...leak, channel: 'jobs:partner:A' });
    assert.deepEqual(check(history).map(({ rule }) => rule), ['audience']);
});

test('who may not see a channel is told that it is unknown, and no more', () => {
    const history = sound();
    const screen = { client: 'x', channel: 'thread:t', kind: 'closed', classes: new Set(), partners: [],
        items: [{ k: 'refused', code: 100, temporary: true }, { k: 'refused', code: 102, temporary: false }] };
    history.screens.push(screen);
    assert.deepEqual(check(history), []);
    for (const item of [subscribe(1), publication(1), { k: 'refused', code: 103, temporary: false }]) {
        screen.items = [item];
        assert.equal(check(history).length, 1);
    }
});

test('a log client that was too far behind fetches the rest', () => {
    const history = sound();
    const [, log] = history.screens;
    log.items[3] = subscribe(4, { asked: { epoch: 'e', offset: 2 }, tooFar: true });
    assert.deepEqual(check(history).map(({ rule }) => rule), ['gap']);
    log.items.splice(4, 0, { k: 'history', since: 2, epoch: 'e', offset: 4, publications: [publication(3), publication(4)] });
    assert.deepEqual(check(history), []);
    log.items[4].publications.shift();
    assert.ok(check(history).some(({ rule }) => rule === 'gap'));
});

test('percentiles may differ from Postgres by the sketch, and by no more', () => {
    const history = sound();
    const [screen] = history.screens;
    for (const name of ['truth', 'fresh', 'shown']) screen[name] = { ...state(9), p95_ms: 1000 };
    screen.items.at(-1).data.p.p95_ms = 1000;
    assert.deepEqual(check(history), []);
    screen.truth.p95_ms = 1010;
    assert.deepEqual(check(history), []);
    screen.truth.p95_ms = 1100;
    assert.deepEqual(check(history).map(({ rule }) => rule), ['state']);
});

test('the digest is the defined one', () => {
    // Vectors of the reference implementation.
    assert.equal(xxh32(Buffer.from('')), 0x02cc5d05);
    assert.equal(xxh32(Buffer.from('a')), 0x550d7456);
    assert.equal(xxh32(Buffer.from('Nobody inspects the spammish repetition')), 0xe2293b2f);
    const text = 'a/b=1';
    assert.equal(digest({ t: 'state', at: 5, a: { b: 1 }, empty: {} }), xxh32(Buffer.from(text)).toString(16).padStart(8, '0'));
    assert.equal(digest({ a: 1, b: [1, 'x'] }), digest({ b: [1, 'x'], a: 1 }));
    assert.notEqual(digest({ a: 1 }), digest({ a: '1' }));
});
