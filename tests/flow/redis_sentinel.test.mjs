// Sentinel: the master dies, a replica takes its place, and live goes on over it by itself.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Child, Follower, Redis, freePort, startStack, until } from './harness.mjs';
import { metric } from './hub_raw.mjs';
import { assertNumbers } from './oracle.mjs';

/** Two servers, the second a replica of the first, and three sentinels; in Redis' place. */
class SentinelGroup {
    constructor(folder) {
        this.folder = folder;
        this.sentinels = [];
    }

    async start() {
        const [first, second, ...ports] = await Promise.all(Array.from({ length: 5 }, freePort));
        const member = (name, port, lines = '') =>
            new Redis(path.join(this.folder, name), port, {
                password: 'of-servers', lines: `masterauth of-servers\nrepl-diskless-sync-delay 0\n${lines}`,
            });
        this.servers = [
            member('first', first), member('second', second, `replicaof 127.0.0.1 ${first}\n`),
        ];
        await Promise.all(this.servers.map((server) => server.start()));
        await until(
            async () => (await this.servers[0].command('INFO', 'replication')).includes('state=online'),
            'the replica',
        );
        for (const port of ports) this.sentinels.push(this.startSentinel(port, first));
        const dead = await freePort();
        const addresses = [dead, ...ports].map((port) => `127.0.0.1:${port}`);
        this.url = `redis+sentinel://default:of-servers@${addresses.join(',')}/live/2?sentinel=of-sentinels`;
        const known = (port) =>
            new Redis(this.folder, port, { password: 'of-sentinels' }).command('SENTINEL', 'MASTER', 'live');
        await until(async () => {
            const answers = await Promise.all(ports.map(known));
            return answers.every((answer) => /num-slaves\n1\n/.test(answer) && /num-other-sentinels\n2\n/.test(answer));
        }, 'the sentinels to know each other');
    }

    startSentinel(port, master) {
        const file = path.join(this.folder, `sentinel-${port}.conf`);
        fs.writeFileSync(
            file,
            `port ${port}\nbind 127.0.0.1\ndir ${this.folder}\nrequirepass of-sentinels\n` +
                `sentinel sentinel-pass of-sentinels\nsentinel monitor live 127.0.0.1 ${master} 2\n` +
                'sentinel auth-pass live of-servers\nsentinel down-after-milliseconds live 500\n' +
                'sentinel failover-timeout live 3000\n',
            { mode: 0o600 },
        );
        return new Child(`sentinel ${port}`, 'redis-server', [file, '--sentinel']);
    }

    async stop(signal) {
        await Promise.all([
            ...this.sentinels.map((sentinel) => sentinel.stop(signal)),
            ...(this.servers ?? []).map((server) => server.stop(signal)),
        ]);
    }
}

let stack, follower;

before(async () => {
    stack = await startStack({
        hub: { tick: '20ms' }, redis: (folder) => new SentinelGroup(folder),
    });
    const client = await stack.connect(await stack.token(await stack.user({ staff: 'owner' })));
    follower = new Follower(client, 'metrics:platform');
    await follower.when(() => true, 'a state');
});

after(() => stack?.close());

const linked = async (server) => {
    const clients = await server.command('CLIENT', 'LIST');
    return /name=metrics-hub .*db=2 /.test(clients) && /name=metrics-ingest .*db=2 /.test(clients);
};

let jobs = 0;
const post = async () => {
    const posted = await stack.post('ALPHA', [stack.event('requested', `job-${++jobs}`)]);
    assert.equal(posted.status, 200);
    return jobs;
};

/** Events come by Redis, not by reading the log. */
async function assertLive() {
    const [messages, rows] = [
        await metric(stack, 'mh_hub_feed_messages_total'), await metric(stack, 'mh_hub_gap_rows_total'),
    ];
    const count = await post();
    await follower.when((state) => state.now.in_flight === count, `job ${count}`);
    assert.ok((await metric(stack, 'mh_hub_feed_messages_total')) > messages);
    assert.equal(await metric(stack, 'mh_hub_gap_rows_total'), rows);
}

test('both daemons find the master by the sentinels, past one that is dead', async () => {
    await until(() => linked(stack.redis.servers[0]), 'both links at the master');
    assert.equal(await linked(stack.redis.servers[1]), false);
    await assertLive();
});

test('kill -9 of the master: live goes on over the new one, with every number exact', async () => {
    const [first, second] = stack.redis.servers;
    await first.stop('SIGKILL');
    let failing = true;
    const traffic = (async () => {
        while (failing) {
            const count = await post();
            await follower.when((state) => state.now.in_flight >= count, `job ${count} by polling`);
        }
    })();
    await until(() => linked(second), 'both links at the new master', 30_000);
    assert.match(await second.command('ROLE'), /^master/);
    failing = false;
    await traffic;
    await until(async () => (await (await fetch(`${stack.hubHttpUrl}/readyz`)).json()).redis.up, 'readiness');
    await assertLive();
    await assertNumbers(stack, follower, 'platform');
});

test('the old master comes back as a replica, and nobody goes to it', async () => {
    const [first, second] = stack.redis.servers;
    await first.start();
    await until(async () => (await first.command('ROLE')).startsWith('slave'), 'its new role', 30_000);
    assert.equal(await linked(first), false);
    assert.ok(await linked(second));
    await assertLive();
    await assertNumbers(stack, follower, 'platform');
});
