// Every way of sending an event: content modes, verdicts, what is stored.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from './harness.mjs';

let stack;
before(async () => (stack = await startStack()));
after(() => stack?.close());

/** Posts `body` as it is; status, headers and the parsed answer. */
async function send(body, headers = {}, path = '/v1/events', key = stack.keys.ALPHA) {
    const response = await fetch(stack.ingestUrl + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, ...headers },
        body,
    });
    return { status: response.status, headers: response.headers, body: await response.json() };
}

const structured = { 'content-type': 'application/cloudevents+json' };
const json = { 'content-type': 'application/json' };

test('the same event in binary and structured mode is one event', async () => {
    const event = stack.event('requested', 'modes-1', { model: 'sdxl', cost: 0.25, prompt: 'Zürich ✓' });
    const first = await send(JSON.stringify(event), structured);
    assert.equal(first.status, 200);
    assert.deepEqual(first.body, {
        accepted: 1, duplicate: 0, rejected: 0,
        events: [{ index: 0, id: event.id, status: 'accepted' }],
    });
    const binary = {
        ...json, 'ce-specversion': '1.0', 'ce-id': event.id, 'ce-source': event.source,
        'ce-type': event.type, 'ce-time': event.time.replace('Z', '+00:00'),
    };
    const { job, ...rest } = event.data;
    const second = await send(JSON.stringify({ ...rest, job }), binary);
    assert.equal(second.status, 200);
    assert.equal(second.body.duplicate, 1);
    const other = await send(JSON.stringify({ job }), binary);
    assert.equal(other.status, 409);
    assert.equal(other.body.reason, 'conflict');
    assert.equal(other.headers.get('content-type'), 'application/problem+json');
    const base64 = { ...event, data: undefined };
    base64.data_base64 = Buffer.from(JSON.stringify(event.data)).toString('base64');
    assert.equal((await send(JSON.stringify(base64), structured)).body.duplicate, 1);
});

test('ce- headers are percent-decoded', async () => {
    const headers = {
        ...json, 'ce-specversion': '1.0', 'ce-id': 'gr%C3%BC%C3%9Fe%20%25', 'ce-source': '/test',
        'ce-type': 'worker.heartbeat',
    };
    const { body } = await send('{}', headers);
    assert.equal(body.events[0].id, 'grüße %');
    const bad = await send('{}', { ...headers, 'ce-id': '%FF' });
    assert.equal(bad.status, 422);
    assert.equal(bad.body.field, 'id');
});

test('a batch has a verdict per event and keeps what it refused', async () => {
    const good = stack.event('requested', 'batch-1');
    const late = stack.event('started', 'batch-1', {}, {
        time: new Date(Date.now() - 36 * 86400_000).toISOString(),
    });
    const texts = [
        JSON.stringify(good),
        JSON.stringify(stack.event('started', '')),
        '{"specversion":"1.0","specversion":"1.0"}',
        JSON.stringify({ ...stack.event('queued', 'batch-1'), type: 'generation.other' }),
        JSON.stringify(stack.event('progress', 'batch-1', { progress: 101 })),
        JSON.stringify(late),
        JSON.stringify(stack.event('started', 'batch-1', {}, { historical: true })),
        JSON.stringify(good),
        '['.repeat(40) + ']'.repeat(40),
        '{"specversion":"1.0","id":"x"',
    ].slice(0, 9);
    const { status, body } = await send(`[${texts.join(',')}]`, {
        'content-type': 'application/cloudevents-batch+json',
    });
    assert.equal(status, 200);
    assert.deepEqual(
        body.events.map((event) => [event.index, event.status, event.reason, event.field]),
        [
            [0, 'accepted', undefined, undefined],
            [1, 'rejected', 'invalid', 'data.job'],
            [2, 'rejected', 'invalid_json', undefined],
            [3, 'rejected', 'unknown_type', 'type'],
            [4, 'rejected', 'out_of_range', 'data.progress'],
            [5, 'rejected', 'too_old', 'time'],
            [6, 'rejected', 'historical_not_allowed', 'historical'],
            [7, 'duplicate', undefined, undefined],
            [8, 'rejected', 'too_deep', undefined],
        ],
    );
    assert.deepEqual([body.accepted, body.duplicate, body.rejected], [1, 1, 7]);
    const kept = await stack.sql(
        `SELECT reason, convert_from(raw, 'UTF8') FROM app.event_rejects WHERE reason IN
         ('too_old', 'unknown_type', 'too_deep') ORDER BY reason`,
    );
    assert.deepEqual(kept, [
        ['too_deep', texts[8]],
        ['too_old', texts[5]],
        ['unknown_type', texts[3]],
    ]);
});

test('a body in which events cannot be told apart is refused and kept as one', async () => {
    const text = '[{"id":"kept-whole"},';
    const { status, body } = await send(text, {
        'content-type': 'application/cloudevents-batch+json',
    });
    assert.deepEqual([status, body.reason, body.rejected], [400, 'invalid_json', 1]);
    const kept = await stack.sql(
        `SELECT count FROM app.event_rejects WHERE convert_from(raw, 'UTF8') = '${text}'`,
    );
    assert.deepEqual(kept, [['1']]);
});

test('newline-delimited events, blank lines and CRLF', async () => {
    const events = [1, 2, 3].map((n) => stack.event('requested', `lines-${n}`));
    const text = `${JSON.stringify(events[0])}\r\n\n${JSON.stringify(events[1])}\n{"bad"\n${JSON.stringify(events[2])}`;
    const { status, body } = await send(text, { 'content-type': 'application/x-ndjson' });
    assert.equal(status, 200);
    assert.deepEqual(
        body.events.map((event) => event.status),
        ['accepted', 'accepted', 'rejected', 'accepted'],
    );
});

test('the tracking call: ids in the body agree with the key or are refused', async () => {
    const call = {
        request_id: 'track-1', partner_id: 'ALPHA', api_key_id: stack.keys.ALPHA.split('_')[2],
        manifest: { scenes: [{ text: 'hello' }] }, status: 'pending',
    };
    const post = (body) => send(JSON.stringify(body), json, '/api/partner/track');
    assert.equal((await post(call)).body.accepted, 1);
    assert.equal((await post(call)).body.duplicate, 1);
    assert.equal((await post({ ...call, status: 'completed', tokens: 7 })).body.accepted, 1);
    const foreign = await post({ ...call, partner_id: 'BETA' });
    assert.equal(foreign.status, 422);
    assert.deepEqual([foreign.body.reason, foreign.body.field], ['mismatch', 'partner_id']);
    assert.equal((await post({ ...call, status: 'sleeping' })).body.field, 'status');
    const [[state, tokens]] = await stack.sql(
        `SELECT state, tokens FROM app.generation_jobs WHERE job_key = 'track-1'`,
    );
    assert.deepEqual([state, tokens], ['4', '7']);
    const [[manifest]] = await stack.sql(
        `SELECT data->'manifest' FROM app.generation_events WHERE job_key = 'track-1' AND type = 1`,
    );
    assert.deepEqual(JSON.parse(manifest), call.manifest);
});

test('members are stored as sent', async () => {
    const event = stack.event('completed', 'members-1', {
        model: 'm', entrypoint: 'manifest_to_video', project: 'p', end_user: 'u', tokens: 12,
        units: 3, cost: '1.000001', attempt: 2, asset_url: 'https://x/y', settings: { steps: 20 },
    });
    assert.equal((await send(JSON.stringify(event), structured)).status, 200);
    const rows = await stack.sql(
        `SELECT model, entrypoint, tokens, units, cost_micros, attempt
         FROM app.generation_jobs WHERE job_key = 'members-1'`,
    );
    assert.deepEqual(rows, [['m', 'manifest_to_video', '12', '3', '1000001', '2']]);
});

test('wrong values are named', async () => {
    const cases = [
        [{ cost: 0.0000001 }, 'data.cost', 'invalid'], [{ cost: -1 }, 'data.cost', 'out_of_range'],
        [{ cost: '1e3' }, 'data.cost', 'invalid'], [{ tokens: 1.5 }, 'data.tokens', 'invalid'],
        [{ tokens: -1 }, 'data.tokens', 'out_of_range'], [{ attempt: 0 }, 'data.attempt', 'out_of_range'],
        [{ model: 'x'.repeat(201) }, 'data.model', 'too_long'], [{ model: 5 }, 'data.model', 'invalid'],
        [{ settings: [] }, 'data.settings', 'invalid'], [{ job: 'a\nb' }, 'data.job', 'invalid'],
    ];
    for (const [data, field, reason] of cases) {
        const { status, body } = await send(
            JSON.stringify(stack.event('requested', 'wrong', data)), structured,
        );
        assert.deepEqual([status, body.field, body.reason], [422, field, reason], JSON.stringify(data));
    }
    for (const [attributes, field] of [
        [{ time: 'yesterday' }, 'time'], [{ id: '' }, 'id'], [{ source: undefined }, 'source'],
        [{ specversion: '0.3' }, 'specversion'], [{ data: 'text' }, 'data'],
        [{ Upper: 'x' }, 'Upper'], [{ extension: { a: 1 } }, 'extension'],
        [{ data: undefined }, 'data.job'],
    ]) {
        const { status, body } = await send(
            JSON.stringify({ ...stack.event('requested', 'wrong'), ...attributes }), structured,
        );
        assert.deepEqual([status, body.field], [422, field]);
    }
});

test('media types', async () => {
    const text = JSON.stringify(stack.event('requested', 'media'));
    assert.equal((await send(text, { 'content-type': 'text/plain' })).status, 415);
    assert.equal((await send(text, { 'content-type': 'application/cloudevents+xml' })).status, 415);
    assert.equal((await send(text, json)).status, 415);
    assert.equal(
        (await send(text, { 'content-type': 'application/cloudevents+json; charset=latin1' })).status,
        415,
    );
    assert.equal(
        (await send(text, { 'content-type': 'Application/CloudEvents+JSON; charset=UTF-8' })).status,
        200,
    );
    assert.equal((await send('{"a":', structured)).status, 400);
    assert.equal(
        (await send('[1', { 'content-type': 'application/cloudevents-batch+json' })).status, 400,
    );
    const empty = await send('[]', { 'content-type': 'application/cloudevents-batch+json' });
    assert.deepEqual([empty.status, empty.body.accepted], [200, 0]);
});

test('keys: missing, malformed, unknown, revoked, test environment, suspended partner', async () => {
    const text = JSON.stringify(stack.event('requested', 'keys'));
    const none = await fetch(`${stack.ingestUrl}/v1/events`, {
        method: 'POST', headers: structured, body: text,
    });
    assert.equal(none.status, 401);
    assert.match(none.headers.get('www-authenticate'), /^Bearer realm=/);
    assert.equal((await none.json()).reason, 'unauthorized');
    const malformed = await send(text, structured, '/v1/events', 'mh_live_nonsense');
    assert.deepEqual([malformed.status, malformed.body.reason], [401, 'key_invalid']);
    const doomed = await stack.key('BETA');
    await stack.sql(`DELETE FROM app.api_keys WHERE public_id = '${doomed.split('_')[2]}'`);
    const unknown = await send(text, structured, '/v1/events', doomed);
    assert.deepEqual([unknown.status, unknown.body.reason], [401, 'key_invalid']);
    const revoked = await stack.key('BETA');
    await stack.sql(
        `UPDATE app.api_keys SET revoked_at = now() WHERE public_id = '${revoked.split('_')[2]}'`,
    );
    assert.equal((await send(text, structured, '/v1/events', revoked)).body.reason, 'key_revoked');
    const trial = await stack.key('BETA', 'test');
    assert.equal((await send(text, structured, '/v1/events', trial)).body.accepted, 1);
    const [[environment]] = await stack.sql(
        `SELECT environment FROM app.generation_events WHERE job_key = 'keys'`,
    );
    assert.equal(environment, '1');
    await stack.partner('GONE');
    await stack.sql(`UPDATE app.partners SET status = 'suspended' WHERE code = 'GONE'`);
    const suspended = await send(text, structured, '/v1/events', stack.keys.GONE);
    assert.deepEqual([suspended.status, suspended.body.reason], [403, 'partner_suspended']);
    await stack.partner('LATER');
    assert.equal((await send(text, structured, '/v1/events', stack.keys.LATER)).status, 200);
    await stack.sql(`UPDATE app.partners SET status = 'suspended' WHERE code = 'LATER'`);
    // The key is still in the cache; Postgres knows better.
    const later = await stack.post('LATER', [stack.event('queued', 'a'), stack.event('queued', 'b')]);
    assert.deepEqual([later.status, later.body.reason], [403, 'partner_suspended']);
});

test('a feed message follows each commit and every request is recorded', async () => {
    const [[before]] = await stack.sql(`SELECT seq FROM app.channel_head WHERE channel = 'feed:partner:BETA'`);
    await stack.post('BETA', [stack.event('requested', 'feed-1')]);
    const [[after]] = await stack.sql(`SELECT seq FROM app.channel_head WHERE channel = 'feed:partner:BETA'`);
    assert.equal(Number(after), Number(before) + 1);
    const metrics = await (await fetch(`${stack.ingestUrl}/metrics`)).text();
    assert.match(metrics, /^mh_ingest_events_total\{verdict="accepted"\} [1-9]/m);
    assert.match(metrics, /^mh_ingest_published_total [1-9]/m);
    const { until } = await import('./harness.mjs');
    await until(
        async () =>
            Number((await stack.sql(
                `SELECT count(*) FROM app.api_requests WHERE route = '/v1/events' AND status = 409`,
            ))[0][0]) === 1,
        'the request log',
    );
});
