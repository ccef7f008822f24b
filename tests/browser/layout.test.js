// No page is wider than its window; what is long scrolls or breaks within itself.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onPage, phone } from './browser.js';
import { pages } from './pages.js';

const widths = [320, 360, 768, 1440];

for (const name of Object.keys(pages)) {
  test(`${name}: fits its window at ${widths.join(', ')}`, onPage(name, {}, async (page) => {
    await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; }));
    for (const width of widths) {
      await page.setViewportSize({ width, height: 740 });
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width, `${width}`);
      const outside = await page.evaluate(() => [...document.querySelectorAll('h1, h2, h3, p, dd, li, .finding, .command, .filters')]
        .filter((element) => element.checkVisibility() && !element.closest('.vh, .scroll') && element.getBoundingClientRect().right > innerWidth + 1)
        .map((element) => element.outerHTML.slice(0, 100)));
      assert.deepEqual(outside, [], `${width}`);
    }
  }));
}

for (const name of ['check-all-targets', 'check-six-kernels']) {
  test(`${name}: the matrix fits a phone`, onPage(name, { viewport: phone }, async (page) => {
    const [inner, outer] = await page.locator('.scroll').evaluate((element) => [element.scrollWidth, element.clientWidth]);
    assert.ok(inner <= outer + 1, `${inner} in ${outer}`);
    for (const cell of await page.locator('.matrix .cell').all()) {
      const { width, height } = await cell.boundingBox();
      assert.ok(width >= 24 && height >= 24, 'a finger hits it');
    }
  }));
}

test('headers of the matrix say what they are for', onPage('check-six-kernels', {}, async (page) => {
  assert.equal(await page.locator('.matrix th:not([scope])').count(), 0);
  assert.ok(await page.locator('.matrix tbody th[scope=row]').count() > 20);
}));
