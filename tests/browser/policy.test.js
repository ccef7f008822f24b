// The pages' Content-Security-Policy holds, and a breach of it would be noticed here.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';

import { onPage, open } from './browser.js';
import { pageFile, pages, work } from './pages.js';

for (const name of Object.keys(pages)) {
  test(`${name}: allows itself one style, one script and nothing else`, onPage(name, {}, async (page) => {
    const policy = await page.locator('meta[http-equiv=Content-Security-Policy]').getAttribute('content');
    assert.match(policy, /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; script-src 'sha256-[\w+/]{43}='; img-src data:; base-uri 'none'; form-action 'none'$/);
    assert.equal(await page.locator('script:not([type="application/json"])').count(), 1);
    assert.equal(await page.locator('style').count(), 1);
    assert.equal(await page.locator('[style]:not(.gap), form, iframe, object, embed, link:not([rel=icon]), [src]').count(), 0);
  }));
}

const breaches = {
  'a script in the page': ['<script>window.owned = 1</script>', /script/],
  'a handler in an attribute': ['<img src="data:," onerror="window.owned = 1">', /script|handler/],
  'a script from elsewhere': ['<script src="https://example.com/x.js"></script>', /script/],
  'a picture from elsewhere': ['<img src="https://example.com/x.png" alt="">', /img-src/],
  'a style in an attribute': ['<p style="color: red">x</p>', /style/],
  'a font from elsewhere': ['<style>@font-face { font-family: x; src: url(https://example.com/x.woff) }</style>', /style/],
  'a frame': ['<iframe src="https://example.com/"></iframe>', /frame|default-src/],
};

for (const [breach, [markup, complaint]] of Object.entries(breaches)) {
  test(`${breach} is refused, and seen by these tests`, async () => {
    const file = path.join(work, `${breach.replaceAll(' ', '-')}.html`);
    fs.writeFileSync(file, fs.readFileSync(pageFile('check'), 'utf8').replace('<main>', `<main>${markup}`));
    const { page, trouble, close } = await open(pathToFileURL(file).href);
    await page.waitForTimeout(100);
    assert.equal(await page.evaluate(() => window.owned), undefined);
    assert.match(trouble.join('\n'), complaint);
    assert.match(trouble.join('\n'), /Content Security Policy/);
    await close();
  });
}
