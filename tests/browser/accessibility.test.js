// axe-core finds nothing, in light and dark, on a phone and on a desktop, with everything folded and unfolded.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';

import { desktop, onPage, phone } from './browser.js';
import { hostile, ordinary } from './pages.js';

const axe = fs.readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

async function violations(page) {
  await page.evaluate(axe);
  const found = await page.evaluate(async () => {
    // All rules, best practices among them, and the size of targets, which axe leaves out by default.
    const { violations } = await window.axe.run(document, { rules: { 'target-size': { enabled: true } } });
    return violations.flatMap(({ id, nodes }) => nodes.slice(0, 3).map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  });
  return found;
}

const looks = [
  ['light, desktop', { viewport: desktop, colorScheme: 'light' }],
  ['dark, desktop', { viewport: desktop, colorScheme: 'dark' }],
  ['light, phone', { viewport: phone, colorScheme: 'light' }],
  ['dark, phone', { viewport: phone, colorScheme: 'dark' }],
];

/** What is made of the same pieces as the others is looked at once. */
const once = ['check-many', ...hostile];

for (const name of [...ordinary, ...hostile]) {
  for (const [look, options] of once.includes(name) ? looks.slice(-1) : looks) {
    test(`${name}: no violation (${look})`, onPage(name, options, async (page) => {
      assert.deepEqual(await violations(page), []);
    }));
  }
}

for (const name of ['check', 'diff', 'triage']) {
  test(`${name}: no violation with everything unfolded`, onPage(name, {}, async (page) => {
    await page.evaluate(() => document.querySelectorAll('details').forEach((fold) => { fold.open = true; }));
    assert.deepEqual(await violations(page), []);
  }));
}

test('a violation would be found', onPage('check', {}, async (page) => {
  await page.evaluate(() => document.querySelector('main').append(document.createElement('img')));
  assert.match((await violations(page)).join(), /image-alt/);
}));

test('with forced colours, what is chosen is told apart', onPage('check', { forcedColors: 'active' }, async (page) => {
  const background = (label) => label.evaluate((element) => getComputedStyle(element).backgroundColor);
  const label = page.locator('label[for="filter.low"]');
  const chosen = await background(label);
  await page.locator('[id="filter.low"]').uncheck();
  assert.notEqual(await background(label), chosen);
}));

test('with reduced motion, nothing scrolls by itself', onPage('check', { reducedMotion: 'reduce' }, async (page) => {
  assert.equal(await page.evaluate(() => getComputedStyle(document.documentElement).scrollBehavior), 'auto');
}));

test('what has the focus is seen', onPage('check', {}, async (page) => {
  for (let step = 0; step < 40; step += 1) {
    await page.keyboard.press('Tab');
    const [name, outline] = await page.evaluate(() => {
      const element = document.activeElement;
      const shown = element.matches('.pill input') ? element.nextElementSibling : element;
      return [element.outerHTML.slice(0, 80), getComputedStyle(shown).outlineStyle];
    });
    assert.equal(outline, 'solid', name);
  }
}));
