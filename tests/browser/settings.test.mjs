// Settings: what staff switch is felt on a partner's open page, and models are edited without losing what
// somebody else changed.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { startStack } from '../flow/harness.mjs';
import { launch, live, manySignIns, overflow, shows, signIn } from './browser.mjs';

let stack;
let browser;
let staff;
let partner;

before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'], ingest: manySignIns });
    browser = await launch();
    staff = await signIn(stack, browser, await stack.user({ name: 'Ann Admin', staff: 'admin' }));
    partner = await signIn(
        stack, browser, await stack.user({ name: 'Pia Partner', partner: 'ALPHA', role: 'admin' }));
    await live(partner.page);
    await staff.page.getByRole('link', { name: 'Settings' }).click();
    await staff.page.locator('[data-flag]').first().waitFor();
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

const flag = (page, key) => page.locator(`[data-flag="${key}"]`);
const model = (page, id) => page.locator(`[data-model="${id}"]`);
const links = async (page) =>
    (await page.locator('#navigation a').allInnerTexts()).map((text) => text.trim());

test('what is switched off is gone from an open page within a second, and back as soon', async () => {
    const { page } = partner;
    await page.evaluate(() => (window.stayed = true));
    const box = flag(staff.page, 'partner_dashboard').getByRole('switch');
    for (const [on, title] of [[false, 'Partner dashboard: not switched on'], [true, 'ALPHA']]) {
        const answered = staff.page.waitForResponse((one) => one.request().method() === 'PUT');
        await box.setChecked(on);
        await answered;
        await shows(page.locator('h1'), title, 1000);
        assert.equal((await links(page)).includes('Dashboard'), on);
        if (!on) {
            await shows(page.locator('main'), /Ask your account manager.*partner_dashboard/);
            await shows(flag(staff.page, 'partner_dashboard'), /Off/);
            assert.equal(await page.locator('.status').count(), 0, 'no numbers, so no age of them');
        }
    }
    await live(page);
    assert.equal(await page.evaluate(() => window.stayed), true, 'the same page all along');
    assert.equal(await staff.page.getByRole('link', { name: 'All partners' }).count(), 1, 'staff keeps its own');
});

test('each flag takes a page out of the navigation, and no other', async () => {
    const { page } = partner;
    const whole = await links(page);
    for (const [key, link, place] of [
        ['team_page', 'Team', 'team/ALPHA'], ['api_keys_page', 'API keys', 'keys/ALPHA'],
        ['roles_page', 'Roles', 'roles'], ['audit_page', 'Audit', 'audit'],
    ]) {
        const box = flag(staff.page, key).getByRole('switch');
        await page.evaluate((to) => (location.hash = `#/${to}`), place);
        await box.uncheck();
        await shows(page.locator('h1'), /: not switched on$/);
        assert.deepEqual(await links(page), whole.filter((one) => one !== link));
        await box.check();
        await page.getByRole('link', { name: link, exact: true }).waitFor();
        await shows(page.locator('h1'), /^((?!not switched on).)+$/);
    }
    assert.deepEqual(await links(page), whole);
});

test('a rollout says whom it reaches before it is applied', async () => {
    const row = flag(staff.page, 'partner_dashboard');
    const slider = row.getByRole('slider');
    await slider.fill('0');
    await shows(row, '0 %: 0 of 2 partners');
    const [[now]] = await stack.sql("SELECT rollout_pct FROM app.feature_flags WHERE key = 'partner_dashboard'");
    assert.equal(now, '100', 'not yet');
    await row.getByRole('button', { name: 'Undo' }).click();
    await shows(row, '100 %: 2 of 2 partners');
    await slider.fill('0');
    await partner.page.evaluate(() => (location.hash = '#/partner/ALPHA'));
    await row.getByRole('button', { name: 'Apply' }).click();
    await shows(partner.page.locator('h1'), 'Partner dashboard: not switched on');
    await shows(row, /On 0 %: 0 of 2 partners$/);
    await slider.fill('100');
    await row.getByRole('button', { name: 'Apply' }).click();
    await shows(partner.page.locator('h1'), 'ALPHA');
});

test('a model is made, priced and switched off; ops see no price', async () => {
    const { page } = staff;
    await page.getByRole('button', { name: 'New model' }).click();
    await page.getByLabel('Id').fill('cinema-2');
    await page.getByLabel('Name').fill('Cinema 2');
    await page.getByLabel('Seconds at most').fill('90');
    await page.getByLabel('Price of a unit').fill('77.25');
    await page.getByRole('button', { name: 'Save' }).click();
    await shows(model(page, 'cinema-2'), /Cinema 2.*video On 1:30 any .*77\.25/);

    const ops = await signIn(stack, browser, await stack.user({ name: 'Otto Ops', staff: 'ops' }));
    await ops.page.getByRole('link', { name: 'Settings' }).click();
    const edit = ops.page.getByRole('button', { name: 'Edit Cinema 2' });
    await edit.click();
    assert.equal(await ops.page.getByLabel('Price of a unit').count(), 0);
    await model(page, 'cinema-2').getByRole('switch').uncheck();
    await shows(page.locator('.toasts'), 'Cinema 2 is disabled');
    await ops.page.getByLabel('At a time').fill('4');
    await ops.page.getByRole('button', { name: 'Save' }).click();
    await shows(ops.page.getByRole('alert'), 'Another version is there');
    await ops.page.getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await model(ops.page, 'cinema-2').getByRole('switch').isChecked(), false, 'as it is now');
    await edit.click();
    await ops.page.getByLabel('At a time').fill('4');
    await ops.page.getByRole('button', { name: 'Save' }).click();
    await shows(model(page, 'cinema-2'), /1:30 4 .*77\.25/);
    assert.doesNotMatch([...ops.seen.frames, ...ops.seen.bodies].join('\n'), /77\.25/);
    assert.equal(await model(page, 'cinema-2').getByRole('switch').isChecked(), false);
    await ops.context.close();
});

test('the page fits into 360 px, and nothing went wrong on any', async () => {
    const { page } = staff;
    await page.setViewportSize({ width: 360, height: 740 });
    assert.deepEqual(await overflow(page), { pixels: 0, wide: [] });
    assert.deepEqual(partner.seen.errors, []);
    assert.deepEqual(staff.seen.errors, []);
});
