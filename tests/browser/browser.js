// A page in Chromium, watched: what it asks of the network, and what the browser complains about.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { pathToFileURL } from 'node:url';

import { chromium } from 'playwright-core';

import { pageFile } from './pages.js';

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: [
    '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
    '--disable-background-networking', '--disable-component-update', '--disable-sync',
  ],
});
after(() => browser.close());

/** The sizes of a phone and of a desktop's window. */
export const phone = { width: 360, height: 740 };
export const desktop = { width: 1440, height: 900 };

/** The address of a page made by `make-pages.js`. */
export const address = (name) => pathToFileURL(pageFile(name)).href;

/**
 * Opens `url` in a context of its own and lists in `trouble` every request but that for the page itself, every error
 * and warning on the console, and every exception.
 */
export async function open(url, { viewport = desktop, ...options } = {}) {
  const context = await browser.newContext({ viewport, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(10_000);
  const trouble = [];
  page.on('request', (request) => {
    const asked = request.url();
    if (asked.split('#')[0] !== url.split('#')[0] && !asked.startsWith('data:')) trouble.push(`request: ${asked}`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) trouble.push(`${message.type()}: ${message.text()}`);
  });
  page.on('pageerror', (error) => trouble.push(`exception: ${error.message}`));
  await page.goto(url, { timeout: 60_000 });
  return { page, trouble, close: () => context.close() };
}

/** A test that runs `body` on the page `name` and in which the page must give no trouble. */
export function onPage(name, options, body) {
  return async (t) => {
    const { page, trouble, close } = await open(address(name) + (options.fragment ?? ''), options);
    try {
      await body(page, t);
      assert.deepEqual(trouble, []);
    } finally {
      await close();
    }
  };
}
