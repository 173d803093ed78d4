// The hub goes away and comes back: the page says so, ages what it shows, and misses nothing.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack, until } from '../flow/harness.mjs';
import { kpi, launch, live, manySignIns, openPage, shows, signIn } from './browser.mjs';

let stack;
let browser;

before(async () => {
    // Tokens as short as they may be: every test here outlives one.
    stack = await startStack({ ingest: { ...manySignIns, token_ttl: '10s' } });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

test('recovering, stale, live again with what was missed', async () => {
    const owner = await stack.user({ name: 'Ada Owner', staff: 'owner' });
    const { page, context } = await signIn(stack, browser, owner);
    await live(page);
    await stack.post('ALPHA', [stack.event('requested', 'before')]);
    await shows(kpi(page, 'generations'), /^Generations 1 /);

    await stack.hub.stop();
    await page.locator('.status[data-phase="recovering"]').waitFor();
    await shows(page.locator('.status'), /^Recovering since \d\d:\d\d:\d\d$/);
    await page.locator('.status[data-phase="stale"]').waitFor({ timeout: 30_000 });
    await shows(page.locator('.status'), /^Stale since \d\d:\d\d:\d\d$/);
    await shows(page.locator('.banner'), /These numbers are \d+ s old/);
    await shows(kpi(page, 'generations'), /^Generations 1 /);
    await stack.post('ALPHA', [
        stack.event('started', 'before'),
        stack.event('requested', 'missed'),
    ]);

    await stack.startHub();
    await page.getByRole('button', { name: 'Try now' }).click().catch(() => {}); // it may be back already
    await live(page);
    await shows(kpi(page, 'generations'), /^Generations 2 /);
    await shows(page.locator('[data-job="ALPHA/before"]'), 'Running');
    await page.locator('[data-job="ALPHA/missed"]').waitFor();
    assert.equal(await page.locator('.banner').count(), 0);
    await page.locator('.status').click();
    await shows(page.locator('.health-body'), /Reconnects [1-9]\d*$/);
    await context.close();
});

test('a lost network is recovered from where the page was', async () => {
    const owner = await stack.user({ name: 'Olaf Owner', staff: 'owner' });
    const { page, context, seen } = await signIn(stack, browser, owner);
    await live(page);
    await context.setOffline(true);
    await page.evaluate(() => dispatchEvent(new Event('offline')));
    await stack.post('BETA', [stack.event('requested', 'offline-job')]);
    await page.locator('.status[data-phase="recovering"]').waitFor({ timeout: 45_000 });
    assert.equal(await page.locator('[data-job="BETA/offline-job"]').count(), 0);
    const before = seen.frames.length;
    await context.setOffline(false);
    await page.locator('[data-job="BETA/offline-job"]').waitFor({ timeout: 30_000 });
    await live(page);
    const replies = seen.frames.slice(before).join('\n');
    assert.match(replies, /"recovered":true/);
    await context.close();
});

test('the token is renewed on the open socket', async () => {
    const owner = await stack.user({ name: 'Ruth Owner', staff: 'owner' });
    const { page, context, seen } = await signIn(stack, browser, owner);
    await live(page);
    for (let renewal = 0; renewal < 2; renewal += 1)
        await page.waitForResponse((response) => response.url().endsWith('/v1/token'), {
            timeout: 30_000,
        });
    await stack.post('ALPHA', [stack.event('requested', 'after-renewal')]);
    await page.locator('[data-job="ALPHA/after-renewal"]').waitFor();
    await live(page);
    assert.equal(seen.sockets, 1);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('after a sleep the dead socket is replaced at once', async () => {
    const owner = await stack.user({ name: 'Sara Owner', staff: 'owner' });
    const { page, context } = await openPage(browser);
    let sockets = 0;
    let dead = false;
    await page.routeWebSocket(/connection\/websocket/, (client) => {
        const number = ++sockets;
        client.connectToServer().onMessage((message) => {
            if (number > 1 || !dead) client.send(message);
        });
    });
    await page.goto(await stack.link(owner));
    await live(page);
    // What still comes through the first one would show that it is alive.
    dead = true;
    await page.evaluate(() => {
        const awake = Date.now;
        Date.now = () => awake() + 3_600_000;
    });
    await until(() => sockets === 2, 'another socket');
    await live(page);
    assert.equal(sockets, 2);
    await context.close();
});

test('a link that could not be presented is presented when ingest is back', async () => {
    const owner = await stack.user({ name: 'Pia Owner', staff: 'owner' });
    const link = await stack.link(owner);
    const { page, context } = await openPage(browser);
    await page.goto(stack.ingestUrl);
    await shows(page.locator('h1'), 'Sign in');
    await stack.ingest.stop();
    await page.evaluate((to) => (location.hash = new URL(to).hash), link);
    await shows(page.locator('h1'), 'The server does not answer');
    await stack.startIngest();
    await live(page);
    await context.close();
});
