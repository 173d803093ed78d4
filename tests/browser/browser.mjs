// Debian's Chromium on the built web client of a real stack, with everything a page says or receives
// kept, so that tests can ask what must not be there.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';
import { until } from '../flow/harness.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const dist = path.resolve(here, '../../web-client/dist/index.html');

/** Of ingest: a test signs in more often than a person would. */
export const manySignIns = { sign_in_rate: 1000 };

const day = 86_400_000;

/** Returns when no midnight (UTC) is near, so that what a file of tests does falls into one day. */
export const awayFromMidnight = () =>
    until(() => Date.now() % day > 60_000 && Date.now() % day < day - 180_000, 'midnight to be over', 300_000);

export async function launch() {
    if (!fs.existsSync(dist))
        throw new Error('web-client/dist is missing: npm ci && npm run build in web-client');
    return chromium.launch({
        executablePath: process.env.MH_CHROMIUM ?? '/usr/bin/chromium',
        headless: true,
        args: [
            '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync',
        ],
    });
}

/** A page in a profile of its own. What `seen` holds grows while it lives. */
export async function openPage(browser, options = {}) {
    const context = await browser.newContext({
        viewport: { width: 1440, height: 900 }, locale: 'en-GB', colorScheme: 'light',
        reducedMotion: 'reduce', ...options,
    });
    context.setDefaultTimeout(15_000);
    const page = await context.newPage();
    const seen = { errors: [], frames: [], bodies: [], sockets: 0 };
    page.on('console', (message) => {
        if (message.type() === 'error') seen.errors.push(message.text());
    });
    page.on('pageerror', (error) => seen.errors.push(String(error)));
    page.on('websocket', (socket) => {
        seen.sockets += 1;
        socket.on('framereceived', ({ payload }) => seen.frames.push(String(payload)));
    });
    page.on('response', (response) => {
        const { pathname } = new URL(response.url());
        if (pathname.startsWith('/v1/'))
            response.text().then((text) => seen.bodies.push(text), () => {});
    });
    return { page, context, seen };
}

/** Opens a fresh one-time link of `user` (public id) and waits for the page behind it. */
export async function signIn(stack, browser, user, options) {
    const opened = await openPage(browser, options);
    await opened.page.goto(await stack.link(user));
    await opened.page.locator('.menu summary').waitFor();
    return opened;
}

export function live(page) {
    return page.locator('.status[data-phase="live"]').waitFor();
}

export function kpi(page, name) {
    return page.locator(`[data-kpi="${name}"]`);
}

/** Waits until the element's text, blanks made plain, matches. */
export async function shows(locator, pattern, ms = 15_000) {
    const deadline = Date.now() + ms;
    let text = '';
    for (;;) {
        text = (await locator.innerText({ timeout: ms }).catch(() => '')).replace(/\s+/g, ' ').trim();
        if (pattern instanceof RegExp ? pattern.test(text) : text.includes(pattern)) return text;
        if (Date.now() > deadline) throw new Error(`waited ${ms} ms for ${pattern}, shown: ${text}`);
        await new Promise((resolve) => setTimeout(resolve, 25));
    }
}

/** Pixels by which the page is wider than the screen, and who is to blame. */
export function overflow(page) {
    return page.evaluate(() => {
        const { scrollWidth, clientWidth } = document.documentElement;
        const wide = [...document.querySelectorAll('body *')]
            .filter((one) => one.getBoundingClientRect().right > clientWidth + 1)
            .filter((one) => !one.closest('.scroll, pre, .visually-hidden, .skip'))
            .map((one) => `${one.tagName}.${one.getAttribute('class')}`);
        return { pixels: scrollWidth - clientWidth, wide: wide.slice(0, 5) };
    });
}
