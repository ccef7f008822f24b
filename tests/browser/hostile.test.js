// A system that tries to get something run or loaded gets its texts shown and nothing else.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { address, onPage, open } from './browser.js';
import { payloads } from './hostile.js';
import { hostile } from './pages.js';

/** Elements and attributes that no page of bootproof has. */
const foreign = 'img, iframe, object, embed, base, form, audio, video, main script, main style, main meta, main link';

for (const name of hostile) {
  // The page's policy would stop what its escaping lets through; without it the escaping has to hold alone.
  for (const bypassCSP of [false, true]) {
    test(`${name}: nothing is run or loaded${bypassCSP ? ', even without its policy' : ''}`, onPage(name, { bypassCSP }, async (page) => {
      await page.mouse.wheel(0, 9000);
      await page.evaluate(() => {
        for (const fold of document.querySelectorAll('details')) fold.open = true;
        for (const element of document.querySelectorAll('a, button, input, [tabindex]')) element.focus();
      });
      assert.equal(await page.evaluate(() => window.owned), undefined);
    }));
  }

  test(`${name}: no element, handler or address comes from the system`, onPage(name, {}, async (page) => {
    assert.equal(await page.locator(foreign).count(), 0);
    const strange = await page.evaluate(() => {
      const attributes = [...document.querySelectorAll('*')].flatMap((element) => [...element.attributes]);
      return attributes
        .filter(({ name, value }) => name.startsWith('on') || name === 'autofocus' || (name === 'href' && /^\s*(javascript|vbscript|data:text)/i.test(value)))
        .map(({ name, value }) => `${name}=${value}`);
    });
    assert.deepEqual(strange, []);
  }));

  test(`${name}: no character reorders or hides the text`, onPage(name, {}, async (page) => {
    const text = await page.evaluate(() => document.documentElement.outerHTML);
    assert.doesNotMatch(text, /[\u202a-\u202e\u2066-\u2069\u200b-\u200f\ufeff]/);
  }));
}

test('the texts are shown as they are', onPage('hostile-check', {}, async (page) => {
  await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; }));
  const text = await page.locator('#house').innerText();
  for (const payload of payloads.filter((payload) => payload.startsWith('<') || payload.includes('{{'))) {
    assert.ok(text.includes(payload), payload);
  }
  assert.ok(!text.includes('1337'), 'no template of the system is filled in');
}));

test('rules that are called as the parts of the page are told apart from them', onPage('hostile-check', {}, async (page) => {
  for (const [part, rule] of [['boots', 'boots-2'], ['findings', 'findings-2'], ['open', 'open-2']]) {
    assert.equal(await page.locator(`section#${part}`).count(), 1);
    assert.equal(await page.locator(`article#${rule}`).count(), 1);
  }
}));

test('a finding with a hostile name can be linked, filtered and copied', async () => {
  const { page, trouble, close } = await open(address('hostile-check'));
  await page.locator('[id="filter.target"]').selectOption({ index: 2 });
  await page.locator('[id="filter.text"]').fill(payloads[0]);
  await page.waitForFunction(() => location.hash.includes('text='));
  const url = page.url();
  const count = await page.locator('.finding:visible').count();
  assert.ok(count > 0);
  await close();
  const second = await open(url, { bypassCSP: true });
  assert.equal(await second.page.locator('.finding:visible').count(), count);
  await second.page.locator('.finding:visible .copy-button').first().click();
  assert.equal(await second.page.evaluate(() => window.owned), undefined);
  assert.deepEqual([...trouble, ...second.trouble], []);
  await second.close();
});
