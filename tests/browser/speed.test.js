// Two thousand findings open and filter fast. The bounds are loose, for machines under load; the numbers are printed.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, open } from './browser.js';

test('a page with two thousand findings is quick', async (t) => {
  const start = performance.now();
  const { page, trouble, close } = await open(address('check-many'));
  const opened = performance.now() - start;
  const places = await page.locator('.place').count();
  assert.ok(places >= 2000, `${places}`);

  const filter = await page.evaluate(async () => {
    const begin = performance.now();
    const choice = document.getElementById('filter.target');
    choice.value = 'aws-nitro';
    choice.dispatchEvent(new Event('change', { bubbles: true }));
    await new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); });
    return performance.now() - begin;
  });
  const visible = await page.locator('.finding:visible').count();
  assert.ok(visible > 0 && visible < 500, `${visible}`);
  t.diagnostic(`${places} places: opened in ${Math.round(opened)} ms, filtered in ${Math.round(filter)} ms`);
  assert.ok(opened < 20_000 && filter < 5_000, `${opened} ms, ${filter} ms`);
  assert.deepEqual(trouble, []);
  await close();
});
