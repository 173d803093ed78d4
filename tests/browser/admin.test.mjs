// The staff pages: finding people, changing who they are, and the trail that sees it happen.
import assert from 'node:assert/strict';
import fs from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { startStack, until } from '../flow/harness.mjs';
import { launch, live, manySignIns, openPage, overflow, shows, signIn } from './browser.mjs';

let stack;
let browser;
const users = {};

before(async () => {
    stack = await startStack({ ingest: manySignIns });
    browser = await launch();
    users.owner = await stack.user({ name: 'Ada Owner', staff: 'owner' });
    users.viewer = await stack.user({ name: 'Vic Viewer', staff: 'viewer' });
    users.mia = await stack.user({ name: 'Mia Manager', partner: 'ALPHA', role: 'manager' });
    users.ben = await stack.user({ name: 'Ben Beta', partner: 'BETA', role: 'manager' });
});

after(async () => {
    await browser?.close();
    await stack?.close();
});

const rowOf = (page, user) => page.locator(`[data-user="${user}"]`);
const dialog = (page) => page.getByRole('dialog');

/** Another page of the same signed-in person. */
async function another(context, hash) {
    const page = await context.newPage();
    await page.goto(`${stack.ingestUrl}/${hash}`);
    return page;
}

async function goTo(page, name) {
    await page.getByRole('navigation').getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { level: 1, name, exact: true }).waitFor();
}

/** The lines of the file that the button saves. */
async function exported(page) {
    const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('button', { name: 'Export CSV' }).click(),
    ]);
    return (await fs.readFile(await download.path(), 'utf8')).trim().split(/\r?\n/);
}

test('sign in, all users, search, filter, and export what is filtered', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Users');
    for (const id of Object.values(users)) await rowOf(page, id).waitFor();

    await page.getByRole('searchbox', { name: 'Search' }).fill('manager');
    await page.waitForURL(/#\/users\?q=manager$/);
    await rowOf(page, users.ben).waitFor({ state: 'detached' });
    await shows(rowOf(page, users.mia), /Mia Manager.*ALPHA manager.*Active/);

    await page.getByRole('searchbox', { name: 'Search' }).fill('');
    await page.getByRole('combobox', { name: 'Kind' }).selectOption('member');
    await rowOf(page, users.owner).waitFor({ state: 'detached' });
    await page.getByLabel('Partner', { exact: true }).fill('beta');
    await rowOf(page, users.mia).waitFor({ state: 'detached' });
    await page.waitForURL(/#\/users\?kind=member&partner=BETA$/);
    await rowOf(page, users.ben).waitFor();

    const lines = await exported(page);
    assert.match(lines[0], /id/);
    assert.equal(lines.length, 2, lines.join('\n'));
    assert.ok(lines[1].includes(users.ben) && lines[1].includes('Ben Beta'), lines[1]);

    await page.reload();
    await rowOf(page, users.ben).waitFor();
    assert.equal(await page.getByLabel('Partner', { exact: true }).inputValue(), 'BETA');
    assert.equal(await rowOf(page, users.mia).count(), 0);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a long list comes page by page, its file at once', async () => {
    await stack.sql(
        "INSERT INTO app.users (kind, name) SELECT 'member', 'Person ' || i FROM generate_series(101, 160) i",
    );
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await page.goto(`${stack.ingestUrl}/#/users?q=person`);
    const rows = page.locator('[data-user]');
    await shows(page.locator('.list-table'), 'Person 150');
    assert.equal(await rows.count(), 50);
    await page.getByRole('button', { name: 'Load more' }).click();
    await shows(page.locator('.list-table'), 'Person 160');
    assert.equal(await rows.count(), 60);
    assert.equal(await page.getByRole('button', { name: 'Load more' }).count(), 0);
    assert.equal((await exported(page)).length, 61);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a changed role is in the trail at once, with what it was and the chain verified', async () => {
    const { page: trail, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(trail, 'Audit');
    await live(trail);
    await shows(trail.locator('.verdict'), /Chain verified: \d+ entries/);
    await trail.evaluate(() => (window.marked = 'the same page'));
    const known = new Set(await trail.locator('[data-entry]').evaluateAll((all) => all.map((one) => one.dataset.entry)));

    const page = await another(context, `#/users/${users.mia}`);
    await page.getByRole('button', { name: 'Edit roles' }).click();
    await dialog(page).getByLabel('Role', { exact: true }).selectOption('developer');
    await dialog(page).getByRole('button', { name: 'Save' }).click();
    await shows(page.locator('[data-membership="ALPHA"]'), /Developer/);

    const entry = trail.locator('.entry', { hasText: 'User roles' }).first();
    await shows(entry, new RegExp(`User roles Ada Owner .*${users.mia}.*ALPHA.*Done`));
    assert.ok(!known.has(await entry.getAttribute('data-entry')), 'a new entry');
    await entry.getByRole('button', { name: 'User roles' }).click();
    await shows(entry.locator('.change-table'), /role ?changed manager developer/);
    await shows(trail.locator('.verdict'), /\d+ newer/);
    await trail.getByRole('button', { name: 'Verify again' }).click();
    const [[count]] = await stack.sql('SELECT count(*) FROM app.audit_log');
    await shows(trail.locator('.verdict'), `Chain verified: ${count} entries`);
    assert.equal(await trail.evaluate(() => window.marked), 'the same page');

    await trail.getByLabel('Target').fill('usr_of_nobody');
    await shows(trail.locator('.panel'), 'No entry matches');
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a broken chain is said, with the place', async () => {
    const { page, context } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Audit');
    await shows(page.locator('.verdict'), 'Chain verified');
    const [[text]] = await stack.sql('SELECT canonical FROM app.audit_log ORDER BY chain DESC, seq LIMIT 1');
    const change = (value) =>
        stack.sql(
            'ALTER TABLE app.audit_log DISABLE TRIGGER USER;' +
                `UPDATE app.audit_log SET canonical = $x$${value}$x$ WHERE seq = 1;` +
                'ALTER TABLE app.audit_log ENABLE TRIGGER USER',
        );
    await change(text.replace('"seq": 1', '"seq": 9'));
    await page.getByRole('button', { name: 'Verify again' }).click();
    await shows(page.locator('.verdict'), /The chain is broken\. \d{4}-\d\d at entry 1\b/);
    await change(text);
    await page.getByRole('button', { name: 'Verify again' }).click();
    await shows(page.locator('.verdict'), 'Chain verified');
    await context.close();
});

test('a suspended user\'s open page is closed and says why', async () => {
    const ben = await signIn(stack, browser, users.ben);
    await live(ben.page);
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Users');
    await page.getByRole('link', { name: 'Ben Beta' }).click();
    await page.getByRole('button', { name: 'Suspend' }).click();
    await dialog(page).getByLabel('Reason').fill('Left the company');
    await dialog(page).getByRole('button', { name: 'Suspend' }).click();
    await shows(ben.page.getByRole('alert'), /suspended/, 5000);
    await shows(page.locator('main'), /Suspended\. Left the company/);
    await page.getByRole('button', { name: 'Lift the suspension' }).click();
    await page.getByRole('button', { name: 'Suspend', exact: true }).waitFor();
    assert.deepEqual(seen.errors, []);
    await ben.context.close();
    await context.close();
});

test('impersonation shows its banner, refuses to change anything, and ends', async () => {
    const { page, context } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Users');
    await page.getByRole('link', { name: 'Mia Manager' }).click();
    await page.getByRole('button', { name: 'Impersonate' }).click();
    await dialog(page).getByLabel('Reason').fill('Ticket 4711');
    await dialog(page).getByRole('button', { name: 'Begin' }).click();
    await shows(page.locator('.impersonation'), /Ada Owner, you see this as Mia Manager/);
    await shows(page.locator('.impersonation'), 'Ticket 4711');
    await shows(page.locator('h1'), 'ALPHA');
    const refused = await page.evaluate(async () => {
        const response = await fetch('/v1/me', {
            method: 'PATCH', body: '{"name":"Somebody Else"}',
            headers: { 'content-type': 'application/json' },
        });
        return [response.status, (await response.json()).reason];
    });
    assert.deepEqual(refused, [403, 'impersonating']);
    await page.getByRole('button', { name: 'End impersonation' }).click();
    await page.locator('.impersonation').waitFor({ state: 'detached' });
    await goTo(page, 'Audit');
    await shows(page.locator('.trail'), /Ada Owner as Mia Manager.*Denied/);
    await context.close();
});

test('people come from a CSV file: tried first, then for good', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Users');
    await page.getByRole('button', { name: 'Import CSV' }).click();
    await dialog(page).getByLabel('CSV file').setInputFiles({
        name: 'people.csv', mimeType: 'text/csv',
        buffer: Buffer.from(
            'email,name,partner,role\n' +
                'cleo@example.org,"Cleo, Cutter",ALPHA,developer\nnot-an-address,Nobody,ALPHA,viewer\n',
        ),
    });
    await dialog(page).getByRole('button', { name: 'Check the file' }).click();
    await shows(dialog(page), /Nothing was changed yet.*2 rows, 1 created, 1 error/);
    await shows(dialog(page).locator('tbody tr').first(), /not-an-address Error email/);
    const found = () => stack.sql("SELECT name FROM app.users WHERE email = 'cleo@example.org'");
    assert.deepEqual(await found(), [], 'a trial changes nothing');
    await dialog(page).getByRole('button', { name: 'Import 1 person' }).click();
    await shows(dialog(page), /Imported\. .*1 created, 1 error/);
    assert.deepEqual(await found(), [['Cleo, Cutter']]);
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    await shows(page.locator('.list-table'), 'Cleo, Cutter');
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a person is noted, exported, and erased when his name is typed', async () => {
    const eve = await stack.user({ name: 'Eve Erased', partner: 'BETA', role: 'viewer' });
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await page.goto(`${stack.ingestUrl}/#/users/${eve}`);
    await page.getByLabel('Notes about this account').fill('Calls on Mondays');
    await page.getByRole('button', { name: 'Save the notes' }).click();
    await shows(page.locator('.toasts'), 'The notes are saved');
    const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('link', { name: 'Export personal data' }).click(),
    ]);
    const { user } = JSON.parse(await fs.readFile(await download.path(), 'utf8'));
    assert.equal(user.id, eve);
    assert.equal(user.notes, 'Calls on Mondays');

    await page.getByRole('button', { name: 'Erase personal data' }).click();
    await dialog(page).getByLabel(/^Type/).fill('Eve');
    await dialog(page).getByRole('button', { name: 'Erase for good' }).click();
    await shows(dialog(page), 'This is not the name');
    await dialog(page).getByLabel(/^Type/).fill('Eve Erased');
    await dialog(page).getByRole('button', { name: 'Erase for good' }).click();
    await shows(page.locator('.toasts'), 'The personal data is erased');
    const [[name, notes]] = await stack.sql(
        `SELECT name, coalesce(notes, '') FROM app.users WHERE public_id = '${eve}'`,
    );
    assert.ok(!name.includes('Eve') && notes === '', `${name} ${notes}`);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('an invitation\'s link is shown once, and no good once it is revoked', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Users');
    await page.getByRole('button', { name: 'Invite' }).click();
    await dialog(page).getByLabel('E-mail').fill('dora@example.org');
    await dialog(page).getByLabel('Name').fill('Dora Developer');
    await dialog(page).getByLabel('Partner').fill('alpha');
    await dialog(page).getByLabel('Role').selectOption('developer');
    await dialog(page).getByRole('button', { name: 'Make the invitation' }).click();
    await shows(dialog(page), /#\/invitation\?token=[\w-]{43}/);
    const link = await dialog(page).getByLabel('Invitation link').innerText();
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    await dialog(page).waitFor({ state: 'detached' });
    assert.ok(!(await page.content()).includes('token='));

    await page.getByRole('button', { name: 'Invite' }).click();
    await dialog(page).getByLabel('E-mail').fill('stan@example.org');
    await dialog(page).getByLabel('Name').fill('Stan Staff');
    await dialog(page).getByLabel('Joins').selectOption('staff');
    await dialog(page).getByLabel('Role').selectOption('support');
    await dialog(page).getByRole('button', { name: 'Make the invitation' }).click();
    await dialog(page).getByRole('button', { name: 'Done' }).click();
    const open = page.getByRole('region', { name: 'Open invitations' });
    await shows(open.locator('[data-invitation]', { hasText: 'Stan Staff' }), /stan@example\.org.*Staff support/);
    await shows(open.locator('[data-invitation]', { hasText: 'Dora Developer' }), /dora@example\.org.*ALPHA developer/);
    await open.getByRole('button', { name: 'Revoke the invitation of Dora Developer' }).click();
    await open.locator('[data-invitation]', { hasText: 'Dora Developer' }).waitFor({ state: 'detached' });
    assert.equal(await open.locator('[data-invitation]').count(), 1);
    const late = await openPage(browser);
    await late.page.goto(link.trim());
    await late.page.getByLabel('Password').fill('four quiet birds on a wire');
    await late.page.getByRole('button', { name: 'Accept the invitation' }).click();
    await shows(late.page.getByRole('alert'), /used, expired or unknown/i);
    await late.context.close();
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a custom role is made from what a built-in one has, given, and changed', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Roles');
    const held = (permission, role) =>
        page.locator(`[data-permission="${permission}"] [data-role="${role}"]`).getAttribute('data-held');
    assert.equal(await held('roles.assign', 'staff.owner'), 'true');
    assert.equal(await held('roles.assign', 'partner.developer'), 'false');

    await page.getByRole('button', { name: 'New role' }).click();
    await dialog(page).getByRole('textbox', { name: 'Name' }).fill('Key watcher');
    await dialog(page).getByRole('combobox', { name: 'Narrows' }).selectOption('partner.developer');
    await dialog(page).getByRole('textbox', { name: 'Partner' }).fill('ALPHA');
    await dialog(page).getByRole('checkbox', { name: 'keys.read' }).check();
    assert.equal(await dialog(page).getByRole('checkbox', { name: 'roles.assign' }).count(), 0);
    await dialog(page).getByRole('button', { name: 'Save' }).click();
    await shows(page.locator('.custom-roles'), /Key watcher ALPHA, Partner developer with 1 of/);

    await page.getByRole('button', { name: 'Edit Key watcher' }).click();
    assert.ok(await dialog(page).getByRole('checkbox', { name: 'keys.read' }).isChecked());
    await dialog(page).getByRole('checkbox', { name: 'metrics.read', exact: true }).check();
    await dialog(page).getByRole('button', { name: 'Save' }).click();
    await shows(page.locator('.custom-roles'), /with 2 of its permissions/);

    await page.getByRole('button', { name: 'Delete Key watcher' }).click();
    await dialog(page).getByRole('button', { name: 'Delete' }).click();
    await shows(page.locator('main'), 'None yet');
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('explain says which check fails, and for whom none does', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    await goTo(page, 'Users');
    await page.getByRole('link', { name: 'Mia Manager' }).click();
    await page.getByRole('link', { name: 'Explain a channel' }).click();
    await page.getByRole('combobox', { name: 'Channel' }).fill('metrics:partner:BETA');
    await page.getByRole('button', { name: 'Explain' }).click();
    await shows(page.locator('.explanation'), /Mia Manager may not see this channel/);
    assert.ok((await page.locator('.steps [data-ok="false"]').count()) > 0);
    await page.getByRole('combobox', { name: 'Channel' }).fill('metrics:partner:ALPHA');
    await page.getByRole('button', { name: 'Explain' }).click();
    await shows(page.locator('.explanation'), /Mia Manager may see this channel/);
    const failing = await page.locator('.steps [data-ok="false"] strong').allInnerTexts();
    assert.deepEqual(failing.filter((check) => check !== 'session'), []);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

test('a viewer is offered nothing that he may not do', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.viewer);
    await goTo(page, 'Users');
    await rowOf(page, users.mia).waitFor();
    for (const name of ['Invite', 'Import CSV', 'Export CSV'])
        assert.equal(await page.getByRole('button', { name }).count(), 0, name);
    assert.equal(await page.getByRole('region', { name: 'Open invitations' }).count(), 0);
    await page.getByRole('link', { name: 'Mia Manager' }).click();
    await shows(page.locator('h1'), 'Mia Manager');
    for (const name of ['Edit roles', 'Suspend', 'Impersonate', 'Erase personal data'])
        assert.equal(await page.getByRole('button', { name }).count(), 0, name);
    assert.deepEqual(seen.errors, []);
    await context.close();
});

for (const [colorScheme, width] of [['light', 360], ['dark', 360], ['light', 1366], ['dark', 1366]])
    test(`${width} px, ${colorScheme}: nothing sticks out of the staff pages`, async () => {
        const { page, context, seen } = await signIn(stack, browser, users.owner, {
            colorScheme, viewport: { width, height: 800 },
        });
        const channel = 'metrics:partner:ALPHA';
        for (const hash of ['#/users', `#/users/${users.mia}`, '#/roles', '#/audit',
            `#/explain?user=${users.mia}&channel=${channel}`]) {
            await page.goto(`${stack.ingestUrl}/${hash}`);
            await page.locator('main[aria-busy="false"] .panel').first().waitFor();
            assert.deepEqual(await overflow(page), { pixels: 0, wide: [] }, hash);
        }
        await page.goto(`${stack.ingestUrl}/#/audit`);
        await page.locator('.entry-toggle').first().press('Enter');
        await page.locator('.entry-details').waitFor();
        assert.deepEqual(await overflow(page), { pixels: 0, wide: [] });
        assert.deepEqual(seen.errors, []);
        await context.close();
    });

test('a partner is found, suspended with a reason, and activated', async () => {
    const { page, context, seen } = await signIn(stack, browser, users.owner);
    const partner = (code) => page.locator(`[data-partner="${code}"]`);
    await goTo(page, 'Partner directory');
    await shows(partner('ALPHA'), /ALPHA.*Active/);
    await page.getByRole('searchbox', { name: 'Search' }).fill('bet');
    await partner('ALPHA').waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Suspend BETA' }).click();
    await dialog(page).getByLabel('Reason').fill('Unpaid');
    await dialog(page).getByRole('button', { name: 'Suspend' }).click();
    await shows(partner('BETA'), /Suspended/);
    await until(async () => {
        const { body } = await stack.post('BETA', [stack.event('requested', 'j-1')]);
        return body.reason === 'partner_suspended';
    }, 'its key to be refused', 2000);
    await page.getByRole('button', { name: 'Activate BETA' }).click();
    await shows(partner('BETA'), /Active/);
    assert.deepEqual(seen.errors, []);
    await context.close();

    const viewer = await signIn(stack, browser, users.viewer);
    await goTo(viewer.page, 'Partner directory');
    await shows(viewer.page.locator('[data-partner="BETA"]'), /Active/);
    assert.equal(await viewer.page.getByRole('button', { name: /^Suspend/ }).count(), 0);
    await viewer.context.close();
});
