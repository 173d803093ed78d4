// The dashboard over HTTP: the same numbers as the metrics channels show on a socket, for whoever may read either.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, closeAgent, person, table } from './access.mjs';
import { Follower, startStack, until } from './harness.mjs';

const minute = 60_000, hour = 60 * minute, day = 24 * hour;
const routes = ['kpis', 'trends', 'incidents', 'queue-health'];
const canaries = { ALPHA: 'canary-of-alpha', BETA: 'canary-of-beta' };
const cost = '77.123457';
let stack;
const people = {}; // role -> person; those of a partner are of ALPHA

before(async () => {
    stack = await startStack({
        partners: ['ALPHA', 'BETA'], ingest: { sign_in_rate: 1000, stuck_after: '3s' }, hub: { stuck_after: '3s', tick: '50ms' },
    });
    for (const role of table.roles) people[role] = await person(stack, role);
});

after(() => {
    closeAgent();
    return stack?.close();
});

const ages = [0, 3 * minute, 20 * minute, 3 * hour, 23 * hour, 26 * hour, 5 * day, 20 * day];

/** Jobs of every age and ending. */
async function post(code, name, count) {
    const events = [];
    for (let i = 0; i < count; i++) {
        const job = `${name}-${i}`, at = Date.now() - ages[i % ages.length] - 1000 * (i % 5);
        const add = (type, before, data) =>
            events.push(stack.event(type, job, data, { time: new Date(at - before).toISOString() }));
        add('requested', 5000 + i * 37, { end_user: `${code}-u${i % 11}`, model: `${canaries[code]}-m${i % 2}` });
        if (i % 9 === 0) continue;
        add(i % 9 === 1 ? 'queued' : 'started', 3000 - i, {});
        if (i % 9 < 3) continue;
        if (i % 4 === 0) add('failed', 0, { error_class: `class-${i % 3}`, error_message: `${canaries[code]}-text` });
        else if (i % 13 === 0) add('cancelled', 0, {});
        else add('completed', 0, { tokens: i * 3, units: 1, ...(i % 5 === 0 && { cost }) });
    }
    const { status, body } = await stack.post(code, events);
    assert.deepEqual([status, body.rejected], [200, 0], JSON.stringify(body.events.filter((event) => event.status === 'rejected')[0]));
}

async function read(who, route, query = '') {
    const reply = await ask(stack, 'GET', `/v1/dashboard/${route}?${query}`, { cookie: who.cookie });
    assert.equal(reply.status, 200, `${who.role} ${route} ${query}: ${reply.text}`);
    return reply.body;
}

const pick = (object, names) => Object.fromEntries(names.filter((name) => name in object).map((name) => [name, object[name]]));
const counts = ['requested', 'completed', 'failed', 'cancelled', 'p95_ms', 'cost'];
const gauges = ['requested', 'queued', 'running', 'in_flight', 'stuck', 'oldest_at', 'stuck_after_ms'];
const totals = ['requested', 'completed', 'failed', 'cancelled', 'active_users', 'tokens', 'units', 'failure_rate', 'cost'];

/** What a state of a metrics channel says of the same things, in the words of the answers. */
function shown(state) {
    const series = (grain) => Object.entries(state.series[grain]).map(([at, bucket]) =>
        ({ at: at * 1000, ...pick(bucket, counts), partial: at === state.partial[grain] }));
    const window = state.windows['24h'];
    return {
        day: { ...pick(window, totals), n: window.completed + window.failed },
        today: pick(state.series.day[state.partial.day], counts.filter((name) => name !== 'p95_ms')),
        trend: series('day'), hours: series('hour'), now: pick(state.now, gauges), failed: window.failed,
        waits: ['5m', '1h', '24h'].map((name) => pick(state.windows[name], ['queue_p50_ms', 'queue_p95_ms'])),
    };
}

/** The same from the four answers. */
async function answered(who, query) {
    const [kpis, trend, hours, incidents, queue] = await Promise.all([
        read(who, 'kpis', query), read(who, 'trends', query), read(who, 'trends', `${query}&grain=hour`),
        read(who, 'incidents', query), read(who, 'queue-health', query),
    ]);
    const items = (list) => list.items.map((item) => pick(item, ['at', ...counts, 'partial']));
    assert.equal(queue.depth, queue.requested + queue.queued);
    assert.equal(queue.at - queue.oldest_at, queue.oldest_age_ms);
    assert.equal(incidents.items.reduce((sum, { count }) => sum + count, 0), incidents.counted);
    assert.equal(incidents.counted, incidents.failed);
    return {
        day: pick(kpis.windows['24h'], [...totals, 'n']),
        today: pick(kpis.windows.today, counts),
        trend: items(trend), hours: items(hours), now: pick(queue, gauges), failed: incidents.failed,
        waits: ['5m', '1h', '24h'].map((name) => pick(queue.windows[name], ['queue_p50_ms', 'queue_p95_ms'])),
    };
}

/** As soon as both stand at the same moment: windows slide by the minute, jobs get stuck by the second. */
async function assertSame(follower, who, query, seq) {
    await follower.when(() => follower.offset >= seq, `position ${seq}`);
    let last;
    await until(async () => {
        const http = await answered(who, query);
        last = [http, shown(follower.state)];
        assert.deepEqual(...last);
        return true;
    }, `the same for ${who.role} ${query}`, 20_000).catch((error) => {
        assert.deepEqual(...last, `${who.role} ${query}`);
        throw error;
    });
    return last[0];
}

test('a screen and an answer say the same, for staff and members, before and after more events', async () => {
    const seats = [];
    for (const role of ['staff.owner', 'staff.billing', 'staff.viewer', 'partner.admin', 'partner.viewer']) {
        const client = await stack.connect(await stack.token(people[role].id));
        seats.push([role, 'partner=ALPHA', new Follower(client, 'metrics:partner:ALPHA')]);
        if (role.startsWith('staff')) seats.push([role, '', new Follower(client, 'metrics:platform')]);
    }
    for (const [name, many] of [['first', 80], ['more', 20]]) {
        await post('ALPHA', name, many);
        await post('BETA', name, many / 2);
        const heads = await stack.sql("SELECT channel, seq FROM app.channel_head WHERE channel LIKE 'feed:%'");
        const seq = (query) => Number(new Map(heads).get(query ? 'feed:partner:ALPHA' : 'feed:platform'));
        for (const [role, query, follower] of seats) {
            const same = await assertSame(follower, people[role], query, seq(query));
            assert.ok(same.day.failed > 3 && same.day.n > same.day.failed && same.day.active_users > 5, JSON.stringify(same.day));
            assert.ok(same.now.in_flight > 3 && same.now.stuck > 0 && same.now.stuck < same.now.in_flight + 1);
            assert.ok(same.trend.length === 30 && same.trend.filter(({ p95_ms }) => p95_ms).length >= 4);
            assert.ok(same.hours.length === 24 && same.hours.at(-1).partial && same.waits[2].queue_p95_ms > 0);
            assert.equal('cost' in same.day, table.fields(role).includes('2'), role);
        }
    }
});

test('cost and texts for whose fields they are, and never another partner\'s', async () => {
    let costs = 0, texts = 0;
    for (const [role, who] of Object.entries(people))
        for (const query of who.scope === 'staff' ? ['', 'partner=ALPHA'] : ['partner=ALPHA'])
            for (const route of routes) {
                const text = JSON.stringify(await read(who, route, query));
                const fields = table.fields(role);
                if (['kpis', 'trends'].includes(route)) {
                    assert.equal(text.includes('"cost"'), fields.includes('2'), `${role} ${route}`);
                    costs += fields.includes('2');
                } else assert.ok(!text.includes('cost'), `${role} ${route}`);
                assert.equal(text.includes(`${canaries.ALPHA}-text`), route === 'incidents' && fields.includes('1'), `${role} ${route}`);
                texts += route === 'incidents' && fields.includes('1');
                assert.equal(text.includes(canaries.BETA), route === 'incidents' && query === '', `${role} ${route} ${query}`);
            }
    assert.ok(costs > 5 && texts > 5);
    for (const route of routes) {
        const asked = (who, query) => ask(stack, 'GET', `/v1/dashboard/${route}${query}`, { cookie: who.cookie });
        const text = ({ status, body }) => JSON.stringify([status, body.reason, body.detail, body.field]);
        const member = people['partner.admin'];
        assert.equal(text(await asked(member, '?partner=BETA')), text(await asked(member, '?partner=NOSUCH')));
        assert.equal((await asked(member, '?partner=BETA')).status, 404);
        assert.match(text(await asked(member, '')), /^\[400,"required",.*"partner"\]$/);
        assert.equal((await asked({}, '?partner=ALPHA')).status, 401);
    }
});

test('groups of failed jobs, as a list and as CSV', async () => {
    const { items } = await read(people['partner.manager'], 'incidents', 'partner=ALPHA&window=30d&limit=2');
    assert.equal(items.length, 2);
    assert.ok(items[0].last_seen_at >= items[1].last_seen_at && items[0].first_seen_at < items[0].last_seen_at);
    assert.match(items[0].last_job, /^ALPHA\/(first|more)-\d+$/);
    assert.ok(items[0].error_class.startsWith('class-') && items[0].model.startsWith(canaries.ALPHA));
    for (const route of ['trends', 'incidents'])
        for (const role of ['staff.owner', 'staff.ops', 'partner.manager', 'partner.viewer']) {
            const reply = await ask(stack, 'GET', `/v1/dashboard/${route}?partner=ALPHA&format=csv`, { cookie: people[role].cookie });
            assert.equal(reply.status, table.has(role, 'export.csv') ? 200 : 403, `${role} ${reply.text}`);
            if (reply.status !== 200) continue;
            assert.match(reply.headers['content-type'], /^text\/csv/);
            const [head, ...lines] = reply.text.trimEnd().split('\r\n');
            assert.equal(lines.length, (await read(people[role], route, 'partner=ALPHA')).items.length);
            assert.equal(head.split(',').includes('"cost"'), route === 'trends' && role === 'staff.owner', head);
            if (route === 'trends') assert.equal(lines.filter((line) => /"true"/.test(line)).length, 1, 'the last is partial');
        }
});

test('the older names answer the same', async () => {
    for (const route of routes) {
        const [one, other] = await Promise.all(['v1', 'admin'].map((prefix) =>
            ask(stack, 'GET', `/${prefix}/dashboard/${route}`, { cookie: people['staff.owner'].cookie })));
        assert.deepEqual([other.status, Object.keys(other.body)], [200, Object.keys(one.body)]);
        assert.deepEqual(other.body.items, one.body.items);
    }
});
