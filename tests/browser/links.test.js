// Links into a page, and what is copied from it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, desktop, onPage, open, phone } from './browser.js';

/** What a paste gives. */
async function pasted(page) {
  const field = page.locator('[id="filter.text"]');
  await field.fill('');
  await field.focus();
  await page.keyboard.press('Control+V');
  return field.inputValue();
}

const inView = (locator) => locator.evaluate((element) => {
  const { top, bottom } = element.getBoundingClientRect();
  return bottom > 0 && top < window.innerHeight;
});

for (const viewport of [desktop, phone]) {
  for (const name of ['check-all-targets', 'check-six-kernels', 'boot']) {
    test(`${name}: each cell of the matrix leads to its boot, unfolded (${viewport.width})`, onPage(name, { viewport, reducedMotion: 'reduce' }, async (page) => {
      const cells = await page.locator('.matrix .cell').all();
      assert.ok(cells.length > 20);
      for (const cell of [cells[0], cells[1], cells.at(-1)]) {
        await cell.click();
        const chain = page.locator(`[id="${await page.evaluate(() => location.hash.slice(1))}"]`);
        assert.equal(await chain.isVisible(), true);
        assert.equal(await inView(chain), true);
        assert.equal(await chain.evaluate((element) => getComputedStyle(element).outlineStyle), 'solid', 'the target stands out');
      }
    }));
  }
}

test('each finding links to itself', onPage('check', {}, async (page) => {
  for (const finding of await page.locator('.finding').all()) {
    assert.equal(await finding.locator('.anchor').getAttribute('href'), `#${await finding.getAttribute('id')}`);
  }
}));

test('the link to a finding can be copied, and leads there', async () => {
  const { page, close, trouble } = await open(address('check'));
  await page.locator('#lvm-filter-hides-disks .kicker button').click();
  const link = await pasted(page);
  assert.equal(link, `${address('check')}#lvm-filter-hides-disks`);
  await close();
  const second = await open(link, { reducedMotion: 'reduce' });
  assert.equal(await inView(second.page.locator('#lvm-filter-hides-disks')), true);
  assert.deepEqual([...trouble, ...second.trouble], []);
  await second.close();
});

test('a link to a place that is folded away unfolds it', async () => {
  const { page, close } = await open(address('check-many'));
  const id = await page.locator('.more .place').last().getAttribute('id');
  await close();
  const second = await open(`${address('check-many')}#${id}`, { reducedMotion: 'reduce' });
  const place = second.page.locator(`[id="${id}"]`);
  assert.equal(await place.isVisible(), true);
  assert.equal(await inView(place), true);
  await second.close();
});

test('commands are copied as they are', onPage('check', {}, async (page) => {
  const command = page.locator('.command').first();
  await command.locator('button').click();
  await page.locator('#said', { hasText: 'Copied' }).waitFor({ state: 'attached' });
  assert.equal(await pasted(page), await command.locator('code').textContent());
}));

test('commands are copied where the browser keeps its clipboard to itself', async () => {
  const { page, close } = await open(address('check'));
  await page.evaluate(() => Object.defineProperty(navigator, 'clipboard', { value: undefined }));
  const command = page.locator('.command').first();
  await command.locator('button').click();
  await page.locator('#said', { hasText: 'Copied' }).waitFor({ state: 'attached' });
  assert.equal(await pasted(page), await command.locator('code').textContent());
  await close();
});

test('the list of contents and the skip link lead to their parts', onPage('check', { reducedMotion: 'reduce' }, async (page) => {
  for (const link of await page.locator('.contents a').all()) {
    await link.click();
    assert.equal(await inView(page.locator(`[id="${(await link.getAttribute('href')).slice(1)}"]`)), true);
  }
  await page.evaluate(() => { scrollTo(0, 0); document.activeElement.blur(); });
}));
