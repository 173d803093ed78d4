// What the page says of its own truth: how long ago it was confirmed, that a wrong copy was found and
// mended, that a part of the service is away.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { metric } from '../flow/hub_raw.mjs';
import { startStack, until } from '../flow/harness.mjs';
import { kpi, launch, live, manySignIns, openPage, overflow, shows, signIn } from './browser.mjs';

const clock = String.raw`\d\d:\d\d:\d\d`;

let stack;
let browser;

before(async () => {
    stack = await startStack({ hub: { heartbeat: '1s' }, ingest: manySignIns });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

/** Signs in behind a wire that `tamper` may change: it gets and returns each line from the hub. */
async function tampered(user, tamper) {
    const opened = await openPage(browser);
    await opened.page.routeWebSocket(/connection\/websocket/, (client) => {
        const server = client.connectToServer();
        server.onMessage((message) => {
            const lines = String(message).split('\n').map(tamper).filter(Boolean);
            if (lines.length) client.send(lines.join('\n'));
        });
    });
    await opened.page.goto(await stack.link(user));
    await live(opened.page);
    return opened;
}

const isPatch = (line) => line.includes('"channel":"metrics:platform"') && line.includes('"t":"patch"');
const generations = (page, count) => shows(kpi(page, 'generations'), new RegExp(`^Generations ${count} `));
const wrongs = () => metric(stack, 'mh_hub_digest_mismatches_total');
const facts = (page) => page.locator('.health-channel[data-channel="metrics:platform"]');

test('live says when the database last confirmed it, and shows the evidence', async () => {
    const owner = await stack.user({ name: 'Ada Owner', staff: 'owner' });
    const { page, context, seen } = await signIn(stack, browser, owner);
    await live(page);
    await shows(page.locator('.status'), /^Live, checked [0-3] s ago$/);
    assert.ok(seen.frames.some((text) => /"rpc":\{"data":\{"t":"check"/.test(text)),
        'it asks, and does not wait for the first heartbeat');
    await page.locator('.status').click();
    await shows(facts(page), new RegExp(
        `^metrics:platform Position \\d+ Checked ${clock} Mismatches healed 0$`));
    await shows(page.locator('.health-body'), /Reconnects 0$/);
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('.health-body').isVisible(), false);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a page that missed the last patch finds out, mends itself and reports it', async () => {
    const owner = await stack.user({ name: 'Lara Owner', staff: 'owner' });
    let drop = false;
    let dropped = 0;
    const { page, context } = await tampered(owner, (line) => {
        if (!drop || !isPatch(line)) return line;
        dropped += 1;
        return '';
    });
    await stack.post('ALPHA', [stack.event('requested', 'seen')]);
    await generations(page, 1);
    const before = await wrongs();
    drop = true;
    await stack.post('ALPHA', [stack.event('requested', 'missed')]);
    await generations(page, 2);
    assert.ok(dropped > 0);
    drop = false;
    await until(async () => (await wrongs()) > before, 'the report');
    await live(page);
    await page.locator('.status').click();
    await shows(facts(page), /Mismatches healed [1-9]/);
    await context.close();
});

test('a page that merged a wrong value finds out by the digest', async () => {
    const owner = await stack.user({ name: 'Wanda Owner', staff: 'owner' });
    let changed = 0;
    const { page, context } = await tampered(owner, (line) => {
        if (changed || !isPatch(line) || !line.includes('"24h":{"requested":3')) return line;
        changed += 1;
        return line.replace('"24h":{"requested":3', '"24h":{"requested":7');
    });
    await page.locator('input[name="window"][value="24h"]').check();
    const before = await wrongs();
    await stack.post('ALPHA', [stack.event('requested', 'third')]);
    // The 7 may be gone before anybody could see it.
    await until(async () => changed === 1 && (await wrongs()) === before + 1, 'the report');
    await generations(page, 3);
    await live(page);
    await context.close();
});

test('a hub that no longer speaks makes the page stale, though the socket is open', async () => {
    const owner = await stack.user({ name: 'Sia Owner', staff: 'owner' });
    const { page, context } = await signIn(stack, browser, owner);
    await live(page);
    await shows(page.locator('.status'), /^Live, checked/);
    stack.hub.process.kill('SIGSTOP');
    try {
        await page.locator('.status[data-phase="stale"]').waitFor({ timeout: 10_000 });
        await shows(page.locator('.status'), new RegExp(`^Stale since ${clock}$`));
        await shows(page.locator('.header [role="status"]'), /out of date/);
    } finally {
        stack.hub.process.kill('SIGCONT');
    }
    await live(page);
    await context.close();
});

for (const [name, server, what] of [
    ['Redis', () => stack.redis, 'updates up to a second late'],
    ['Postgres', () => stack.postgres, 'database away'],
])
    test(`without ${name} the page says so, since when, and what it means`, async () => {
        const owner = await stack.user({ name: 'Dana Owner', staff: 'owner' });
        const wide = await signIn(stack, browser, owner);
        const narrow = await signIn(stack, browser, owner, {
            viewport: { width: 360, height: 800 }, colorScheme: 'dark',
        });
        const pages = [wide.page, narrow.page];
        for (const page of pages) await live(page);
        await server().stop();
        for (const page of pages) {
            await page.locator('.status[data-phase="degraded"]').waitFor();
            await shows(page.locator('.status'), new RegExp(`^Degraded since ${clock}$`));
            await shows(page.locator('.banner'), new RegExp(`^Degraded since ${clock}: ${what}\\.`));
            await shows(page.locator('.header [role="status"]'), what);
            assert.equal(await page.locator('.status svg').count(), 1, 'not by colour alone');
            await page.locator('.status').click();
            assert.deepEqual(await overflow(page), { pixels: 0, wide: [] });
        }
        // One that comes now is told at once, not at the next change.
        if (name === 'Redis') {
            const late = await signIn(stack, browser, owner);
            await late.page.locator('.status[data-phase="degraded"]').waitFor();
            await late.context.close();
        }
        await server().start();
        for (const page of pages) {
            await page.locator('.status[data-phase="live"]').waitFor({ timeout: 30_000 });
            assert.equal(await page.locator('.banner').count(), 0);
        }
        await wide.context.close();
        await narrow.context.close();
    });
