// A staff owner signs in and watches posted events change the cards and the job's row.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from '../flow/harness.mjs';
import { awayFromMidnight, kpi, launch, live, manySignIns, openPage, shows, signIn } from './browser.mjs';

let stack;
let browser;
let owner;

before(async () => {
    await awayFromMidnight();
    stack = await startStack({ ingest: manySignIns });
    browser = await launch();
    owner = await stack.user({ name: 'Ada Owner', staff: 'owner' });
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

test('an empty platform says why it is empty and what to do', async () => {
    const { page, context, seen } = await signIn(stack, browser, owner);
    await live(page);
    await shows(page.locator('h1'), 'All partners');
    await shows(kpi(page, 'generations'), /^Generations 0 /);
    await shows(kpi(page, 'success-rate'), 'nothing finished in the last hour');
    await shows(page.locator('.empty-long'), `curl ${stack.ingestUrl}/v1/events`);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a posted event changes the card and the row, in place', async () => {
    const { page, context, seen } = await signIn(stack, browser, owner);
    await live(page);
    const row = page.locator('[data-job="ALPHA/first"]');
    const start = Date.now() - 30_000;
    const at = (seconds) => ({ time: new Date(start + seconds * 1000).toISOString() });

    await stack.post('ALPHA', [
        stack.event('requested', 'first', { model: 'demo-model', prompt: 'a calm bay' }, at(0)),
    ]);
    await shows(row, /Requested.*first.*ALPHA.*demo-model.*a calm bay/);
    await shows(kpi(page, 'generations'), /^Generations 1 /);
    await shows(kpi(page, 'in-flight'), /^1 in flight/);
    await row.evaluate((element) => (element.dataset.marked = 'yes'));

    await stack.post('ALPHA', [
        stack.event('started', 'first', {}, at(2)),
        stack.event('progress', 'first', { progress: 40 }, at(4)),
    ]);
    await shows(row, /Running 40 %/);

    await stack.post('ALPHA', [
        stack.event('completed', 'first', { tokens: 1200, cost: '0.05' }, at(25)),
    ]);
    await shows(row, /Completed.*2\.0 s.*25 s.*1,200.*\$0\.0500/);
    await shows(kpi(page, 'success-rate'), /^Success rate 100% n = 1/);
    await shows(kpi(page, 'p95'), /^Completion p95 25 s n = 1/);
    await shows(kpi(page, 'tokens'), /^Tokens 1,200/);
    await shows(kpi(page, 'cost'), /\$0\.0500/);
    await shows(kpi(page, 'in-flight'), /^0 in flight/);
    await shows(page.locator('[data-partner="ALPHA"]'), /^ALPHA 1 100% 0 25 s 0 0$/);

    await stack.post('BETA', [stack.event('requested', 'second')]);
    await page.locator('[data-job="BETA/second"]').waitFor();
    assert.equal(await row.getAttribute('data-marked'), 'yes', 'the same row, not a new one');
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('the filter shows one partner, the window follows into the address', async () => {
    const { page, context, seen } = await signIn(stack, browser, owner);
    await live(page);
    await stack.post('BETA', [stack.event('requested', 'beta-job')]);
    await page.locator('[data-job="BETA/beta-job"]').waitFor();
    await page.getByRole('combobox', { name: 'Partner' }).selectOption('ALPHA');
    await shows(page.locator('h1'), 'ALPHA');
    await page.locator('[data-job="ALPHA/first"]').waitFor();
    assert.equal(await page.locator('[data-job="BETA/beta-job"]').count(), 0);
    await page.getByRole('radio', { name: '30 d' }).check();
    await shows(page.locator('.trend'), 'per day (UTC), last 30 days');
    await shows(page.locator('.readout'), /so far Completed 1 Failed 0 Requested 1 p95 25 s/);
    assert.match(page.url(), /#\/partner\/ALPHA\?window=30d$/);
    await page.reload();
    await live(page);
    await shows(page.locator('h1'), 'ALPHA');
    assert.ok(await page.getByRole('radio', { name: '30 d' }).isChecked());
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a link works once, and signing out ends the session', async () => {
    const link = await stack.link(owner);
    const first = await openPage(browser);
    await first.page.goto(link);
    await live(first.page);
    assert.ok(!first.page.url().includes('link='), 'the link leaves the address');
    const second = await openPage(browser);
    await second.page.goto(link);
    await shows(second.page.getByRole('alert'), 'used already');
    await first.page.locator('.menu summary').click();
    await first.page.getByRole('button', { name: 'Sign out' }).click();
    await shows(first.page.getByRole('alert'), 'signed out');
    await first.page.reload();
    await shows(first.page.locator('h1'), 'Sign in');
    await first.context.close();
    await second.context.close();
});

test('staff without finance sees no cost, neither on screen nor on the wire', async () => {
    const viewer = await stack.user({ name: 'Vic Viewer', staff: 'viewer' });
    const { page, context, seen } = await signIn(stack, browser, viewer);
    await live(page);
    await page.locator('[data-job="ALPHA/first"]').waitFor();
    assert.equal(await kpi(page, 'cost').count(), 0);
    assert.equal(await page.getByRole('columnheader', { name: 'Cost' }).count(), 0);
    assert.ok(seen.frames.length > 0);
    assert.ok(!seen.frames.join().includes('"cost"'));
    assert.deepEqual(seen.errors, []);
    await context.close();
});
