// Every width, both themes, the keyboard, and a quiet console.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from '../flow/harness.mjs';
import { awayFromMidnight, kpi, launch, live, manySignIns, overflow, shows, signIn } from './browser.mjs';

let stack;
let browser;
let owner;

before(async () => {
    await awayFromMidnight();
    stack = await startStack({ ingest: manySignIns });
    browser = await launch();
    owner = await stack.user({ name: 'Ada Owner', staff: 'owner' });
    const long = 'a-job-with-a-rather-long-name-that-does-not-fit-anywhere-0123456789';
    await stack.post('ALPHA', [
        stack.event('requested', long, { model: 'a-model-with-a-long-name-too', prompt: 'word '.repeat(60) }),
        stack.event('failed', long, { error_class: 'OutOfMemory', error_message: 'x'.repeat(300) }),
        stack.event('requested', 'short'),
    ]);
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

for (const colorScheme of ['light', 'dark'])
    for (const width of [360, 768, 1024, 1600])
        test(`${width} px, ${colorScheme}: nothing sticks out, nothing is logged`, async () => {
            const { page, context, seen } = await signIn(stack, browser, owner, {
                colorScheme, viewport: { width, height: 800 },
            });
            await live(page);
            await page.locator('[data-job="ALPHA/short"]').waitFor();
            for (const window of ['1h', '30d']) {
                await page.locator(`input[name="window"][value="${window}"]`).check();
                await page.locator('.chart-volume canvas').waitFor();
                assert.deepEqual(await overflow(page), { pixels: 0, wide: [] });
            }
            const ground = await page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
            const [red] = ground.match(/\d+/g).map(Number);
            assert.ok(colorScheme === 'dark' ? red < 60 : red > 200, ground);
            assert.deepEqual(seen.errors, []);
            await context.close();
        });

test('the chosen theme is kept', async () => {
    const { page, context } = await signIn(stack, browser, owner);
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), 'light');
    await page.getByRole('button', { name: 'Use dark colours' }).click();
    assert.equal(await theme(), 'dark');
    await page.reload();
    await live(page);
    assert.equal(await theme(), 'dark');
    await context.close();
});

test('the keyboard reaches and works everything', async () => {
    const { page, context } = await signIn(stack, browser, owner);
    await live(page);
    await page.locator('[data-job="ALPHA/short"]').waitFor();
    await page.getByRole('radio', { name: '1 h', exact: true }).focus();
    await page.keyboard.press('ArrowRight');
    await shows(page.locator('.trend'), 'per hour, last 24 hours');
    await page.keyboard.press('ArrowRight');
    await shows(page.locator('.trend'), 'per day (UTC), last 30 days');

    const slider = page.getByRole('slider');
    await slider.focus();
    assert.match(await slider.getAttribute('aria-valuetext'), /so far: 2 requested, 0 completed, 1 failed/);
    await page.keyboard.press('ArrowLeft');
    assert.match(await slider.getAttribute('aria-valuetext'), /: 0 requested/);

    const generations = page.getByRole('columnheader', { name: 'Generations' });
    assert.equal(await generations.getAttribute('aria-sort'), 'descending');
    await generations.getByRole('button').focus();
    await page.keyboard.press('Enter');
    assert.equal(await generations.getAttribute('aria-sort'), 'ascending');

    await page.getByRole('button', { name: 'Table' }).press('Enter');
    await page.getByRole('cell', { name: '2', exact: true }).first().waitFor();
    await context.close();
});

test('a filter keeps the rows apart, and a changing job moves between them', async () => {
    const { page, context } = await signIn(stack, browser, owner);
    await live(page);
    await page.getByRole('radio', { name: 'Failed' }).check();
    await shows(page.locator('.jobs tbody'), /Failed.*OutOfMemory/);
    assert.equal(await page.locator('[data-job="ALPHA/short"]').count(), 0);
    await page.getByRole('radio', { name: 'In progress' }).check();
    await page.locator('[data-job="ALPHA/short"]').waitFor();
    await stack.post('ALPHA', [stack.event('completed', 'short')]);
    await shows(page.locator('.jobs'), 'None of the newest 100 jobs is in this state');
    await shows(kpi(page, 'in-flight'), /^0 in flight/);
    await context.close();
});
