// On paper everything is unfolded, nothing is cut off, and what only a screen needs is gone.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onPage } from './browser.js';
import { ordinary } from './pages.js';

/** A sheet of A4 less its margins of 14 mm, in CSS pixels. */
const sheet = { width: 688, height: 1000 };

for (const name of ordinary) {
  // Without a script there is nothing that unfolds but the style.
  for (const javaScriptEnabled of name === 'check' ? [true, false] : [false]) {
    test(`${name}: on paper${javaScriptEnabled ? '' : ', without JavaScript'}`, onPage(name, { viewport: sheet, javaScriptEnabled }, async (page) => {
      await page.emulateMedia({ media: 'print' });
      const { folded, cut, screenOnly } = await page.evaluate(() => {
        const seen = [...document.querySelectorAll('main *')].filter((element) => element.checkVisibility());
        const hides = (element) => getComputedStyle(element).overflowX !== 'visible';
        const isUnseen = (element) => element.closest('svg') || getComputedStyle(element).clipPath !== 'none';
        return {
          folded: [...document.querySelectorAll('details > :not(summary)')]
            .filter((element) => !element.checkVisibility()).map((element) => element.outerHTML.slice(0, 80)),
          cut: seen.filter((element) => !isUnseen(element) && (element.getBoundingClientRect().right > innerWidth + 1
            || (hides(element) && element.scrollWidth > element.clientWidth + 1))).map((element) => element.outerHTML.slice(0, 80)),
          screenOnly: [...document.querySelectorAll('nav, .filters, button, .skip')]
            .filter((element) => element.checkVisibility()).map((element) => element.className),
        };
      });
      assert.deepEqual(folded, []);
      assert.deepEqual(cut, []);
      assert.deepEqual(screenOnly, []);
    }));
  }
}

test('a page can be made a PDF', onPage('check', {}, async (page) => {
  const pdf = await page.pdf({ format: 'A4', preferCSSPageSize: true });
  assert.equal(pdf.subarray(0, 5).toString(), '%PDF-');
  assert.ok(pdf.length > 10_000);
}));

test('what was unfolded for printing is folded again', onPage('check', {}, async (page) => {
  const open = () => page.locator('details[open]').count();
  const before = await open();
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  assert.equal(await page.locator('details:not([open])').count(), 0);
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  assert.equal(await open(), before);
}));

test('what the filter hides is not printed, and the page says so', onPage('check', { fragment: '#?text=lvm.conf' }, async (page) => {
  await page.emulateMedia({ media: 'print' });
  assert.ok(await page.locator('.finding:visible').count() < 4);
  assert.match(await page.locator('[id="filter.found"]').innerText(), /of \d+ problems/);
}));
