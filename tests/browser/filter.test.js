// The filter of the findings.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, onPage, open, phone } from './browser.js';
import { filtered, ordinary } from './pages.js';

const shown = (page) => page.locator('.finding:visible').count();
const found = (page) => page.locator('[id="filter.found"]');
const field = (page, name) => page.locator(`[id="filter.${name}"]`);

/** Types into the search and waits until the count has changed. */
async function search(page, text) {
  const before = await found(page).textContent();
  await field(page, 'text').fill(text);
  await page.waitForFunction((old) => document.getElementById('filter.found').textContent !== old, before);
}

for (const name of filtered) {
  test(`${name}: a severity that is switched off goes away, in the list of contents too`, onPage(name, {}, async (page) => {
    const worst = await page.locator('.finding').first().getAttribute('data-severity');
    const [all, jumps] = [await shown(page), await page.locator('.contents ul ul li:visible').count()];
    const ofIt = await page.locator(`.finding[data-severity=${worst}]`).count();
    await field(page, worst).uncheck();
    assert.equal(await shown(page), all - ofIt);
    assert.equal(await page.locator('.contents ul ul li:visible').count(), jumps - ofIt);
    assert.match(await found(page).textContent(), new RegExp(`^${all - ofIt} of ${all} problems?`));
  }));
}

test('the findings of one target are those without a target and its own', onPage('check', {}, async (page) => {
  const all = await shown(page);
  await field(page, 'target').selectOption('same');
  const same = await shown(page);
  assert.ok(same > 0 && same < all, `${same} of ${all}`);
  assert.equal(await page.locator('.place:visible:not([data-targets~="1"])').count(), 0);
  await field(page, 'target').selectOption('');
  assert.equal(await shown(page), all);
}));

test('the findings of one boot entry', onPage('check', {}, async (page) => {
  await field(page, 'entry').selectOption('2');
  assert.ok(await shown(page) > 0);
  assert.equal(await page.locator('.place:visible:not([data-entries~="2"])').count(), 0);
  assert.ok(await page.locator('.finding:not(:visible)').count() > 0);
}));

test('a search finds rules, paths and words, in any case and order', onPage('check', {}, async (page) => {
  for (const text of ['lvm-filter-hides-disks', 'etc/lvm/lvm.conf', 'FILTER lvm.conf']) {
    await search(page, text);
    assert.equal(await page.locator('#lvm-filter-hides-disks').isVisible(), true, text);
    assert.ok(await shown(page) < 4, text);
    await search(page, '');
  }
}));

test('a search shows the places that it is about, folded ones too', onPage('check-many', {}, async (page) => {
  const folded = page.locator('.more .place').last();
  const text = (await folded.locator('.at').textContent()).trim();
  assert.equal(await folded.isVisible(), false);
  await search(page, text);
  assert.equal(await folded.isVisible(), true);
}));

test('where nothing fits, this is said and everything can be had back', onPage('check', {}, async (page) => {
  const all = await shown(page);
  await search(page, 'qqqq');
  assert.equal(await shown(page), 0);
  assert.match(await found(page).textContent(), /^0 of /);
  await field(page, 'reset').click();
  assert.equal(await shown(page), all);
  assert.equal(await field(page, 'reset').isVisible(), false);
}));

test('the count is announced', onPage('check', {}, async (page) => {
  assert.equal(await found(page).getAttribute('role'), 'status');
}));

test('it works with the keyboard alone', onPage('check', {}, async (page) => {
  const all = await shown(page);
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  for (let step = 0; step < 6 && !(await page.evaluate(() => document.activeElement.type === 'checkbox')); step += 1) {
    await page.keyboard.press('Tab');
  }
  await page.keyboard.press('Space');
  assert.ok(await shown(page) < all);
  await page.keyboard.press('Space');
  assert.equal(await shown(page), all);
}));

test('its state is in the address and comes back from there', async () => {
  const first = await open(address('check'));
  await field(first.page, 'low').uncheck();
  await field(first.page, 'target').selectOption('kvm');
  await field(first.page, 'entry').selectOption('1');
  await search(first.page, 'boot & more=less #1');
  await search(first.page, 'boot');
  const url = first.page.url();
  const count = await shown(first.page);
  await first.close();
  assert.ok(count > 0);

  const second = await open(url, { viewport: phone });
  assert.equal(await shown(second.page), count);
  assert.equal(await field(second.page, 'target').inputValue(), 'kvm');
  assert.equal(await field(second.page, 'entry').inputValue(), '1');
  assert.equal(await field(second.page, 'text').inputValue(), 'boot');
  assert.equal(await field(second.page, 'low').isChecked(), false);
  assert.deepEqual([...first.trouble, ...second.trouble], []);
  await second.close();
});

for (const fragment of ['#?', '#?target=nowhere&entry=99&severity=dreadful', '#?text=%E0%A4%A', '#%E0%A4%A', '#?text=<img src=x onerror=window.owned=1>']) {
  test(`an address with a state that makes no sense does no harm: ${fragment}`, onPage('check', { fragment }, async (page) => {
    assert.equal(await page.evaluate(() => window.owned), undefined);
    await page.evaluate(() => { location.hash = ''; });
    assert.equal(await field(page, 'target').inputValue(), '');
  }));
}

test('a link to a finding that the filter hides shows it', onPage('check', { fragment: '#?text=qqqq' }, async (page) => {
  assert.equal(await shown(page), 0);
  await page.locator('.next a').click();
  const id = await page.evaluate(() => location.hash.slice(1));
  await page.locator(`[id="${id}"]`).waitFor();
}));

for (const name of ordinary) {
  test(`${name}: without JavaScript there is no filter and every finding`, onPage(name, { javaScriptEnabled: false }, async (page) => {
    assert.equal(await page.locator('.filters:visible, button:visible').count(), 0);
    assert.equal(await page.locator('.finding:not(:visible)').count(), 0);
  }));
}
