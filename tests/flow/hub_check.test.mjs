// Checks: a screen can know that what it shows is right, how old that knowledge is, and what is away.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, test } from 'node:test';
import { digestOf, xxh32 } from './digest.mjs';
import { metric, RawClient } from './hub_raw.mjs';
import { Follower, mergePatch, startStack, until } from './harness.mjs';

const heartbeatMs = 1000;

let stack;
let owner;

before(async () => {
    stack = await startStack({
        hub: { tick: '20ms', heartbeat: `${heartbeatMs}ms`, digest_every: '4', poll_interval: '200ms' },
    });
    owner = await stack.connect(await stack.token(await stack.user({ staff: 'owner' })));
});

after(() => stack?.close());

/** Follows, and judges every check by the state as it is when the check arrives. */
class Checked extends Follower {
    judged = { right: 0, wrong: [], other: [] };

    accept(data, offset) {
        super.accept(data, offset);
        if (data.t !== 'check') return;
        const own = digestOf(this.state);
        if (data.to !== this.offset) this.judged.other.push({ to: data.to, at: this.offset });
        else if (data.h === own) this.judged.right += 1;
        else this.judged.wrong.push({ data, own });
    }
}

async function follow(client, channel, kind = Checked) {
    const follower = new kind(client, channel);
    await follower.when(() => true, `the state of ${channel}`);
    return follower;
}

/** The checks of a channel that arrive from now on. */
async function listen(channel) {
    const subscription = owner.getSubscription(channel) ?? (await follow(owner, channel)).subscription;
    const checks = [];
    subscription.on('publication', ({ data }) => data.t === 'check' && checks.push(data));
    return checks;
}

test('the digest of this test is XXH32', () => {
    assert.equal(xxh32(''), 0x02cc5d05n);
    assert.equal(xxh32('abc'), 0x32d153ffn);
    assert.equal(xxh32('Nobody inspects the spammish repetition'), 0xe2293b2fn);
});

let random = 20261121;
const pick = (count) => {
    random = (Math.imul(random, 1103515245) + 12345) & 0x7fffffff;
    return (random >>> 8) % count;
};

function randomEvents(code, count) {
    return Array.from({ length: count }, () => {
        const job = `${code}/"${pick(160)}" ä€🎬`;
        const type = ['requested', 'started', 'progress', 'completed', 'failed', 'cancelled'][pick(6)];
        return stack.event(type, job, {
            model: `model-${pick(5)}`, end_user: `user/${pick(40)}`, prompt: `a "prompt"\n=${pick(9)}`,
            ...(type === 'progress' && { progress: pick(101) }),
            ...(type === 'completed' && {
                tokens: pick(1e6), units: pick(9), cost: `${pick(1000)}.${String(pick(1e6)).padStart(6, '0')}`,
            }),
            ...(type === 'failed' && { error_class: `E${pick(3)}`, error_message: 'no\tway \\ 💥' }),
        }, { time: new Date(Date.now() - pick(7_200_000)).toISOString() });
    });
}

test('every check agrees with the merged state, in every audience', async () => {
    const viewer = await stack.connect(await stack.token(await stack.user({ staff: 'viewer' })));
    const partner = await stack.connect(
        await stack.token(await stack.user({ partner: 'ALPHA', role: 'viewer' })));
    const followers = await Promise.all([
        ...[owner, viewer].flatMap((client) =>
            ['metrics:platform', 'jobs:platform', 'metrics:partner:ALPHA', 'jobs:partner:ALPHA']
                .map((channel) => follow(client, channel))),
        ...['metrics:partner:ALPHA', 'jobs:partner:ALPHA'].map((channel) => follow(partner, channel)),
    ]);
    for (let round = 0; round < 60; round++) {
        const code = pick(3) ? 'ALPHA' : 'BETA';
        const { body } = await stack.post(code, randomEvents(code, 12));
        assert.equal(body.rejected, 0, JSON.stringify(body));
    }
    for (const follower of followers) {
        const seen = follower.judged.right;
        await until(() => follower.judged.right > seen, 'one more check that agrees');
        const { judged, subscription: { channel } } = follower;
        assert.deepEqual(judged.wrong, [], channel);
        assert.deepEqual(judged.other, [], `${channel}: a check is about what the client has`);
        assert.ok(judged.right >= 5, `${channel}: ${judged.right} checks`);
    }
    assert.notEqual(followers[0].checks.at(-1).h, followers[4].checks.at(-1).h, 'cost is in one only');
    const [state] = followers;
    state.state.now.in_flight += 1;
    assert.notEqual(digestOf(state.state), state.checks.at(-1).h, 'a wrong copy is another digest');
    viewer.disconnect();
    partner.disconnect();
});

test('checks agree for a reader who slept and got its patches folded', async () => {
    const client = await RawClient.connect(
        stack.hubUrl, await stack.token(await stack.user({ staff: 'owner' })));
    const channels = ['metrics:partner:ALPHA', 'jobs:partner:ALPHA'];
    const states = {};
    for (const [i, channel] of channels.entries()) {
        const { subscribe } = await client.ask({ id: 2 + i, subscribe: { channel } });
        states[channel] = { state: subscribe.data, offset: subscribe.offset, checks: 0 };
    }
    const wrong = [];
    const judge = () => {
        for (const { push } of client.replies.splice(0)) {
            if (!push) continue;
            const { data, offset } = push.pub;
            const own = states[push.channel];
            if (data.t === 'check') {
                own.checks += 1;
                if (data.to !== own.offset || data.h !== digestOf(own.state))
                    wrong.push({ ...push, at: own.offset });
                continue;
            }
            own.offset = offset;
            if (data.t === 'state') own.state = data;
            else mergePatch(own.state, data.p);
        }
    };
    let serial = 0;
    const folded = () => metric(stack, 'mh_hub_deliveries_folded_total');
    for (let nap = 0; nap < 2; nap++) {
        const before = await folded();
        client.socket._socket.pause();
        await until(async () => {
            const long = Array.from({ length: 50 }, () =>
                stack.event('requested', `long-${serial++}`, { prompt: `${serial} `.padEnd(8000, 'ä') }));
            await stack.post('ALPHA', [...long, ...randomEvents('ALPHA', 20)]);
            return (await folded()) > before + 8;
        }, 'patches to fold', 60_000);
        client.socket._socket.resume();
        const seen = channels.map((channel) => states[channel].checks);
        await until(() => {
            judge();
            return channels.every((channel, i) => states[channel].checks >= seen[i] + 2);
        }, 'checks after it');
        assert.deepEqual(wrong, []);
    }
    await client.close();
});

test('a partner is renamed between two patches, and no digest is wrong for it', async () => {
    await stack.partner('GAMMA', 'Gamma');
    const follower = await follow(
        await stack.connect(await stack.token(await stack.user({ staff: 'owner' }))), 'metrics:platform');
    await stack.post('GAMMA', [stack.event('requested', 'g')]);
    await follower.when((state) => state.partners.GAMMA?.name === 'Gamma', 'the name');
    const seen = follower.judged.right;
    await until(() => follower.judged.right > seen + 1, 'checks after it');
    assert.deepEqual(follower.judged.wrong, []);
});

test('a check has no offset, and none is recovered', async () => {
    const token = await stack.token(await stack.user({ staff: 'owner' }));
    const client = await RawClient.connect(stack.hubUrl, token);
    const { subscribe } = await client.ask({ id: 2, subscribe: { channel: 'metrics:partner:BETA' } });
    const check = await until(
        () => client.replies.find(({ push }) => push?.pub.data.t === 'check')?.push, 'a check');
    assert.deepEqual(Object.keys(check.pub), ['data']);
    assert.match(check.pub.data.h, /^[0-9a-f]{8}$/);
    assert.equal(check.pub.data.to, subscribe.offset);
    await stack.post('BETA', randomEvents('BETA', 3));
    await until(() => client.replies.some(({ push }) => push?.pub.offset > subscribe.offset), 'a patch');
    await client.close();
    const again = await RawClient.connect(stack.hubUrl, token);
    const reply = await again.ask({ id: 2, subscribe: {
        channel: 'metrics:partner:BETA', recover: true, epoch: subscribe.epoch, offset: subscribe.offset,
    } });
    assert.equal(reply.subscribe.recovered, true);
    assert.ok(reply.subscribe.publications.length >= 1);
    assert.ok(reply.subscribe.publications.every(({ data }) => data.t === 'patch'));
    await again.close();
});

test('a quiet channel proves that it is current', async () => {
    const follower = await follow(owner, 'metrics:partner:BETA');
    const { heartbeat } = owner.connection.data;
    assert.equal(heartbeat, heartbeatMs);
    const times = [];
    follower.subscription.on('publication', ({ data }) => data.t === 'check' && times.push(Date.now()));
    await until(() => times.length >= 5, 'five heartbeats');
    for (let i = 1; i < times.length; i++)
        assert.ok(times[i] - times[i - 1] < 2 * heartbeat, `${times[i] - times[i - 1]} ms apart`);
    const checks = follower.checks.slice(-5);
    for (let i = 1; i < checks.length; i++) {
        assert.ok(checks[i].checked > checks[i - 1].checked, 'the time advances');
        assert.equal(checks[i].to, checks[0].to);
    }
    assert.ok(Date.now() - checks[4].checked < 3 * heartbeat);
    assert.equal('degraded' in checks[4], false);
});

test('rpc check says the same, of a channel that one follows', async () => {
    const follower = await follow(owner, 'jobs:partner:BETA');
    const { data } = await owner.rpc('check', { channel: 'jobs:partner:BETA' });
    assert.equal(data.t, 'check');
    assert.equal(data.to, follower.offset);
    assert.equal(data.h, digestOf(follower.state));
    await until(async () => (await owner.rpc('check', { channel: 'jobs:partner:BETA' })).data.checked, 'a poll');
    for (const question of [{ channel: 'jobs:partner:ALPHA/' }, { channel: 7 }, {}, [], 'x'])
        await assert.rejects(owner.rpc('check', question), { code: 102 });
    const other = await stack.connect(
        await stack.token(await stack.user({ partner: 'ALPHA', role: 'admin' })));
    await assert.rejects(other.rpc('check', { channel: 'jobs:partner:BETA' }), { code: 102 });
    other.disconnect();
});

test('a log is checked too, for its position: it has no digest', async () => {
    const user = await stack.user({ partner: 'ALPHA', role: 'manager' });
    const thread = await stack.metricsctl(
        'thread', 'create', '--database', stack.postgres.dsn, '--partner', 'ALPHA', '--subject', 'Quiet',
        '--participant', user);
    const client = await stack.connect(await stack.token(user));
    const subscription = client.newSubscription(`thread:${thread}`);
    const checks = [];
    subscription.on('publication', ({ data }) => checks.push(data));
    let position;
    subscription.on('subscribed', ({ streamPosition }) => (position = streamPosition));
    subscription.subscribe();
    await until(() => checks.length >= 3, 'heartbeats');
    for (const check of checks) {
        assert.equal(check.t, 'check');
        assert.equal(check.to, position.offset);
        assert.equal('h' in check, false);
    }
    assert.ok(checks[2].checked > checks[1].checked);
    const { data } = await client.rpc('check', { channel: `thread:${thread}` });
    assert.deepEqual({ ...data, checked: 0 }, { t: 'check', to: position.offset, checked: 0 });
    client.disconnect();
});

test('rpc report is counted, and bounded', async () => {
    const counter = 'mh_hub_digest_mismatches_total';
    const begin = await metric(stack, counter);
    await owner.rpc('report', { mismatches: 2 });
    assert.equal(await metric(stack, counter), begin + 2);
    await owner.rpc('report', { mismatches: 1e15 });
    assert.equal(await metric(stack, counter), begin + 1002);
    for (const wrong of [{}, { mismatches: 0 }, { mismatches: -5 }, { mismatches: '7' }, { mismatches: 1.5 }, null])
        await assert.rejects(owner.rpc('report', wrong), { code: 107 });
    assert.equal(await metric(stack, counter), begin + 1002);
});

/** Reloads the hub with another heartbeat. */
async function setHeartbeat(ms) {
    const text = fs.readFileSync(stack.hubConfig, 'utf8');
    fs.writeFileSync(stack.hubConfig, text.replace(/^heartbeat = .*$/m, `heartbeat = ${ms}ms`));
    stack.hub.process.kill('SIGHUP');
    await until(
        async () => (await owner.rpc('whoami')).data.heartbeat === ms, 'the settings to be read again');
}

test('without Redis every channel says so at once, and goes on being checked', async () => {
    const checks = await listen('metrics:partner:BETA');
    await until(() => checks.length > 0, 'a heartbeat');
    await setHeartbeat(60_000); // so that it is no heartbeat that says it
    const begin = Date.now();
    await stack.redis.stop();
    const { degraded } = await until(() => checks.find((check) => check.degraded), 'degraded');
    await setHeartbeat(heartbeatMs);
    assert.deepEqual(Object.keys(degraded), ['redis']);
    assert.ok(degraded.redis >= begin - 1000 && degraded.redis <= Date.now());
    const [one] = checks.slice(-1);
    await until(() => checks.at(-1).checked > one.checked + 2000, 'polls to go on');
    assert.equal(checks.at(-1).degraded.redis, degraded.redis, 'since then, not since now');
    await stack.redis.start();
    await until(() => checks.at(-1).degraded === undefined, 'the end of it');
});

test('without Postgres every channel says so at once, and no time is claimed', async () => {
    const checks = await listen('metrics:partner:BETA');
    await until(() => checks.length > 0, 'a heartbeat');
    const begin = Date.now();
    await stack.postgres.stop();
    const { degraded } = await until(() => checks.find((check) => check.degraded), 'degraded');
    assert.deepEqual(Object.keys(degraded), ['postgres']);
    assert.ok(degraded.postgres >= begin - 1000 && degraded.postgres <= Date.now());
    const count = checks.length;
    await until(() => checks.length >= count + 3, 'heartbeats');
    assert.equal(checks.at(-1).checked, checks.at(count).checked, 'nothing confirms it');
    assert.ok(checks.at(-1).checked <= degraded.postgres + 1000);
    await stack.postgres.start();
    const back = await until(
        () => (checks.at(-1).degraded === undefined ? checks.at(-1) : undefined), 'the end of it', 30_000);
    await until(() => checks.at(-1).checked > degraded.postgres + 1000, 'the time to go on');
    assert.ok(back);
});

test('a Postgres that takes questions and answers none is away', async () => {
    const checks = await listen('metrics:partner:BETA');
    const servers = await stack.sql(
        `SELECT pid FROM pg_stat_activity WHERE usename = 'mh_hub'`);
    const signal = (name) => servers.forEach(([pid]) => process.kill(Number(pid), name));
    signal('SIGSTOP');
    try {
        const { degraded } = await until(() => checks.find((check) => check.degraded), 'degraded', 20_000);
        assert.ok(degraded.postgres > 0);
    } finally {
        signal('SIGCONT');
    }
    await until(() => checks.at(-1).degraded === undefined, 'the end of it', 30_000);
});
