// Messages over HTTP: stored once whatever is sent again, in order, hinted on Redis, and for
// participants only.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import { after, before, test } from 'node:test';
import { startStack, until } from './harness.mjs';

let stack, max, mia, bob, sue, bea, thread;

before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'], ingest: { message_rate: 1000 } });
    [max, mia, bob, sue, bea] = await Promise.all([
        { name: 'Max "M"', partner: 'ALPHA', role: 'manager' },
        { name: 'Mia', partner: 'ALPHA', role: 'admin' },
        { name: 'Bob', partner: 'BETA', role: 'admin' },
        { name: 'Sue', staff: 'support' },
        { name: 'Bea', staff: 'ops' },
    ].map(async (person) => {
        const id = await stack.user(person);
        return { id, token: await stack.token(id) };
    }));
    thread = await create('Renders', max, sue);
});

after(() => stack?.close());

const ctl = (...words) =>
    stack.metricsctl('thread', words[0], '--database', stack.postgres.dsn, ...words.slice(1));

const create = (subject, ...people) =>
    ctl('create', '--partner', 'ALPHA', '--subject', subject,
        ...people.flatMap(({ id }) => ['--participant', id]));

async function ask(person, method, path, body) {
    const response = await fetch(`${stack.ingestUrl}${path}`, {
        method, body: typeof body === 'object' ? JSON.stringify(body) : body,
        headers: { ...(person && { authorization: `Bearer ${person.token}` }), 'content-type': 'application/json' },
    });
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: JSON.parse(text) };
}

const post = (person, where, body, client_id = randomUUID()) =>
    ask(person, 'POST', `/v1/threads/${where}/messages`, { client_id, body });

/** A subscribed SDK client and what it is given. */
async function watch(person, place) {
    const client = await stack.connect(person.token);
    const subscription = client.newSubscription(`thread:${place}`);
    const watcher = { client, subscription, got: [] };
    subscription.on('publication', ({ data, offset }) => data.t === 'message' && watcher.got.push({ ...data, offset }));
    subscription.on('subscribed', (context) => (watcher.subscribed = context));
    subscription.on('unsubscribed', (context) => (watcher.unsubscribed = context));
    subscription.subscribe();
    await until(() => watcher.subscribed, 'the subscription');
    return watcher;
}

/** What is published on a Redis channel. */
async function listen(channel) {
    const socket = net.connect(stack.redis.port, '127.0.0.1');
    const listener = { messages: [], close: () => socket.destroy() };
    let text = '';
    socket.on('data', (chunk) => {
        text += chunk;
        listener.messages = text.split('\r\n').filter((line) => line.startsWith('{'));
    });
    await once(socket, 'connect');
    socket.write(`AUTH ${stack.redis.password}\r\nSUBSCRIBE ${channel}\r\n`);
    await until(() => text.includes(':1\r\n'), 'the subscription');
    return listener;
}

test('a message is stored, logged and published; a retry finds the original', async () => {
    const redis = await listen(`mh:thread:${thread}`);
    const client_id = randomUUID();
    const body = 'Grüße "an" \\ alle 🎬\n\u2028';
    const sent = await post(max, thread, body, client_id);
    assert.equal(sent.status, 201);
    assert.match(sent.body.id, /^msg_[0-9a-f]{32}$/);
    assert.equal(sent.body.seq, 1);
    assert.ok(Math.abs(sent.body.at - Date.now()) < 60_000);
    const [[epoch]] = await stack.sql(
        `SELECT app.db_epoch() || epoch FROM app.channel_head WHERE channel = 'thread:${thread}'`);
    await until(() => redis.messages.length, 'the publication');
    const payload = JSON.stringify({
        t: 'message', id: sent.body.id, thread, seq: 1, sender: { id: max.id, name: 'Max "M"' },
        client_id, body, at: sent.body.at,
    });
    assert.equal(redis.messages[0],
        `{"channel":"thread:${thread}","epoch":"${epoch}","seq":1,"payload":${payload}}`);
    const [[logged]] = await stack.sql(
        `SELECT payload FROM app.channel_log WHERE channel = 'thread:${thread}' AND seq = 1`);
    assert.equal(logged, payload);

    const again = await post(max, thread, body, client_id.toUpperCase());
    assert.deepEqual([again.status, again.body], [200, sent.body]);
    const other = await post(max, thread, 'other', client_id);
    assert.deepEqual([other.status, other.body.reason, other.body.field], [409, 'conflict', 'client_id']);
    const next = await post(sue, thread, 'hello', client_id);
    assert.deepEqual([next.status, next.body.seq], [201, 2], 'ids are a sender\'s own');
    const seqs = () => redis.messages.map((text) => JSON.parse(text).seq);
    await until(() => seqs().includes(2), 'the second publication');
    assert.deepEqual(seqs(), [1, 2], 'each once, none for the retry');
    redis.close();
});

test('whoever takes no part finds nothing', async () => {
    const unknown = await post(max, `thr_${'0'.repeat(32)}`, 'x');
    assert.equal(unknown.status, 404);
    for (const person of [mia, bob]) {
        const answer = await post(person, thread, 'x');
        assert.deepEqual([answer.status, answer.body], [404, unknown.body]);
    }
    for (const strange of ['x', 'thr_%00', 'thr_%FF', `thr_${'a'.repeat(100)}`, "thr_'"])
        assert.equal((await post(max, strange, 'x')).status, 404, strange);
    assert.equal((await ask(max, 'POST', `/v1/threads/${thread}/messages/more`, {})).status, 404);
    const method = await ask(max, 'GET', `/v1/threads/${thread}/messages`);
    assert.deepEqual([method.status, method.headers.get('allow')], [405, 'POST']);

    await ctl('join', '--thread', thread, '--user', mia.id);
    assert.equal((await post(mia, thread, 'here')).status, 201);
    await ctl('leave', '--thread', thread, '--user', mia.id);
    assert.equal((await post(mia, thread, 'gone')).status, 404);
    await assert.rejects(ctl('leave', '--thread', thread, '--user', mia.id), /takes no part/);
    await assert.rejects(ctl('join', '--thread', thread, '--user', bob.id), /neither staff nor a member/);
});

test('tokens are asked for', async () => {
    const cases = [
        [undefined, 'token_required'], [{ token: 'x.y.z' }, 'token_invalid'],
        [{ token: stack.keys.ALPHA }, 'token_invalid'],
        [{ token: await stack.token(max.id, 1) }, 'token_expired'],
    ];
    for (const [person, reason] of cases)
        for (const [method, path] of [['POST', `/v1/threads/${thread}/messages`], ['GET', '/v1/threads']]) {
            // The token that ends is honoured for a few seconds more: clocks differ.
            const answer = await until(async () => {
                const got = await ask(person, method, path, method === 'POST' ? { client_id: 1 } : undefined);
                return reason !== 'token_expired' || got.status === 401 ? got : undefined;
            }, reason);
            assert.deepEqual([answer.status, answer.body.reason], [401, reason]);
            assert.match(answer.headers.get('www-authenticate'), /^Bearer /);
        }
});

test('what is wrong is named', async () => {
    const client_id = randomUUID();
    const cases = [
        ['', 400, 'invalid_json'], ['[]', 400, 'invalid_json'], ['{"client_id":', 400, 'invalid_json'],
        [`{"client_id":"${client_id}","body":"a\\u0000b"}`, 400, 'invalid_json'],
        [{ body: 'x' }, 422, 'missing', 'client_id'], [{ client_id: 7, body: 'x' }, 422, 'invalid', 'client_id'],
        [{ client_id: `${client_id}0`, body: 'x' }, 422, 'invalid', 'client_id'],
        [{ client_id }, 422, 'missing', 'body'], [{ client_id, body: '' }, 422, 'missing', 'body'],
        [{ client_id, body: ['x'] }, 422, 'invalid', 'body'],
        [{ client_id, body: 'é'.repeat(8192) + 'x' }, 422, 'too_long', 'body'],
        [{ client_id, body: 'x'.repeat(200_000) }, 413, 'body_too_large'],
        [`{"a":${'['.repeat(50)}${']'.repeat(50)}}`, 422, 'too_deep'],
    ];
    for (const [body, status, reason, field] of cases) {
        const answer = await ask(max, 'POST', `/v1/threads/${thread}/messages`, body);
        assert.deepEqual([answer.status, answer.body.reason, answer.body.field], [status, reason, field],
            JSON.stringify(body).slice(0, 80));
        assert.match(answer.headers.get('content-type'), /problem\+json/);
    }
    assert.equal((await post(max, thread, 'é'.repeat(8192), client_id)).status, 201, '16 KiB');
    const escaped = `{"client_id":"${randomUUID()}","body":"${'\\u0041'.repeat(16_384)}"}`;
    assert.equal((await ask(max, 'POST', `/v1/threads/${thread}/messages`, escaped)).status, 201, 'all escaped');
});

test('viewers, suspended people and locked threads', async () => {
    const id = await stack.user({ name: 'Vera', partner: 'ALPHA', role: 'viewer' });
    const vera = { id, token: await stack.token(id) };
    const place = await create('Locked', vera, mia, sue);
    const reason = async (person) => {
        const { status, body } = await post(person, place, 'x');
        return [status, body.reason];
    };
    assert.deepEqual(await reason(vera), [403, 'read_only']);
    await stack.sql(`UPDATE app.users SET status = 'suspended' WHERE public_id = '${mia.id}'`);
    assert.deepEqual(await reason(mia), [401, 'token_invalid']);
    assert.deepEqual((await ask(mia, 'GET', '/v1/threads')).body, { threads: [] });
    await stack.sql(`UPDATE app.users SET status = 'active' WHERE public_id = '${mia.id}'`);
    await stack.sql(`UPDATE app.partners SET status = 'suspended' WHERE code = 'ALPHA'`);
    assert.deepEqual(await reason(mia), [403, 'partner_suspended']);
    assert.equal((await reason(sue))[0], 201);
    await stack.sql(`UPDATE app.partners SET status = 'active' WHERE code = 'ALPHA'`);
    assert.equal((await reason(mia))[0], 201);
    await stack.sql(`UPDATE app.threads SET locked = true WHERE public_id = '${place}'`);
    assert.deepEqual(await reason(sue), [403, 'thread_locked']);
});

test('who is suspended leaves the live channel too', async () => {
    const place = await create('Leaving', mia, sue);
    const [gone, there] = [await watch(mia, place), await watch(sue, place)];
    await stack.sql(`UPDATE app.users SET status = 'suspended' WHERE public_id = '${mia.id}'`);
    await until(() => gone.unsubscribed || gone.client.state === 'disconnected', 'the end of the subscription');
    assert.equal((await post(sue, place, 'among us')).status, 201);
    await until(() => there.got.length === 1, 'the message');
    assert.deepEqual(gone.got, []);
    await stack.sql(`UPDATE app.users SET status = 'active' WHERE public_id = '${mia.id}'`);
    const back = await stack.connect(() => stack.token(mia.id)); // a token issued before is refused
    const again = back.newSubscription(`thread:${place}`);
    await until(() => (again.subscribe(), again.state === 'subscribed'), 'to be let in again');
    mia.token = await stack.token(mia.id);
    for (const client of [gone.client, there.client, back]) client.disconnect();
});

test('a client finds its threads, page by page', async () => {
    const mine = [await create('One', bea, mia), await create('Two', bea, mia), await create('Three', bea)];
    await post(bea, mine[1], 'hello');
    const all = (await ask(bea, 'GET', '/v1/threads')).body;
    assert.deepEqual(all.threads.map(({ created_at, ...rest }) => rest), mine.map((id, i) => ({
        id, channel: `thread:${id}`, kind: 'group', partner: 'ALPHA', subject: ['One', 'Two', 'Three'][i],
        last_seq: i === 1 ? 1 : 0, joined_seq: 0,
    })));
    assert.equal(all.next, undefined);
    const first = (await ask(bea, 'GET', '/v1/threads?limit=2')).body;
    assert.deepEqual([first.threads.map(({ id }) => id), first.next], [mine.slice(0, 2), mine[1]]);
    const second = (await ask(bea, 'GET', `/v1/threads?limit=2&after=${first.next}`)).body;
    assert.deepEqual([second.threads.map(({ id }) => id), second.next], [mine.slice(2), undefined]);
    for (const [query, field] of [['limit=0', 'limit'], ['limit=501', 'limit'], ['limit=x', 'limit'], ['after=%27', 'after']]) {
        const answer = await ask(bea, 'GET', `/v1/threads?${query}`);
        assert.deepEqual([answer.status, answer.body.field], [422, field]);
    }
    const rows = (await ctl('list', '--partner', 'ALPHA')).split('\n').map((line) => line.split('\t'));
    assert.deepEqual(rows.find(([id]) => id === mine[1]), [mine[1], 'ALPHA', 'group', '2', '1', 'Two']);
});

test('writers at once, retries and duplicates, Postgres restarting: each message once, in order', async (context) => {
    const people = [max, mia, sue, bea];
    const places = [await create('Busy 1', ...people), await create('Busy 2', ...people)];
    const answers = new Map(); // client_id -> answers
    const watchers = await Promise.all(places.flatMap((place) => [watch(max, place), watch(sue, place)]));
    const run = { over: false, acknowledged: 0 };

    /** Posts until it is answered, as a client does; sometimes twice at the same time. */
    async function deliver(person, place, text, client_id, twice) {
        for (;;) {
            const got = await Promise.all(Array.from({ length: twice ? 2 : 1 }, () =>
                post(person, place, text, client_id).catch(() => ({ status: 0 }))));
            for (const answer of got)
                if (answer.status === 200 || answer.status === 201)
                    answers.set(client_id, [...(answers.get(client_id) ?? []), answer]);
                else assert.ok([0, 503].includes(answer.status), JSON.stringify(answer));
            if (got.some(({ status }) => status === 200 || status === 201)) return;
        }
    }

    const sent = [];
    const writers = people.flatMap((person, p) => places.map(async (place, t) => {
        for (let n = 0; !run.over; n++) {
            const client_id = randomUUID();
            sent.push({ person: p, place: t, client_id, n });
            await deliver(person, place, `${p} ${t} ${n}`, client_id, n % 3 === 0);
            run.acknowledged++;
        }
    }));
    for (let restart = 0; restart < 2; restart++) {
        const target = run.acknowledged + 60;
        await until(() => run.acknowledged >= target, 'messages before the restart', 60_000);
        await stack.postgres.stop('SIGQUIT');
        await stack.postgres.start();
    }
    const target = run.acknowledged + 60;
    await until(() => run.acknowledged >= target, 'messages after the restarts', 60_000);
    run.over = true;
    await Promise.all(writers);
    context.diagnostic(`${sent.length} messages, ${[...answers.values()].flat().length} answers`);

    for (const [t, place] of places.entries()) {
        const rows = await stack.sql(
            `SELECT m.seq, m.client_id, m.public_id, m.body, l.payload::jsonb ->> 'id', t.last_seq
             FROM app.messages m JOIN app.threads t USING (thread_id)
             FULL JOIN app.channel_log l ON l.channel = 'thread:' || t.public_id AND l.seq = m.seq
             WHERE t.public_id = '${place}' OR l.channel = 'thread:${place}' ORDER BY m.seq`);
        assert.deepEqual(rows.map(([seq]) => Number(seq)), rows.map((_, i) => i + 1), 'gapless');
        assert.equal(rows.length, Number(rows[0][5]));
        for (const { got, subscribed } of watchers.slice(2 * t, 2 * t + 2)) {
            await until(() => got.length >= rows.length, 'the last message at every participant');
            assert.deepEqual(got.map(({ offset, id }) => [String(offset), id]), rows.map(([seq, , id]) => [seq, id]));
            assert.ok(!subscribed.wasRecovering || subscribed.recovered);
        }
        const here = sent.filter(({ place: at }) => at === t);
        assert.deepEqual(rows.map(([, id]) => id).sort(), here.map(({ client_id }) => client_id).sort(), 'each once');
        const seqOf = new Map(rows.map(([seq, client_id]) => [client_id, Number(seq)]));
        for (const [seq, client_id, id, , logged] of rows) {
            assert.equal(logged, id);
            for (const { body } of answers.get(client_id))
                assert.deepEqual([body.id, body.seq], [id, Number(seq)], 'every answer names the stored one');
        }
        for (const p of people.keys()) {
            const order = here.filter(({ person }) => person === p).map(({ client_id }) => seqOf.get(client_id));
            assert.deepEqual(order, [...order].sort((a, b) => a - b), 'a sender\'s order');
        }
    }
    for (const [, got] of answers)
        assert.ok(got.filter(({ status }) => status === 201).length <= 1, 'created once');
});

test('a database that is away is said, and nothing hangs', async () => {
    await stack.postgres.stop('SIGQUIT');
    const answer = await until(async () => {
        const got = await post(max, thread, 'x');
        return got.status === 503 ? got : undefined;
    }, '503');
    assert.equal(answer.body.reason, 'unavailable');
    assert.ok(answer.headers.get('retry-after'));
    await stack.postgres.start();
    await until(async () => (await post(max, thread, 'back')).status === 201, 'posting again');
});

test('a user has a rate', async () => {
    await stack.ingest.stop();
    const { ingestConfig } = stack;
    stack.ingestConfig = stack.write('slow.conf',
        fs.readFileSync(ingestConfig, 'utf8').replace('message_rate = 1000', 'message_rate = 3'));
    await stack.startIngest();
    const many = await Promise.all(Array.from({ length: 6 }, () => post(max, thread, 'quick')));
    const refused = many.filter(({ status }) => status === 429);
    assert.ok(refused.length >= 2 && refused.length <= 3, `${refused.length} refused`);
    assert.equal(refused[0].body.reason, 'rate_limited');
    assert.equal(refused[0].headers.get('retry-after'), '1');
    assert.equal((await post(sue, thread, 'mine')).status, 201, 'of each user');
    const metrics = await (await fetch(`${stack.ingestUrl}/metrics`)).text();
    assert.match(metrics, /^mh_ingest_messages_total\{verdict="posted"\} [1-9]/m);
    const logged = () => stack.sql(
        `SELECT status, count(*) FROM app.api_requests WHERE route = '/v1/threads/{}/messages' AND status = 429 GROUP BY 1`);
    await until(async () => (await logged()).length, 'the request log');
});
