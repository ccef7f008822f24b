// What holds for every page: it keeps to itself, says what it is, and each link in it leads somewhere.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { onPage } from './browser.js';
import { pages } from './pages.js';

for (const name of Object.keys(pages)) {
  // That it asks nothing of the network and that the console stays empty is what `onPage` sees to.
  test(`${name}: keeps to itself, and says what it is`, onPage(name, {}, async (page) => {
    await page.mouse.wheel(0, 4000);
    const said = await page.evaluate(() => ({
      language: document.documentElement.lang,
      title: document.title,
      heading: document.querySelector('h1').textContent,
      description: document.querySelector('meta[name=description]').content,
      scheme: document.querySelector('meta[name=color-scheme]').content,
      icon: document.querySelector('link[rel=icon]').href.split(',')[0],
    }));
    assert.equal(said.language, 'en');
    assert.ok(said.title.includes(said.heading), said.title);
    assert.ok(said.title.length > said.heading.length, 'the title names the system, too');
    assert.ok(said.description.length > 20, said.description);
    assert.equal(said.scheme, 'light dark');
    assert.equal(said.icon, 'data:image/svg+xml');
  }));

  test(`${name}: ids are unique, and links, labels and references lead somewhere`, onPage(name, {}, async (page) => {
    const { doubled, astray } = await page.evaluate(() => {
      const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
      const known = new Set(ids);
      const named = [];
      for (const link of document.querySelectorAll('a[href^="#"]:not([href^="#?"])')) named.push(link.getAttribute('href').slice(1));
      for (const use of document.querySelectorAll('use')) named.push(use.getAttribute('href').slice(1));
      for (const label of document.querySelectorAll('label[for]')) named.push(label.htmlFor);
      for (const element of document.querySelectorAll('[aria-labelledby]')) {
        named.push(...element.getAttribute('aria-labelledby').split(' '));
      }
      return {
        doubled: ids.filter((id, index) => ids.indexOf(id) !== index),
        astray: named.filter((id) => !known.has(id)),
      };
    });
    assert.deepEqual(doubled, []);
    assert.deepEqual(astray, []);
  }));
}
