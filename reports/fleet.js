// The table of hosts: search, filters and order over ten thousand hosts, of which only the rows that are seen are made.
// Its state is in the address, as `#?target=kvm&wave=blocked`, so that it can be sent on. Text of the hosts is set as
// text and never as markup.

/** An element with a class, and children or text. */
function make(name, className, ...children) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A host on a target, from the number in which the page's data has it. */
function decodeCell(code) {
  return { outcome: code & 3, step: ((code >> 2) & 15) - 1, wave: (code >> 6) & 3, worst: (code >> 8) & 7, fails: code >> 11 };
}

const OUTCOMES = ['boots', 'fails', 'unknown', 'unknown'];
const SEVERITIES = ['', 'blocker', 'high', 'medium', 'low', 'info'];
/** Rows above and below the seen ones that are made, too. */
const SPARE = 8;
/** Rows that are put on paper. */
const PRINTED = 2000;

/** The hosts as the data has them, and what is asked of them. */
class Hosts {
  constructor(data) {
    Object.assign(this, data);
    this.cells = data.cells.map((cells) => cells.map((cell) => cell && { ...decodeCell(cell[0]), entry: cell[1] }));
    this.all = data.hosts.map(([name, report, system, flags, cells, findings, others, page], index) => ({
      index, name, report, flags, others, page, findings,
      system: system < 0 ? 'unknown' : this.systems[system],
      cells: this.cells[cells],
    }));
    for (const host of this.all) {
      host.worst = Math.min(...host.cells.map((cell) => (cell && cell.worst) || 9));
      host.fails = this.gated && host.cells.some((cell) => cell && cell.fails);
    }
    this.ruleNames = this.rules.map(([id]) => id.toLowerCase());
  }

  /** What words are looked for in; made at the first search. */
  text(host) {
    const waves = host.cells.flatMap((cell) => (cell ? [this.waves[cell.wave]] : []));
    host.text ??= [host.name, host.report, host.system, host.fails ? 'fail' : 'pass', ...new Set(waves)]
      .join('\n').toLowerCase();
    return host.text;
  }

  /** The lists of findings in which `isWanted` is true of one; hosts that were found alike share a list. */
  listsWith(isWanted) {
    return this.findings.map((findings) => findings.some(isWanted));
  }

  /** The hosts that `wanted` asks for, in its order. */
  select({ text, target, wave, rule, sort }) {
    const on = this.targets.indexOf(target);
    const waveIndex = this.waveKeys.indexOf(wave);
    const ruleIndex = this.rules.findIndex(([id]) => id === rule);
    const concerns = (finding) => on < 0 || finding[1] === 0 || finding[1] === on + 1;
    const hit = rule && this.listsWith((finding) => finding[0] === ruleIndex && concerns(finding));
    const words = text.toLowerCase().split(/\s+/).filter(Boolean).map((word) => {
      const rules = new Set(this.ruleNames.flatMap((name, index) => (name.includes(word) ? [index] : [])));
      return { word, lists: this.listsWith((finding) => rules.has(finding[0])) };
    });
    const inWave = (cell) => cell && (waveIndex < 0 || cell.wave === waveIndex);
    const isWanted = (host) => (!hit || hit[host.findings])
      && (on >= 0 ? inWave(host.cells[on]) : waveIndex < 0 || host.cells.some(inWave))
      && words.every(({ word, lists }) => lists[host.findings] || this.text(host).includes(word));
    return this.sorted(this.all.filter(isWanted), sort);
  }

  sorted(hosts, sort) {
    const descending = sort.startsWith('-');
    const key = this.key(sort.replace(/^-/, ''));
    if (!key) return hosts;
    const keys = new Map(hosts.map((host) => [host, key(host)]));
    const compare = (a, b) => {
      const [first, second] = [keys.get(a), keys.get(b)];
      if (first === second) return a.index - b.index;
      return (first < second ? -1 : 1) * (descending ? -1 : 1);
    };
    return hosts.sort(compare);
  }

  /** What is compared when the table is ordered by a column. */
  key(column) {
    if (column === 'name') return (host) => host.index;
    if (column === 'system') return (host) => host.system;
    if (column === 'worst') return (host) => host.worst;
    if (column === 'verdict') return (host) => (host.fails ? 0 : 1);
    const target = this.targets.indexOf(column.replace(/^target\./, ''));
    if (target < 0) return undefined;
    return (host) => {
      const cell = host.cells[target];
      return cell ? cell.wave * 100 + cell.outcome * 20 + cell.step : 1000;
    };
  }

  label(cell) {
    if (cell.outcome === 1) return cell.step < 0 ? 'fails' : `fails: ${this.steps[cell.step]}`;
    return ['boots', '', 'unknown', 'no entry'][cell.outcome];
  }
}

/** The sign of an outcome. */
function icon(outcome) {
  const space = 'http://www.w3.org/2000/svg';
  const svg = document.createElementNS(space, 'svg');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(space, 'use');
  use.setAttribute('href', `#i-${outcome === 'boots' ? 'ok' : outcome}`);
  svg.append(use);
  return svg;
}

/** The table: makes the rows that are seen, and keeps the focus where it is. */
class Table {
  constructor(hosts, open) {
    this.hosts = hosts;
    this.open = open;
    this.scroll = byId('fleet.scroll');
    this.table = byId('fleet.table');
    this.body = this.table.tBodies[0];
    this.columns = this.table.tHead.rows[0].cells.length;
    this.rows = [];
    this.made = [0, 0];
    this.scroll.classList.add('live');
    byId('fleet.more')?.remove();
    let asked = 0;
    this.scroll.addEventListener('scroll', () => {
      cancelAnimationFrame(asked);
      asked = requestAnimationFrame(() => this.draw());
    }, { passive: true });
    window.addEventListener('resize', () => this.draw());
    this.body.addEventListener('keydown', (event) => this.move(event));
    window.addEventListener('beforeprint', () => this.make(0, Math.min(this.rows.length, PRINTED)));
    window.addEventListener('afterprint', () => { this.made = [0, 0]; this.draw(); });
  }

  show(rows) {
    this.rows = rows;
    this.made = [-1, -1];
    this.table.setAttribute('aria-rowcount', rows.length + 1);
    this.scroll.scrollTop = 0;
    this.draw();
  }

  rowHeight() {
    const row = this.body.querySelector('tr.row');
    return row ? row.getBoundingClientRect().height : 56;
  }

  /** Makes the rows that are seen, unless they are there. */
  draw() {
    const height = this.rowHeight();
    const top = Math.floor(this.scroll.scrollTop / height);
    const bottom = Math.ceil((this.scroll.scrollTop + this.scroll.clientHeight) / height);
    const first = Math.max(0, top - SPARE);
    const last = Math.min(this.rows.length, bottom + SPARE);
    const [madeFirst, madeLast] = this.made;
    const isSeen = madeFirst <= Math.max(0, top - SPARE / 2) && madeLast >= Math.min(this.rows.length, bottom + SPARE / 2);
    if (this.made[0] < 0 || !isSeen) this.make(first, last);
  }

  make(first, last) {
    const focused = document.activeElement?.closest?.('#fleet\\.table tr.row')?.dataset.index;
    const rows = this.rows.slice(first, last).map((host, index) => this.row(host, first + index));
    if (this.rows.length === 0) {
      const cell = make('td', '', 'No host is like that.');
      cell.colSpan = this.columns;
      rows.push(make('tr', 'nobody', cell));
    }
    const [above, below] = [this.gap(), this.gap()];
    this.body.replaceChildren(above, ...rows, below);
    // How high rows are is known once there are some.
    const height = this.rowHeight();
    this.stretch(above, first * height);
    this.stretch(below, (this.rows.length - last) * height);
    this.made = [first, last];
    this.body.querySelector(`tr[data-index="${focused}"] button`)?.focus({ preventScroll: true });
  }

  /** Stands for rows that are not seen. */
  gap() {
    const cell = make('td');
    cell.colSpan = this.columns;
    const row = make('tr', 'gap', cell);
    row.setAttribute('aria-hidden', 'true');
    return row;
  }

  stretch(gap, height) {
    gap.hidden = height <= 0;
    if (height > 0) gap.style.height = `${height}px`;
  }

  row(host, index) {
    const button = make('button', 'host', host.name);
    button.type = 'button';
    button.title = host.name;
    button.addEventListener('click', () => this.open(host));
    const beside = host.flags ? make('span', 'quiet', host.report) : null;
    const name = make('th', '', button, beside);
    name.scope = 'row';
    const system = make('td', 'system', host.system);
    system.title = host.system;
    const worst = SEVERITIES[host.worst] ? make('span', `severity-name sev-${SEVERITIES[host.worst]}`, SEVERITIES[host.worst]) : make('span', 'quiet', 'nothing');
    const verdict = host.fails ? 'fail' : 'pass';
    const row = make('tr', 'row', name, system, ...host.cells.map((cell) => this.cell(cell)),
      make('td', 'worst', worst), make('td', 'result', make('span', `seal ${verdict}`, verdict)));
    row.dataset.index = index;
    row.setAttribute('aria-rowindex', index + 2);
    return row;
  }

  cell(cell) {
    if (!cell) return make('td', 'on', make('span', 'quiet', 'not asked'));
    const outcome = OUTCOMES[cell.outcome];
    const label = this.hosts.label(cell);
    const chip = make('span', `cell ${outcome}`, icon(outcome), make('span', '', label));
    chip.title = label;
    return make('td', 'on', chip, make('span', `wave ${this.hosts.waveKeys[cell.wave]}`, this.hosts.waves[cell.wave]));
  }

  /** Puts the focus on a row, which is scrolled to where it is seen. */
  focus(index) {
    if (index < 0 || index >= this.rows.length) return;
    const height = this.rowHeight();
    const head = this.table.tHead.getBoundingClientRect().height;
    const [top, room] = [index * height, this.scroll.clientHeight - head - height];
    if (top < this.scroll.scrollTop) this.scroll.scrollTop = top;
    if (top > this.scroll.scrollTop + room) this.scroll.scrollTop = top - room;
    this.draw();
    this.body.querySelector(`tr[data-index="${index}"] button`)?.focus({ preventScroll: true });
  }

  move(event) {
    const row = event.target.closest('tr.row');
    const page = Math.max(1, Math.floor(this.scroll.clientHeight / this.rowHeight()) - 2);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -Infinity, End: Infinity };
    const step = steps[event.key];
    if (!row || step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    this.focus(Math.min(this.rows.length - 1, Math.max(0, Number(row.dataset.index) + step)));
  }
}

/** What is known of one host, over the page. */
class Detail {
  constructor(hosts, closed) {
    this.hosts = hosts;
    this.dialog = byId('fleet.host');
    this.inner = byId('fleet.host.inner');
    this.dialog.addEventListener('close', closed);
    this.dialog.addEventListener('click', (event) => {
      if (event.target === this.dialog) this.dialog.close();
    });
  }

  show(host) {
    const title = make('h2', '', host.name);
    title.id = 'fleet.host.title';
    const close = make('button', '', 'Close');
    close.type = 'button';
    close.addEventListener('click', () => this.dialog.close());
    const facts = make('dl', 'facts', this.fact('System', host.system), this.fact('Report', this.report(host)));
    this.inner.replaceChildren(make('div', 'host-head', title, close), facts, this.boots(host), ...this.findings(host));
    if (!this.dialog.open) this.dialog.showModal();
    this.dialog.scrollTop = 0;
  }

  fact(name, value) {
    return make('div', '', make('dt', '', name), make('dd', '', value));
  }

  /** The path of the report, which leads to the page beside it if there is one. */
  report(host) {
    if (!host.page) return make('code', '', host.report);
    const link = make('a', '', 'Open its own page');
    link.href = host.page;
    const both = make('span', '', link, ' ', make('code', 'quiet', host.report));
    return both;
  }

  boots(host) {
    const { targets, entries } = this.hosts;
    const line = (target, entry, label, outcome, wave) => {
      const name = make('th', '', target);
      name.scope = 'row';
      return make('tr', '', name, make('td', '', make('span', `cell ${outcome}`, icon(outcome), make('span', '', label))),
        make('td', '', wave ? make('span', `wave ${wave[0]}`, wave[1]) : make('span', 'quiet', 'does not decide')), make('td', '', entry));
    };
    const deciding = host.cells.flatMap((cell, index) => (cell ? [line(
      targets[index], cell.entry < 0 ? 'no entry' : entries[cell.entry], this.hosts.label(cell), OUTCOMES[cell.outcome],
      [this.hosts.waveKeys[cell.wave], this.hosts.waves[cell.wave]])] : []));
    const others = (this.hosts.others[host.others] ?? []).map(([target, entry, code]) => {
      const cell = decodeCell(code);
      return line(targets[target], entries[entry], this.hosts.label(cell), OUTCOMES[cell.outcome], null);
    });
    const heads = ['Target', 'Boot', 'Wave', 'Entry'].map((text) => {
      const head = make('th', '', text);
      head.scope = 'col';
      return head;
    });
    const table = make('table', 'matrix', make('thead', '', make('tr', '', ...heads)), make('tbody', '', ...deciding, ...others));
    const region = make('div', 'scroll', table);
    region.tabIndex = 0;
    region.setAttribute('role', 'group');
    region.setAttribute('aria-label', 'How its boot entries fare');
    return region;
  }

  findings(host) {
    const { rules, targets, entries } = this.hosts;
    const found = this.hosts.findings[host.findings];
    const heading = make('h3', '', found.length ? 'What was found' : 'Nothing was found');
    const items = found.map(([rule, target, flags, entry, times]) => {
      const severity = SEVERITIES[(flags & 7) + 1];
      const [waived, byHand] = [flags & 8, !(flags & 16)];
      const where = [target ? `on ${targets[target - 1]}` : 'whatever the target', entry ? `entry ${entries[entry - 1]}` : '',
        times > 1 ? `in ${times} places` : '', byHand ? 'to be mended by hand' : '', waived ? 'waived' : ''];
      return make('li', waived ? 'is-waived' : '', make('span', `severity-name sev-${severity}`, severity),
        make('span', '', make('span', 'hit-title', rules[rule][1].replaceAll('`', '')), ' ', make('code', '', rules[rule][0]),
          make('span', 'quiet', where.filter(Boolean).join(', '))));
    });
    return items.length ? [heading, make('ul', 'hits', ...items)] : [heading];
  }
}

/** Search, filters and order, and their state in the address. */
class Fleet {
  constructor(hosts) {
    this.hosts = hosts;
    this.detail = new Detail(hosts, () => this.closed());
    this.table = new Table(hosts, (host) => this.opened(host));
    this.fields = Object.fromEntries(['text', 'target', 'wave', 'rule'].map((name) => [name, byId(`fleet.${name}`)]));
    this.found = byId('fleet.found');
    this.reset = byId('fleet.reset');
    this.sort = 'name';
    this.shown = null;
    this.heads = all('[data-sort]', this.table.table).map((head) => this.head(head));
    byId('fleet.filters').hidden = false;
    this.fields.text.addEventListener('input', () => this.changed());
    for (const name of ['target', 'wave', 'rule']) this.fields[name].addEventListener('change', () => this.changed());
    this.reset.addEventListener('click', () => {
      this.read(new URLSearchParams());
      this.changed();
      this.fields.text.focus();
    });
    document.addEventListener('keydown', (event) => {
      const isTyping = event.target.closest?.('input, select, textarea, dialog');
      if (event.key === '/' && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
        event.preventDefault();
        this.fields.text.focus();
        this.fields.text.select();
      }
    });
    window.addEventListener('hashchange', () => this.follow());
    this.read(new URLSearchParams());
    if (!this.follow()) this.apply();
  }

  /** Makes a button of a column's head. */
  head(head) {
    const name = head.dataset.sort.replace(/^target\.(\d+)$/, (_, index) => `target.${this.hosts.targets[index]}`);
    const button = make('button', '', head.textContent);
    button.type = 'button';
    button.addEventListener('click', () => {
      this.sort = this.sort === name ? `-${name}` : name;
      this.changed();
    });
    head.replaceChildren(button);
    return { head, name };
  }

  wanted() {
    const { text, target, wave, rule } = this.fields;
    return { text: text.value.trim(), target: target.value, wave: wave.value, rule: rule.value, sort: this.sort };
  }

  apply() {
    const wanted = this.wanted();
    const rows = this.hosts.select(wanted);
    this.table.show(rows);
    const total = this.hosts.all.length;
    const isActive = Boolean(wanted.text || wanted.target || wanted.wave || wanted.rule);
    this.found.textContent = rows.length === total ? `${count(total, 'host')}` : `${rows.length} of ${count(total, 'host')}`;
    this.reset.hidden = !isActive;
    for (const { head, name } of this.heads) {
      if (this.sort === name) head.setAttribute('aria-sort', 'ascending');
      else if (this.sort === `-${name}`) head.setAttribute('aria-sort', 'descending');
      else head.removeAttribute('aria-sort');
    }
  }

  changed() {
    this.apply();
    this.write();
  }

  opened(host) {
    this.shown = host;
    this.write();
    this.detail.show(host);
  }

  closed() {
    this.shown = null;
    this.write();
  }

  /** Takes the state from an address; gives whether it has one. */
  follow() {
    const fragment = location.hash.slice(1);
    if (!fragment.startsWith('?')) return false;
    const state = new URLSearchParams(fragment.slice(1));
    this.read(state);
    this.apply();
    const host = state.has('host') && this.hosts.all.find(({ report }) => report === state.get('host'));
    if (host) this.opened(host);
    else byId('hosts').scrollIntoView();
    return true;
  }

  /** Takes the state. What it names and the page does not have is left out. */
  read(state) {
    this.fields.text.value = state.get('text') ?? '';
    for (const name of ['target', 'wave', 'rule']) {
      const field = this.fields[name];
      const has = [...field.options].some((option) => option.value === state.get(name));
      field.value = has ? state.get(name) : '';
    }
    const sort = state.get('sort') ?? 'name';
    this.sort = this.hosts.key(sort.replace(/^-/, '')) ? sort : 'name';
  }

  write() {
    const state = new URLSearchParams();
    for (const [name, value] of Object.entries(this.wanted())) {
      if (value && !(name === 'sort' && value === 'name')) state.set(name, value);
    }
    if (this.shown) state.set('host', this.shown.report);
    const address = new URL(location.href);
    address.hash = state.size ? `?${state}` : '';
    history.replaceState(null, '', address);
  }
}

new Fleet(new Hosts(JSON.parse(byId('fleet.data').textContent)));
