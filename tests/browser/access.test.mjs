// Who may open what: accounts, invitations, keys and roles through the pages, and what changes on
// pages that are open when somebody's access does.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { encode } from '../../web-client/node_modules/uqr/dist/index.mjs';
import { startStack, until } from '../flow/harness.mjs';
import { launch, live, manySignIns, openPage, overflow, shows, signIn } from './browser.mjs';

const password = 'four quiet birds on a wire';
let stack;
let browser;
let admin;
/** Signed in by invitation, a developer of ALPHA. */
let dev;

before(async () => {
    stack = await startStack({ partners: ['ALPHA', 'BETA'], ingest: manySignIns });
    browser = await launch();
    const user = await stack.user({ name: 'Ann Admin', partner: 'ALPHA', role: 'admin' });
    admin = await signIn(stack, browser, user);
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

const goTo = (page, place) => page.evaluate((to) => (location.hash = `#/${to}`), place);
const links = async (page) =>
    (await page.locator('#navigation a').allInnerTexts()).map((text) => text.trim());
const row = (page, name) => page.getByRole('row').filter({ hasText: name });

async function fillSignIn(page, email, secret) {
    await page.getByLabel('E-mail').fill(email);
    await page.getByLabel('Password').fill(secret);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
}

test('somebody without a workspace sees the denied page, and his own account', async () => {
    const nobody = await stack.user({ name: 'Nina Nobody' });
    const { page, context, seen } = await signIn(stack, browser, nobody);
    await shows(page.locator('h1'), 'You have no workspace yet');
    assert.deepEqual(await links(page), ['Profile and sessions']);
    for (const place of ['keys/ALPHA', 'team/ALPHA', 'users', 'audit', 'roles', 'platform']) {
        await goTo(page, place);
        await shows(page.locator('h1'), 'You have no workspace yet');
    }
    await goTo(page, 'me');
    await shows(page.locator('h1'), 'Profile and sessions');
    await shows(page.locator('main'), 'this one');
    assert.equal(seen.sockets, 0);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('an invitation is made once, and accepted in another browser', async () => {
    const { page } = admin;
    await goTo(page, 'team/ALPHA');
    await page.getByRole('button', { name: 'Invite somebody' }).click();
    await page.getByLabel('E-mail').fill('dev@alpha.example');
    await page.getByLabel('Name', { exact: true }).fill('Dan Developer');
    await page.getByLabel('Role', { exact: true }).selectOption('developer');
    await page.getByRole('button', { name: 'Make the invitation' }).click();
    const link = await page.getByLabel('Invitation link').innerText();
    await page.getByRole('button', { name: 'Done' }).click();
    await shows(row(page, 'dev@alpha.example'), 'Developer');
    assert.ok(!(await page.content()).includes(link.split('token=')[1]), 'shown once');

    dev = await openPage(browser);
    await dev.page.goto(link);
    await dev.page.getByLabel('Password').fill('short one');
    await dev.page.getByRole('button', { name: 'Accept the invitation' }).click();
    await shows(dev.page.locator('h1'), 'You are invited');
    await dev.page.getByLabel('Password').fill(password);
    await dev.page.getByRole('button', { name: 'Accept the invitation' }).click();
    await shows(dev.page.locator('h1'), 'ALPHA');
    assert.ok(!dev.page.url().includes('token='), 'the token leaves the address');
    assert.deepEqual(await links(dev.page), [
        'Dashboard', 'Team', 'API keys', 'Profile and sessions',
    ]);

    const late = await openPage(browser);
    await late.page.goto(link);
    await late.page.getByLabel('Password').fill(password);
    await late.page.getByRole('button', { name: 'Accept the invitation' }).click();
    await shows(late.page.getByRole('alert'), /used, expired or unknown/i);
    await late.context.close();
});

test('signing in by password: one error for all, and on to the page that was asked for', async () => {
    const { page } = dev;
    await page.locator('.menu summary').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await shows(page.locator('h1'), 'Sign in');
    await goTo(page, 'keys/ALPHA');
    const problems = [];
    for (const [email, secret] of [
        ['dev@alpha.example', 'not the password'], ['nobody@alpha.example', password],
    ]) {
        await fillSignIn(page, email, secret);
        problems.push(await shows(page.locator('.form-problem'), /./));
        await page.reload();
    }
    assert.equal(new Set(problems).size, 1, problems.join(' / '));
    await fillSignIn(page, 'dev@alpha.example', password);
    await shows(page.locator('h1'), 'API keys of ALPHA');
});

test('a key: made after confirming who one is, shown once, counted, rotated, revoked', async () => {
    const { page } = dev;
    await stack.sql("UPDATE app.sessions SET auth_at = now() - interval '1 hour'");
    const create = page.getByRole('button', { name: 'Create a key' });
    await create.click();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.ok(await create.evaluate((one) => one === document.activeElement), 'the focus is back');
    await create.click();
    await page.getByLabel('Name', { exact: true }).fill('Render farm');
    await page.getByRole('button', { name: 'Create the key' }).click();
    const confirm = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await confirm.getByLabel('Password').fill('not the password');
    await confirm.getByRole('button', { name: 'Confirm' }).click();
    await shows(confirm.getByRole('alert'), 'not right');
    await confirm.getByLabel('Password').fill(password);
    await confirm.getByRole('button', { name: 'Confirm' }).click();
    const first = (await page.getByLabel('API key', { exact: true }).innerText()).trim();
    assert.match(first, /^mh_live_/);
    await page.keyboard.press('Escape');
    assert.equal(await page.getByLabel('API key', { exact: true }).count(), 1, 'held until it is copied');
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await row(page, 'Render farm').waitFor();
    assert.ok(!(await page.content()).includes(first), 'shown once');

    const send = async (key) =>
        (await stack.post('ALPHA', [stack.event('requested', `job-${Math.random()}`)], { key })).status;
    assert.equal(await send(first), 200);
    await shows(row(page, 'Render farm').locator('[data-column="requests"]'), /^1$/);

    await page.getByRole('button', { name: 'Rotate Render farm' }).click();
    await page.getByLabel('The old key').selectOption('3600');
    await page.getByRole('button', { name: 'Rotate', exact: true }).click();
    const second = (await page.getByLabel('API key', { exact: true }).innerText()).trim();
    assert.notEqual(second, first);
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await shows(page.locator('tr[data-state="retiring"]'), 'Render farm');
    assert.equal(await send(first), 200, 'the old key works on');
    await until(async () => (await send(second)) === 200, 'the new key to work');

    const active = page.locator('tr[data-state="active"]').filter({ hasText: 'Render farm' });
    await active.getByRole('button', { name: 'Revoke Render farm' }).click();
    await page.getByLabel('Reason').fill('left in a public place');
    await page.getByRole('button', { name: 'Revoke the key' }).click();
    await shows(page.locator('tr[data-state="revoked"]'), 'left in a public place');
    await until(async () => (await send(second)) === 401, 'the revoked key to be refused');
});

/** RFC 6238, as an authenticator does it. */
function codeOf(secret) {
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
    const bits = [...secret].map((c) => alphabet.indexOf(c).toString(2).padStart(5, '0')).join('');
    const bytes = bits.match(/.{8}/g).map((byte) => Number.parseInt(byte, 2));
    const step = Buffer.alloc(8);
    step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
    const mac = createHmac('sha1', Buffer.from(bytes)).update(step).digest();
    const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, '0');
}

/** What the page draws, module by module. */
const drawnCode = (code) =>
    code.evaluate((svg) => {
        const size = svg.viewBox.baseVal.width;
        const path = svg.querySelector('path');
        const at = Array.from({ length: size }, (_, i) => i);
        return at.map((y) => at.map((x) => path.isPointInFill(new DOMPoint(x + 0.5, y + 0.5))));
    });

test('with a second factor, signing in asks for its code', async () => {
    const { page } = dev;
    await goTo(page, 'me');
    await page.getByRole('button', { name: 'Set up a second factor' }).click();
    const secret = (await page.getByLabel('Secret of the second factor').innerText()).trim();
    const code = page.getByRole('img', { name: 'QR code of the secret' });
    const uri = await page.getByRole('link', { name: 'opening it there' }).getAttribute('href');
    assert.match(uri, new RegExp(`^otpauth://totp/.*secret=${secret}`));
    assert.deepEqual(await drawnCode(code), encode(uri, { ecc: 'M', border: 4 }).data);
    const fills = await code.evaluate((svg) => [...svg.children].map((one) => getComputedStyle(one).fill));
    assert.deepEqual(fills, ['rgb(255, 255, 255)', 'rgb(0, 0, 0)'], 'dark on light');
    assert.ok((await code.boundingBox()).width >= 180);
    assert.deepEqual(await overflow(page), { pixels: 0, wide: [] });
    await page.getByLabel('Code of your authenticator').fill(codeOf(secret));
    await page.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('button', { name: 'Remove the second factor' }).waitFor();
    // A code is good once; nobody waits here for the next.
    await stack.sql('UPDATE app.users SET totp_last_step = NULL');

    const other = await openPage(browser);
    await other.page.goto(`${stack.ingestUrl}/#/me`);
    await fillSignIn(other.page, 'dev@alpha.example', password);
    const asked = other.page.getByLabel('Code of your authenticator');
    await asked.waitFor();
    assert.ok(await asked.evaluate((one) => one === document.activeElement), 'has the focus');
    await asked.fill('000000');
    await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await shows(other.page.locator('.form-problem'), /not right/);
    await asked.fill(codeOf(secret));
    await other.page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await shows(other.page.locator('h1'), 'Profile and sessions');
    await other.context.close();

    await page.getByRole('button', { name: 'Remove the second factor' }).click();
    await page.getByRole('button', { name: 'Remove', exact: true }).click();
    await page.getByRole('button', { name: 'Set up a second factor' }).waitFor();
});

test('another role changes the navigation and closes the page, without a reload', async () => {
    const { page } = dev;
    await goTo(page, 'keys/ALPHA');
    await page.getByRole('button', { name: 'Create a key' }).waitFor();
    await page.evaluate(() => (window.stayed = true));
    await goTo(admin.page, 'team/ALPHA');
    await admin.page.reload();
    const role = admin.page.getByLabel('Role of Dan Developer');
    await role.selectOption('viewer');
    await shows(admin.page.locator('.toasts'), 'Dan Developer is viewer now');
    await page.getByRole('button', { name: 'Create a key' }).waitFor({ state: 'detached' });
    await shows(page.locator('h1'), 'API keys of ALPHA');
    assert.equal(await page.getByRole('button', { name: /^(Rotate|Revoke|Limits)/ }).count(), 0);

    await role.selectOption('manager');
    await shows(page.locator('h1'), 'There is no such page');
    assert.deepEqual(await links(page), ['Dashboard', 'Team', 'Tokens', 'Profile and sessions']);
    await role.selectOption('developer');
    await shows(page.locator('h1'), 'API keys of ALPHA');
    assert.equal(await page.evaluate(() => window.stayed), true, 'the same page all along');
});

test('a team page shows what others change, without a reload', async () => {
    const owner = await stack.user({ name: 'Oona Owner', staff: 'owner' });
    const staff = await signIn(stack, browser, owner);
    const second = await signIn(stack, browser, await stack.user({ name: 'Adam Admin', partner: 'ALPHA', role: 'admin' }));
    const watchers = [staff.page, second.page];
    for (const watcher of watchers) await live(watcher);
    for (const page of [...watchers, dev.page]) {
        await goTo(page, 'team/ALPHA');
        await shows(row(page, 'Dan Developer'), /Developer/);
        await page.evaluate(() => (window.stayed = true));
    }
    const { page } = admin;
    // Of links alone nobody confirms who he is.
    await stack.sql('UPDATE app.sessions SET auth_at = now()');
    await goTo(page, 'team/ALPHA');
    await page.getByLabel('Role of Dan Developer').selectOption('viewer');
    for (const watcher of watchers)
        await until(async () => (await watcher.getByLabel('Role of Dan Developer').inputValue()) === 'viewer', 'the new role');
    await shows(row(dev.page, 'Dan Developer'), /you Viewer/);

    await page.getByRole('button', { name: 'Invite somebody' }).click();
    await page.getByLabel('E-mail').fill('ivy@alpha.example');
    await page.getByLabel('Name', { exact: true }).fill('Ivy Invited');
    await page.getByRole('button', { name: 'Make the invitation' }).click();
    await page.getByRole('button', { name: 'Done' }).click();
    for (const watcher of watchers) await row(watcher, 'ivy@alpha.example').waitFor();
    await second.page.getByRole('button', { name: 'Revoke the invitation of Ivy Invited' }).click();
    for (const watcher of [staff.page, page]) await row(watcher, 'ivy@alpha.example').waitFor({ state: 'detached' });

    // By whatever way somebody came.
    await stack.user({ name: 'Nora New', partner: 'ALPHA', role: 'viewer' });
    for (const watcher of [...watchers, page]) await row(watcher, 'Nora New').waitFor();

    await page.getByLabel('Role of Dan Developer').selectOption('developer');
    await shows(row(dev.page, 'Dan Developer'), /you Developer/);
    for (const one of [...watchers, dev.page]) assert.equal(await one.evaluate(() => window.stayed), true, 'the same page all along');
    assert.deepEqual([...staff.seen.errors, ...second.seen.errors], []);
    await staff.context.close();
    await second.context.close();
});

test('ended elsewhere, a session goes to the sign-in page and says why', async () => {
    const other = await openPage(browser);
    await other.page.goto(`${stack.ingestUrl}/#/me`);
    await fillSignIn(other.page, 'dev@alpha.example', password);
    await shows(other.page.locator('h1'), 'Profile and sessions');
    await other.page.getByRole('button', { name: 'End all others' }).click();
    await shows(dev.page.locator('h1'), 'Sign in');
    await shows(dev.page.getByRole('alert'), 'You were signed out');
    await shows(other.page.locator('main'), 'this one');
    await other.context.close();
});

test('who is looked through sees it named, and may change nothing', async () => {
    const owner = await stack.user({ name: 'Olga Owner', staff: 'owner' });
    const { page, context } = await signIn(stack, browser, owner);
    await live(page);
    const [[target]] = await stack.sql("SELECT public_id FROM app.users WHERE name = 'Dan Developer'");
    const status = await page.evaluate(
        async (id) =>
            (
                await fetch(`/v1/users/${id}/impersonate`, {
                    method: 'POST',
                    headers: { 'content-type': 'application/json' },
                    body: JSON.stringify({ reason: 'a ticket' }),
                })
            ).status,
        target,
    );
    assert.equal(status, 200);
    await goTo(page, 'keys/ALPHA');
    await page.reload();
    const banner = page.getByRole('region', { name: 'Impersonation' });
    await shows(banner, /Olga Owner, you see this as Dan Developer until .*a ticket/);
    await shows(page.locator('h1'), 'API keys of ALPHA');
    assert.equal(await page.getByRole('button', { name: 'Create a key' }).count(), 0);
    await banner.getByRole('button', { name: 'End impersonation' }).click();
    await banner.waitFor({ state: 'detached' });
    await context.close();
});

test('all pages fit into 360 px, with a menu that opens by keyboard', async () => {
    const user = await stack.user({ name: 'Tim Tiny', partner: 'ALPHA', role: 'admin' });
    const { page, context, seen } = await signIn(stack, browser, user, {
        viewport: { width: 360, height: 740 },
    });
    for (const place of ['keys/ALPHA', 'team/ALPHA', 'me']) {
        await goTo(page, place);
        await page.locator('.list').first().waitFor();
        assert.deepEqual(await overflow(page), { pixels: 0, wide: [] }, place);
    }
    await page.getByRole('button', { name: 'Menu' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('link', { name: 'API keys' }).click();
    await shows(page.locator('h1'), 'API keys of ALPHA');
    await page.getByRole('link', { name: 'API keys' }).waitFor({ state: 'hidden' });
    assert.deepEqual(seen.errors, []);
    await stack.hub.stop();
    await shows(page.locator('.status'), /^Recovering since/);
    assert.deepEqual(await overflow(page), { pixels: 0, wide: [] });
    await context.close();
});
