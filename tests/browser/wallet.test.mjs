// Tokens: billing gives some after confirming who he is, the partner's pages see it at once, and a large grant
// takes a second person.
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startStack } from '../flow/harness.mjs';
import { launch, live, manySignIns, overflow, shows, signIn } from './browser.mjs';

const password = 'four quiet birds on a wire';
let stack, browser, billing, admin, pia, mia;

before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'], ingest: manySignIns });
    browser = await launch();
    const open = async (who) => signIn(stack, browser, await stack.user(who));
    [billing, admin] = [await open({ name: 'Bill Billing', staff: 'billing' }), await open({ name: 'Ada Admin', staff: 'admin' })];
    pia = await open({ name: 'Pia', partner: 'ALPHA', role: 'admin' });
    mia = await open({ name: 'Mia', partner: 'ALPHA', role: 'manager' });
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

const goTo = (page, place) => page.evaluate((to) => (location.hash = `#/${to}`), place);
const balance = (page, text) => shows(page.locator('.card-value'), text);
const dialog = (page) => page.getByRole('dialog');
const link = (page, name) => page.getByRole('navigation').getByRole('link', { name, exact: true });

async function fill(page, { what = 'Give', tokens, reason }) {
    await page.getByRole('button', { name: 'Give or take tokens' }).click();
    await dialog(page).getByLabel('What').selectOption(what);
    await dialog(page).getByLabel('Tokens').fill(String(tokens));
    await dialog(page).getByLabel('Reason').fill(reason);
    await dialog(page).getByRole('button', { name: 'Book it' }).click();
}

test('billing finds the wallet, and gives tokens after confirming who he is', async () => {
    for (const { page } of [pia, mia]) {
        await link(page, 'Tokens').click();
        await balance(page, /^0$/);
        await live(page);
    }
    const { page } = billing;
    await page.evaluate((text) => fetch('/v1/me/password', {
        method: 'PUT', headers: { 'content-type': 'application/json' }, body: JSON.stringify({ password: text }),
    }), password);
    await page.reload();
    await link(page, 'Wallets').click();
    await page.getByRole('searchbox', { name: 'Search' }).fill('alpha');
    await page.locator('[data-wallet="BETA"]').waitFor({ state: 'detached' });
    await page.locator('[data-wallet="ALPHA"]').getByRole('link').click();
    await shows(page.locator('h1'), 'Tokens of ALPHA');
    await stack.sql("UPDATE app.sessions SET auth_at = now() - interval '1 hour'");
    await fill(page, { tokens: 5000, reason: 'By contract' });
    const confirm = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await confirm.getByLabel('Password').fill(password);
    await confirm.getByRole('button', { name: 'Confirm' }).click();
    await balance(page, '5,000');
    for (const screen of [pia, mia]) await balance(screen.page, '5,000');
    await shows(pia.page.locator('[data-entry]'), /By contract.*Grant.*\+5,000.*5,000.*Bill Billing/);
});

test('what is not there cannot be taken', async () => {
    const { page } = billing;
    await fill(page, { what: 'Take away', tokens: 6000, reason: 'Counted twice' });
    await shows(dialog(page).getByRole('alert'), 'The balance is 5000');
    await dialog(page).getByLabel('Tokens').fill('1500');
    await dialog(page).getByRole('button', { name: 'Book it' }).click();
    await dialog(page).waitFor({ state: 'detached' });
    await balance(pia.page, '3,500');
    await pia.page.getByLabel('Kind').selectOption('adjust');
    await pia.page.getByText('By contract').waitFor({ state: 'detached' });
    await shows(pia.page.locator('[data-entry]'), /Counted twice.*-1,500.*3,500/);
    const [file] = await Promise.all([
        pia.page.waitForEvent('download'), pia.page.getByRole('button', { name: 'Export CSV' }).click(),
    ]);
    const lines = (await fs.readFile(await file.path(), 'utf8')).trim().split('\r\n');
    assert.equal(lines.length, 2, 'what is filtered');
    assert.match(lines[1], /Counted twice/);
    await pia.page.getByLabel('Kind').selectOption('');
});

test('a large grant waits for another one of staff', async () => {
    await goTo(admin.page, 'wallets');
    await shows(admin.page.locator('main'), 'Nothing waits');
    await live(admin.page);
    const { page } = billing;
    await fill(page, { tokens: 2000000, reason: 'A whole year' });
    await shows(page.locator('[data-request]'), /A whole year.*2,000,000.*Bill Billing/);
    assert.equal(await page.getByRole('button', { name: 'Approve A whole year' }).count(), 0, 'not by himself');
    await admin.page.getByRole('button', { name: 'Approve A whole year' }).waitFor();
    assert.equal(await pia.page.getByText('A whole year').count(), 0);
    await stack.sql('UPDATE app.sessions SET auth_at = now()');
    await admin.page.getByRole('button', { name: 'Approve A whole year' }).click();
    await shows(dialog(admin.page), /2,000,000 tokens for ALPHA.*Bill Billing asked for it/);
    await dialog(admin.page).getByRole('button', { name: 'Approve', exact: true }).click();
    await shows(admin.page.locator('[data-wallet="ALPHA"]'), '2,003,500');
    for (const screen of [pia, mia, billing]) await balance(screen.page, '2,003,500');
    await shows(pia.page.locator('[data-entry]').first(), /A whole year.*approved by Ada Admin/);
    await page.locator('[data-request]').waitFor({ state: 'detached' });

    await fill(page, { tokens: 3000000, reason: 'A mistake' });
    await page.getByRole('button', { name: 'Reject A mistake' }).click();
    await dialog(page).getByRole('button', { name: 'Reject', exact: true }).click();
    await shows(page.locator('main'), 'Nothing waits');
});

test('who sees what', async () => {
    assert.equal(await mia.page.getByRole('table').count(), 0, 'a manager sees no ledger');
    for (const { page } of [pia, mia]) {
        assert.equal(await page.getByRole('button', { name: 'Give or take tokens' }).count(), 0);
        assert.equal(await link(page, 'Wallets').count(), 0);
        for (const place of ['wallets', 'tokens/BETA']) {
            await goTo(page, place);
            await shows(page.locator('h1'), /not found|no such page/i);
        }
    }
    const dev = await signIn(stack, browser, await stack.user({ name: 'Dan', partner: 'ALPHA', role: 'developer' }));
    assert.equal(await link(dev.page, 'Tokens').count(), 0);
    await goTo(dev.page, 'tokens/ALPHA');
    await shows(dev.page.locator('h1'), /not found|no such page/i);
    const heard = mia.seen.frames.join('\n');
    assert.match(heard, /"balance": ?3500/);
    for (const { seen } of [mia, dev])
        for (const word of ['By contract', 'Counted twice', 'A whole year', 'Bill Billing'])
            assert.ok(![...seen.frames, ...seen.bodies].some((text) => text.includes(word)), word);
});

test('on a narrow screen nothing sticks out, and nothing was logged', async () => {
    for (const [{ page }, place] of [[billing, 'tokens/ALPHA'], [billing, 'wallets'], [pia, 'tokens/ALPHA']]) {
        await page.setViewportSize({ width: 360, height: 800 });
        await goTo(page, place);
        await shows(page.locator('main'), place === 'wallets' ? 'BETA' : 'By contract');
        assert.deepEqual(await overflow(page), { pixels: 0, wide: [] }, place);
    }
    for (const { seen } of [admin, pia, mia]) assert.deepEqual(seen.errors, []);
    // The browser itself reports the two refusals that billing was shown.
    assert.ok(billing.seen.errors.every((text) => /status of (403|409)/.test(text)), billing.seen.errors.join('\n'));
});
