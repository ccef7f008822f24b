// The page of a fleet: search, filters and order of the table, links to a state of it, keys, and one host.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, onPage, open, phone } from './browser.js';

const field = (page, name) => page.locator(`[id="fleet.${name}"]`);
const found = (page) => field(page, 'found').innerText();
const names = (page) => page.locator('.live .host').allInnerTexts();
const firstNames = async (page) => (await names(page)).slice(0, 10);

test('the first hosts are there without JavaScript, and how to see the others', onPage('fleet', { javaScriptEnabled: false }, async (page) => {
  assert.equal(await page.locator('.hosts tbody tr').count(), 100);
  assert.match(await page.locator('[id="fleet.more"]').innerText(), /first 100 of 300 hosts/);
  assert.equal(await field(page, 'filters').isVisible(), false);
}));

test('only the rows that are seen are made', onPage('fleet', {}, async (page) => {
  assert.equal(await found(page), '300 hosts');
  assert.equal(await page.locator('[id="fleet.table"]').getAttribute('aria-rowcount'), '301');
  const seen = await page.locator('.live tr.row').count();
  assert.ok(seen > 10 && seen < 60, `${seen}`);
  await page.locator('.live').evaluate((element) => { element.scrollTop = element.scrollHeight; });
  await page.locator('tr[aria-rowindex="301"]').waitFor();
  assert.equal((await names(page)).at(-1), 'web100.example.com');
}));

for (const [text, expected] of [
  ['db001', 1], ['DB00 example', 9], ['red hat', 100], ['multipath', 100], ['fail', 200], ['pass mail', 100], ['no-such-thing', 0],
]) {
  test(`«${text}» finds ${expected}`, onPage('fleet', {}, async (page) => {
    await field(page, 'text').fill(text);
    assert.match(await found(page), new RegExp(`^${expected} of 300 hosts`));
    await page.getByRole('button', { name: 'Show all' }).click();
    assert.equal(await found(page), '300 hosts');
  }));
}

/** Waits until the page counts as many hosts: an address that changes is acted on a little later. */
async function counts(page, wanted) {
  const number = async () => (await found(page)).split(' ')[0];
  for (let tries = 0; tries < 100 && (await number()) !== wanted; tries += 1) await page.waitForTimeout(30);
  assert.equal(await number(), wanted);
}

test('a link to a wave, a rule or a target shows the hosts that it counts', onPage('fleet', { reducedMotion: 'reduce' }, async (page) => {
  for (const link of await page.locator('.waves td a').all()) {
    const counted = await link.innerText();
    await link.click();
    await counts(page, counted);
  }
  const rule = page.locator('details.rule').first();
  const counted = await rule.locator('.rule-count b').textContent();
  await rule.locator('summary').click();
  await rule.locator('.show-hosts').click();
  await counts(page, counted);
  assert.ok(await page.locator('#hosts').evaluate((element) => Math.abs(element.getBoundingClientRect().top) < 100));
}));

test('what is asked for is in the address and comes back with it', async () => {
  const { page, close } = await open(address('fleet'));
  await field(page, 'text').fill('example');
  await field(page, 'target').selectOption('vmware');
  await field(page, 'wave').selectOption('blocked');
  await page.getByRole('button', { name: 'Worst' }).click();
  await page.getByRole('button', { name: 'Worst' }).click();
  const [url, said, rows] = [page.url(), await found(page), await firstNames(page)];
  await close();
  const second = await open(url);
  assert.equal(await found(second.page), said);
  assert.deepEqual(await firstNames(second.page), rows);
  assert.equal(await second.page.locator('[aria-sort=descending]').innerText(), 'Worst');
  assert.deepEqual(second.trouble, []);
  await second.close();
});

test('each column orders the hosts, and back', onPage('fleet', {}, async (page) => {
  for (const head of await page.locator('.live thead button').all()) {
    const column = head.locator('..');
    await head.click();
    const first = await column.getAttribute('aria-sort');
    await head.click();
    assert.deepEqual([first, await column.getAttribute('aria-sort')].sort(), ['ascending', 'descending']);
    assert.equal(await page.locator('[aria-sort]').count(), 1);
  }
}));

test('keys do what the mouse does', onPage('fleet', {}, async (page) => {
  await page.keyboard.press('/');
  await page.keyboard.type('web');
  assert.match(await found(page), /^100 of/);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  await page.locator('.live .host').first().focus();
  for (let step = 0; step < 40; step += 1) await page.keyboard.press('ArrowDown');
  assert.equal(await focused(), 'web041.example.com');
  await page.keyboard.press('End');
  assert.equal(await focused(), 'web100.example.com');
  await page.keyboard.press('Home');
  assert.equal(await focused(), 'web001.example.com');
  await page.keyboard.press('Enter');
  assert.equal(await page.getByRole('dialog', { name: 'web001.example.com' }).isVisible(), true);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('dialog').isVisible(), false);
  assert.equal(await focused(), 'web001.example.com');
}));

test('a host tells its boots and findings, can be linked, and leads to its own page', async () => {
  const { page, close } = await open(address('fleet'));
  await field(page, 'text').fill('mail001');
  await page.locator('.live .host').first().click();
  assert.match(await page.getByRole('link', { name: 'Open its own page' }).getAttribute('href'), /^\.\.?\/.*debian12-vm-0000\.html$/);
  const url = page.url();
  await close();
  const second = await open(url);
  const dialog = second.page.getByRole('dialog', { name: 'mail001.example.com' });
  assert.equal(await dialog.isVisible(), true);
  assert.ok(await dialog.locator('.hits li').count() >= 3);
  assert.ok(await dialog.locator('tbody tr').count() >= 2);
  assert.deepEqual(second.trouble, []);
  await second.close();
});

test('what was not counted is on the page with its place', onPage('fleet', { viewport: phone }, async (page) => {
  assert.match(await page.locator('#not-counted').innerText(), /cut\.json:1:39\s*the report ends here/);
}));

test('rows are put on paper, not only those that are seen', onPage('fleet', {}, async (page) => {
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  assert.equal(await page.locator('tr.row').count(), 300);
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  assert.ok(await page.locator('tr.row').count() < 60);
}));

test('a hostile host is shown as it is called', onPage('hostile-fleet', { bypassCSP: true }, async (page) => {
  for (let row = 0; row < await page.locator('.live .host').count(); row += 1) {
    await page.locator('.live .host').nth(row).click();
    await page.keyboard.press('Escape');
  }
  assert.equal(await page.evaluate(() => window.owned), undefined);
  assert.ok((await names(page)).includes('<svg onload=window.owned=1>'));
}));
