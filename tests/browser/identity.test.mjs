// Signing in at an outside identity provider: a real one, through its own pages and back.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { freePort, startStack } from '../flow/harness.mjs';
import { launch, live, manySignIns, openPage, shows, signIn } from './browser.mjs';
import { startProvider } from './identity_provider.mjs';

const client = 'metrics-hub';
let stack;
let browser;
let provider;
let folder;

before(async () => {
    const port = await freePort();
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'metrics-hub-keys-'));
    const keysFile = path.join(folder, 'jwks.json');
    // Its keys have to be there before ingest, whose address the provider wants to know.
    const ingestPort = await freePort();
    const home = `http://127.0.0.1:${ingestPort}/`;
    provider = await startProvider({ port, client, home, domain: 'alpha.example', algorithm: 'EdDSA' });
    fs.writeFileSync(keysFile, JSON.stringify(provider.jwks));
    stack = await startStack({
        partners: ['ALPHA', 'BETA'], ingestPort,
        ingest: {
            ...manySignIns, identity_issuer: provider.issuer, identity_audience: client,
            identity_keys_file: keysFile, identity_url: provider.url,
        },
    });
    browser = await launch();
});

after(async () => {
    await browser?.close();
    await stack?.close();
    await provider?.close();
    fs.rmSync(folder, { recursive: true });
});

/** At the provider, whose two pages take any name and password. */
async function signInThere(page, name) {
    await page.locator('input[name="login"]').fill(name);
    await page.locator('input[name="password"]').fill('any');
    await page.getByRole('button', { name: 'Sign-in' }).click();
    await page.getByRole('button', { name: 'Continue' }).click();
}

const button = (page) => page.getByRole('button', { name: /^Sign in with 127\.0\.0\.1/ });

test('staff give a partner its domain, and its people come by themselves', async () => {
    const { page: staff, context: staffContext } = await signIn(stack, browser, await stack.user({ staff: 'owner' }));
    await staff.evaluate(() => (location.hash = '#/team/ALPHA'));
    await shows(staff.locator('main'), 'None: people come by invitation only.');
    await staff.getByRole('button', { name: 'Change' }).click();
    await staff.getByLabel('Domains, one per line').fill('alpha.example');
    await staff.getByRole('button', { name: 'Save' }).click();
    await shows(staff.locator('section', { hasText: 'E-mail domains' }), 'alpha.example');

    const { page, context, seen } = await openPage(browser);
    await page.goto(`${stack.ingestUrl}/#/partner/ALPHA?window=24h`);
    await button(page).click();
    await signInThere(page, 'nell');
    await live(page);
    await shows(page.locator('h1'), 'ALPHA');
    assert.equal(new URL(page.url()).hash, '#/partner/ALPHA?window=24h', 'where he wanted to go');
    await page.goBack();
    assert.ok(!page.url().includes('id_token'), 'the token is not in the history');
    await page.goForward();
    await page.goto(`${stack.ingestUrl}/#/me`);
    await shows(page.locator('main'), 'nell@alpha.example');
    assert.deepEqual(seen.errors.filter((text) => text.includes(stack.ingestUrl)), []);
    await staff.reload();
    await shows(staff.locator('main'), 'nell');
    await context.close();
    await staffContext.close();
});

test('whom the provider refuses, or nobody knows here, reads why', async () => {
    await stack.sql(`DELETE FROM app.partner_domains`);
    const { page, context } = await openPage(browser);
    await page.goto(stack.ingestUrl);
    await button(page).click();
    await page.getByRole('link', { name: /Cancel/ }).click();
    await shows(page.getByRole('alert'), 'The identity provider signed nobody in.');
    await button(page).click();
    await signInThere(page, 'stranger');
    await shows(page.getByRole('alert'), 'Nobody has an account here under this identity');
    await context.close();
});

test('a token that somebody else\'s link brings is not presented', async () => {
    const { page, context } = await openPage(browser);
    const posts = [];
    page.on('request', (request) => request.method() === 'POST' && posts.push(request.url()));
    await page.goto(`${stack.ingestUrl}/#id_token=aaaa.bbbb.cccc&state=guessed`);
    await shows(page.locator('h1'), 'Sign in');
    assert.deepEqual(posts, []);
    await context.close();
});
