// What a page can do beyond being read: filter its findings, copy commands and links, unfold what a link leads to and
// what is printed. It loads nothing and writes no markup; without it everything is there and can be seen.
'use strict';

const all = (selector, within = document) => [...within.querySelectorAll(selector)];
const byId = (id) => document.getElementById(id);

/** Tells those who do not see the page. */
function say(text) {
  byId('said').textContent = text;
}

/** Copies `text`; a browser that keeps its clipboard from local files still copies what is selected. */
async function copy(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement('textarea');
    area.className = 'vh';
    area.value = text;
    document.body.append(area);
    area.select();
    const copied = document.execCommand('copy');
    area.remove();
    return copied;
  }
}

/** A button that copies what `text()` gives. */
function copyButton(label, name, text) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'copy-button';
  button.textContent = label;
  button.setAttribute('aria-label', name);
  button.addEventListener('click', async () => {
    const copied = await copy(text());
    button.textContent = copied ? 'Copied' : 'Cannot copy';
    say(copied ? 'Copied to the clipboard' : 'The browser does not let this page copy');
    setTimeout(() => { button.textContent = label; }, 2000);
    button.focus();
  });
  return button;
}

for (const command of all('.command')) {
  const code = command.querySelector('code');
  command.append(copyButton('Copy', 'Copy these lines', () => code.textContent));
}
for (const anchor of all('.anchor')) {
  anchor.after(copyButton('Copy link', `Copy link to ${anchor.textContent}`, () => anchor.href));
}

/** Unfolds everything around `element`. */
function unfold(element) {
  for (let fold = element.closest('details'); fold; fold = fold.parentElement.closest('details')) {
    fold.open = true;
  }
}

// What is folded away on the screen is printed. Style alone does this in browsers that know `::details-content`.
let folded = [];
window.addEventListener('beforeprint', () => {
  folded = all('details:not([open])');
  for (const fold of folded) fold.open = true;
});
window.addEventListener('afterprint', () => {
  for (const fold of folded) fold.open = false;
});

/** The findings' filter. Its state is in the address, as `#?target=kvm&text=lvm`, so that it can be sent on. */
class Filter {
  constructor(bar) {
    this.bar = bar;
    this.text = byId('filter.text');
    this.severities = all('[type=checkbox]', bar);
    this.choices = { target: byId('filter.target'), entry: byId('filter.entry') };
    this.found = byId('filter.found');
    this.reset = byId('filter.reset');
    const jumps = new Map(all('.contents a').map((link) => [link.hash.slice(1), link.parentElement]));
    this.findings = all('.finding').map((element) => new Finding(element, jumps.get(element.id)));
    this.places = this.findings.reduce((sum, finding) => sum + finding.places.length, 0);
    bar.hidden = false;
    bar.addEventListener('change', () => this.changed());
    this.text.addEventListener('input', () => {
      clearTimeout(this.typing);
      this.typing = setTimeout(() => this.changed(), 120);
    });
    this.reset.addEventListener('click', () => {
      this.read(new URLSearchParams());
      this.changed();
      this.text.focus();
    });
  }

  /** What is asked for. */
  wanted() {
    const { target, entry } = this.choices;
    return {
      severities: new Set(this.severities.filter((box) => box.checked).map((box) => box.value)),
      target: target?.selectedOptions[0].dataset.index,
      entry: entry?.value || undefined,
      words: this.text.value.toLowerCase().split(/\s+/).filter(Boolean),
    };
  }

  /** Whether anything but everything is asked for. */
  isActive() {
    const chosen = Object.values(this.choices).some((choice) => choice?.value);
    return chosen || this.text.value.trim() !== '' || this.severities.some((box) => !box.checked);
  }

  changed() {
    this.apply();
    this.write();
  }

  apply() {
    const wanted = this.wanted();
    let [findings, places] = [0, 0];
    for (const finding of this.findings) {
      const shown = finding.apply(wanted);
      findings += shown > 0 ? 1 : 0;
      places += shown;
    }
    for (const severity of all('.severity')) {
      severity.hidden = !severity.querySelector('.finding:not([hidden])');
    }
    const active = this.isActive();
    this.bar.classList.toggle('active', active);
    this.reset.hidden = !active;
    this.found.textContent = active
      ? `${findings} of ${count(this.findings.length, 'problem')}, in ${places} of ${count(this.places, 'place')}`
      : `${count(this.findings.length, 'problem')}, in ${count(this.places, 'place')}`;
  }

  /** Shows everything, if `element` is hidden: a link leads there. */
  uncover(element) {
    if (element.closest('[hidden]')) {
      this.read(new URLSearchParams());
      this.apply();
    }
  }

  /** Takes the state from an address. What it names and the page does not have is left out. */
  read(state) {
    const severities = state.get('severity')?.split(',');
    for (const box of this.severities) box.checked = severities?.includes(box.value) ?? true;
    for (const [name, choice] of Object.entries(this.choices)) {
      if (!choice) continue;
      const options = [...choice.options].map((option) => option.value);
      choice.value = options.includes(state.get(name)) ? state.get(name) : '';
    }
    this.text.value = state.get('text') ?? '';
  }

  write() {
    const state = new URLSearchParams();
    if (this.text.value.trim()) state.set('text', this.text.value.trim());
    if (this.severities.some((box) => !box.checked)) {
      state.set('severity', this.severities.filter((box) => box.checked).map((box) => box.value).join(','));
    }
    for (const [name, choice] of Object.entries(this.choices)) {
      if (choice?.value) state.set(name, choice.value);
    }
    const address = new URL(location.href);
    address.hash = state.size ? `?${state}` : '';
    history.replaceState(null, '', address);
  }
}

/** A finding with its places, as the filter sees it. */
class Finding {
  constructor(element, jump) {
    this.element = element;
    this.jump = jump;
    this.severity = element.dataset.severity;
    this.places = all('[data-targets]', element).map((place) => ({
      element: place,
      targets: place.dataset.targets.split(' '),
      entries: place.dataset.entries.split(' '),
    }));
  }

  /** Reads its texts, once they are asked for: that of each place, and that which all places share. */
  readTexts() {
    if (this.text !== undefined) return;
    for (const place of this.places) place.text = place.element.textContent.toLowerCase();
    const shared = this.element.cloneNode(true);
    for (const place of all('.place', shared)) place.remove();
    this.text = shared.textContent.toLowerCase();
  }

  /** Shows what is wanted of it; gives the number of places that are. */
  apply(wanted) {
    const isWanted = wanted.severities.has(this.severity);
    if (wanted.words.length) this.readTexts();
    const missing = wanted.words.filter((word) => !this.text.includes(word));
    let shown = 0;
    for (const place of this.places) {
      const concerns = (!wanted.target || place.targets.includes(wanted.target))
        && (!wanted.entry || place.entries.includes(wanted.entry));
      place.element.hidden = !(isWanted && concerns && missing.every((word) => place.text.includes(word)));
      shown += place.element.hidden ? 0 : 1;
      if (missing.length && !place.element.hidden) unfold(place.element);
    }
    this.element.hidden = shown === 0;
    if (this.jump) this.jump.hidden = shown === 0;
    return shown;
  }
}

function count(number, noun) {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

const bar = document.querySelector('.filters');
const filter = bar && new Filter(bar);

/** Goes where the address leads: to a state of the filter, or to a place, whatever hides it. */
function follow() {
  const fragment = location.hash.slice(1);
  if (filter && fragment.startsWith('?')) {
    filter.read(new URLSearchParams(fragment.slice(1)));
  }
  filter?.apply();
  const element = byId(decodeURIComponentOr(fragment));
  if (!element) return;
  filter?.uncover(element);
  unfold(element);
  element.scrollIntoView();
}

/** The fragment of an address as an id; one that is not well encoded stands for itself. */
function decodeURIComponentOr(fragment) {
  try {
    return decodeURIComponent(fragment);
  } catch {
    return fragment;
  }
}

window.addEventListener('hashchange', follow);
follow();
