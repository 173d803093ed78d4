// A partner sees its own data and not a trace of anybody else's, on screen or on the wire.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from '../flow/harness.mjs';
import { kpi, launch, live, manySignIns, shows, signIn } from './browser.mjs';

let stack;
let browser;
const canaries = /OTHERCO|Otherwise Studio|canary-job|canary-model|canary prompt|canary-user/;

before(async () => {
    stack = await startStack({ partners: ['ALPHA'], ingest: manySignIns });
    browser = await launch();
    await stack.partner('OTHERCO', 'Otherwise Studio');
    await postCanary('canary-job-1');
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

function postCanary(job) {
    return stack.post('OTHERCO', [
        stack.event('requested', job, {
            model: 'canary-model', prompt: 'canary prompt', end_user: 'canary-user',
        }),
        stack.event('completed', job, { cost: '0.77' }),
    ]);
}

test('own data only', async () => {
    const manager = await stack.user({ name: 'Mia Manager', partner: 'ALPHA', role: 'manager' });
    const { page, context, seen } = await signIn(stack, browser, manager);
    await live(page);
    await shows(page.locator('h1'), 'ALPHA');
    await shows(kpi(page, 'generations'), /^Generations 0 /);

    // The canary's patch is on the wire of those who may see it before our own event is.
    await postCanary('canary-job-2');
    await stack.post('ALPHA', [
        stack.event('requested', 'own-job', { prompt: 'own prompt', end_user: 'own-user' }),
        stack.event('completed', 'own-job', { cost: '0.11', tokens: 9 }),
    ]);
    await shows(page.locator('[data-job="ALPHA/own-job"]'), /Completed.*own prompt/);
    await shows(kpi(page, 'generations'), /^Generations 1 /);

    assert.equal(await kpi(page, 'cost').count(), 0, 'cost is of staff only');
    assert.equal(await page.getByRole('combobox', { name: 'Partner' }).count(), 0);
    const received = [...seen.frames, ...seen.bodies].join('\n');
    assert.ok(seen.frames.length > 0 && received.includes('own-job'));
    assert.doesNotMatch(received, canaries);
    assert.doesNotMatch(received, /"cost/);
    assert.doesNotMatch(received, /own-user/, 'end users are personal data');
    assert.doesNotMatch(await page.content(), canaries);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test("another partner's page, the platform's and one that does not exist look alike", async () => {
    const manager = await stack.user({ name: 'Max Manager', partner: 'ALPHA', role: 'manager' });
    const { page, context, seen } = await signIn(stack, browser, manager);
    await live(page);
    const answers = [];
    for (const place of ['partner/OTHERCO', 'platform', 'partner/NOSUCH', 'nothing']) {
        await page.evaluate((to) => (location.hash = `#/${to}`), place);
        await shows(page.locator('h1'), 'There is no such page');
        answers.push(await page.locator('main').innerText());
    }
    assert.equal(new Set(answers).size, 1);
    assert.doesNotMatch(seen.frames.join('\n'), canaries);
    await page.getByRole('link', { name: 'To the dashboard' }).click();
    await shows(page.locator('h1'), 'ALPHA');
    await context.close();
});

test('signed in without a membership: refused, with a reason and a way on', async () => {
    const nobody = await stack.user({ name: 'Nina Nobody' });
    const { page, context, seen } = await signIn(stack, browser, nobody);
    await shows(page.locator('h1'), 'You have no workspace yet');
    await shows(page.locator('.copyable pre'), nobody);
    assert.equal(seen.frames.length, 0, 'no socket is opened');
    await page.getByRole('button', { name: 'Check again' }).click();
    await shows(page.locator('h1'), 'You have no workspace yet');
    assert.deepEqual(seen.errors, []);
    await context.close();
});
