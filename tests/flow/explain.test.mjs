// What `explain` says is what the hub does: every role, every kind of channel.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { ask, closeAgent, person, table } from './access.mjs';
import { startStack } from './harness.mjs';

let stack;
before(async () => {
    stack = await startStack({ ingest: { sign_in_rate: 1000 } });
});
after(() => {
    closeAgent();
    return stack?.close();
});

const channels = [
    ...['metrics', 'jobs', 'audit', 'keys', 'wallet'].flatMap((kind) =>
        ['platform', 'partner:ALPHA', 'partner:BETA', 'partner:NONE', 'partner:alpha'].map((place) => `${kind}:${place}`)),
    'nothing:platform', 'ctl:authz', 'thread:thr_0', 'system', 'system:platform',
];

/** Whether the hub lets a connected client follow it. */
function follows(client, channel) {
    return new Promise((resolve) => {
        const subscription = client.newSubscription(channel);
        const done = (answer) => {
            resolve(answer); // before this is the client's own doing
            subscription.unsubscribe();
            client.removeSubscription(subscription);
        };
        subscription.once('subscribed', () => done(true));
        subscription.once('unsubscribed', () => done(false));
        subscription.subscribe();
    });
}

test('explain and hub agree on every role and channel', async () => {
    const asker = await person(stack, 'staff.ops');
    let allowed = 0;
    for (const role of table.roles) {
        const who = await person(stack, role);
        const client = await stack.connect(await stack.token(who.id));
        for (const channel of channels) {
            const where = `/v1/admin/explain?user=${who.id}&channel=${encodeURIComponent(channel)}`;
            const { status, body } = await ask(stack, 'GET', where, { cookie: asker.cookie });
            assert.equal(status, 200, where);
            assert.equal(body.allowed, await follows(client, channel), `${role} ${channel} ${JSON.stringify(body.steps)}`);
            assert.equal(body.steps.every(({ ok, check }) => ok || check === 'session'), body.allowed);
            allowed += body.allowed;
            if (body.allowed && /^(metrics|jobs)/.test(channel))
                assert.equal(body.fields.join(''), [...table.fields(role)].map((digit) => `F${digit}`).join(''), role);
        }
        client.disconnect();
    }
    assert.ok(allowed > 50, String(allowed));
});
