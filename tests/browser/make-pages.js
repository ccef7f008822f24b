// Makes the pages of `pages.js`: the systems that testdata does not have, then each page with the built program.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import { payloads } from './hostile.js';
import { pageFile, pages, repository, work } from './pages.js';

const program = process.env.BOOTPROOF ?? path.join(repository, 'target/debug/bootproof');
const testdata = (name) => path.join(repository, 'testdata/systems', name);
const made = (name) => path.join(work, 'systems', name);

/** A system of testdata under another name, with `changes` made to the texts of its files. */
function copySystem(of, name, changes) {
  fs.cpSync(testdata(of), made(name), { recursive: true, verbatimSymlinks: true });
  for (const [file, change] of Object.entries(changes)) {
    const target = path.join(made(name), file);
    const before = fs.existsSync(target) ? fs.readFileSync(target, 'utf8') : '';
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, change(before));
  }
}

function writeRule(directory, id, rest) {
  fs.mkdirSync(made(directory), { recursive: true });
  // JSON is YAML, so no text of a hostile rule has to be quoted by hand.
  fs.writeFileSync(path.join(made(directory), `${id}.yaml`), JSON.stringify({ id, ...rest }));
}

const count = (number, make) => Array.from({ length: number }, (_, index) => make(index + 1));

function healthySystem() {
  copySystem('debian12-vm', 'healthy', {
    'boot/System.map-6.1.0-37-amd64': () => '',
    'var/lib/dpkg/status': (text) =>
      `${text}\nPackage: qemu-guest-agent\nStatus: install ok installed\nVersion: 1\nArchitecture: amd64\n`,
  });
}

/** Six boot entries, of which hardly two fare alike on any two targets. */
function sixKernels() {
  const roots = ['/dev/sda1', '/dev/vda1', '/dev/xvda1', '/dev/nvme0n1p1', 'LABEL=missing'];
  const entry = (root, index) => `menuentry 'Debian GNU/Linux, kernel ${index + 2}, root on ${root}' {
	search --no-floppy --fs-uuid --set=root 8a1c54b1-92bd-4f0c-8f4f-64ad6e4a2f11
	linux	/boot/vmlinuz-6.1.0-37-amd64 root=${root} ro
	initrd	/boot/initrd.img-6.1.0-37-amd64
}`;
  copySystem('debian12-vm', 'six-kernels', {
    'boot/grub/grub.cfg': (text) => text.replace(/^submenu[^]*?^}$/m, roots.map(entry).join('\n')),
  });
}

/** Two thousand findings of five hundred rules. */
function manyFindings() {
  const mountpoint = (n) => `/srv/archive/number-${n}`;
  const lines = count(500, (n) => `/dev/sdb${n} ${mountpoint(n)} ext4 defaults,nofail 0 2`);
  copySystem('debian12-vm', 'many', { 'etc/fstab': (text) => `${text}${lines.join('\n')}\n` });
  const severities = ['blocker', 'high', 'medium', 'low', 'info'];
  for (const n of count(500, (number) => number)) {
    writeRule('many-rules', `house-rule-${n}`, {
      title: `House rule ${n} is broken`,
      severity: severities[n % severities.length],
      each: 'fstab.entries',
      targets: n % 2 ? ['kvm'] : ['kvm', 'aws-nitro'],
      when: `it.mountpoint in ${JSON.stringify(count(4, (place) => mountpoint((n * place) % 500 + 1)))}`,
      message: 'line {{ it.spec }} at {{ it.mountpoint }}',
      why: 'A rule of the house, so that there are many.',
      fix: [{ command: 'sed -i s,{{ it.spec }},UUID=x, /etc/fstab' }],
    });
  }
}

function waivers() {
  fs.writeFileSync(made('waivers.toml'), `[[waiver]]
rule = "lvm-filter-hides-disks"
reason = "The filter goes with the move"
`);
}

function changedSystem() {
  copySystem('centos6-san-server', 'changed', {
    'etc/lvm/lvm.conf': (text) => text.replaceAll('mpath', 'vd'),
    'etc/fstab': (text) => `${text}/dev/sdx1 /srv/new ext4 defaults 0 2\n`,
  });
}

/** A system, rules, a target and a log in which every name and text tries to be more than text. */
function hostileSystem() {
  const all = payloads.join(' ');
  const oneWord = (text) => text.replaceAll(' ', '\\040');
  copySystem('debian12-vm', 'hostile', {
    'etc/hostname': () => payloads[0],
    'etc/os-release': (text) => text.replace(/PRETTY_NAME=.*/, `PRETTY_NAME='${all.replaceAll("'", '')}'`),
    'etc/fstab': (text) =>
      text + payloads.map((payload) => `/dev/sdb1 /srv/${oneWord(payload)} ext4 defaults 0 2\n`).join(''),
    'boot/grub/grub.cfg': (text) => text.replaceAll('Debian GNU/Linux', all.replaceAll("'", '')),
    // The path of a file is shown beside each finding in it.
    [`etc/modprobe.d/${payloads[0].replaceAll('/', '-')}.conf`]: () => `blacklist virtio_blk # ${all}\n`,
  });
  fs.writeFileSync(
    made('hostile-target.yaml'),
    fs.readFileSync(path.join(repository, 'rules/targets/kvm.yaml'), 'utf8')
      .replace(/^title: .*/m, `title: ${JSON.stringify(all)}`)
      // One word without a slash, the rest is free.
      .replace(/^name: .*/m, `name: '"><b>x'`),
  );
  // A remedy is a template of its author; this is about what the page makes of its text.
  const noTemplate = payloads.filter((payload) => !payload.includes('{%')).join(' ');
  // Names that the page itself uses for its parts.
  for (const id of ['boots', 'findings', 'open', 'said', 'house']) {
    writeRule('hostile-rules', id, {
      title: `${id}: ${all}`,
      severity: 'high',
      each: 'fstab.entries',
      targets: ['all'],
      when: 'it.mountpoint.startsWith("/srv")',
      message: '`{{ it.mountpoint }}` and {{ it.mountpoint }} {{ it.line }}',
      why: `${payloads.join('\n\n')}\n\n| a | b |\n|---|---|\n| ${payloads[0]} | x |\n`,
      fix: [{ command: 'echo {{ it.line }}' }, { replace: { with: '{{ it.line }} #' } }, { advice: noTemplate }],
      refs: ['javascript:window.owned=1', all],
    });
  }
  const line = (text, index) => `[    ${index}.000000] VFS: Cannot open root device "${text}" or unknown-block(0,0): error -6`;
  fs.writeFileSync(made('hostile.log'), [
    `[    0.000000] Linux version 6.1.0-37-amd64 (${all})`,
    `[    0.000000] Command line: root=${payloads[0]} ${all}`,
    ...payloads.map(line),
    '[   20.000000] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)',
  ].join('\n'));
}

/** Writes JSON reports of `hosts` into the folder `name`: that of a system of testdata, changed by `change`. */
function reportsFor(name, system, hosts, change = () => {}) {
  fs.mkdirSync(made(name), { recursive: true });
  let report;
  try {
    report = execFileSync(program, ['check', testdata(system), '-t', 'kvm', '-t', 'vmware', '--fail-on', 'none', '-f', 'json'], { cwd: repository, maxBuffer: 1 << 28 });
  } catch (error) {
    throw new Error(`${system}: ${error.stderr ?? error}`);
  }
  hosts.forEach((host, index) => {
    const own = JSON.parse(report);
    own.system.hostname = host;
    change(own, index);
    fs.writeFileSync(path.join(made(name), `${system}-${String(index).padStart(4, '0')}.json`), JSON.stringify(own));
  });
}

/** Three hundred hosts, and what is none. */
function fleetOfHosts() {
  const named = (start) => count(100, (n) => `${start}${String(n).padStart(3, '0')}.example.com`);
  reportsFor('reports', 'debian12-vm', named('mail'));
  reportsFor('reports', 'rhel9-lvm-devicesfile', named('db'), (report, index) => {
    if (index % 2) report.findings = report.findings.filter(({ rule }) => rule !== 'root-volume-not-assembled');
  });
  reportsFor('reports', 'centos6-san-server', named('web'), (report, index) => {
    if (index % 3 === 0) report.findings[0].waived = { reason: 'replaced in June', expires: null, at: 'bootproof.toml:1' };
    if (index % 5 === 0) report.targets.pop();
    report.boots = report.boots.filter(({ target }) => report.targets.some(({ name }) => name === target));
  });
  fs.writeFileSync(path.join(made('reports'), 'cut.json'), '{"schema": "bootproof-report/1", "tool"');
  fs.writeFileSync(path.join(made('reports'), 'debian12-vm-0000.html'), '<!doctype html><title>mail001</title>');
}

/** Reports in which every name and text tries to be more than text. */
function hostileFleet() {
  reportsFor('hostile-reports', 'centos6-san-server', payloads, (report, index) => {
    const payload = payloads[index];
    report.system.pretty_name = payload;
    report.targets[0].name = payload;
    for (const boot of report.boots) Object.assign(boot, { entry: payload, target: boot.target === 'kvm' ? payload : boot.target });
    for (const finding of report.findings) {
      Object.assign(finding, { rule: `${finding.rule}${payload}`, title: payload, message: payload, entry: payload });
      finding.fix.push({ kind: 'command', command: payload }, { kind: 'append', path: payload, text: payload });
    }
  });
  fs.writeFileSync(path.join(made('hostile-reports'), `${payloads[0].replaceAll('/', '-')}.json`), '{');
}

function makePage(name) {
  const output = pageFile(name);
  let said = '';
  try {
    execFileSync(program, [...pages[name], '--output', output], { cwd: repository, stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (error) {
    // 1 is the answer that something was found; of a fleet, 2 is the one that a host is missing.
    if (error.status !== 1 && !(error.status === 2 && pages[name][0] === 'fleet')) throw new Error(`${name}: ${error.stderr ?? error}`);
    said = error.stderr;
  }
  if (!fs.existsSync(output)) throw new Error(`${name}: no page was written: ${said}`);
}

fs.rmSync(work, { recursive: true, force: true });
fs.mkdirSync(path.join(work, 'pages'), { recursive: true });
fs.mkdirSync(path.join(work, 'systems'));
healthySystem();
sixKernels();
manyFindings();
waivers();
changedSystem();
hostileSystem();
fleetOfHosts();
hostileFleet();
for (const name of Object.keys(pages)) makePage(name);
console.log(`${Object.keys(pages).length} pages in ${path.relative(repository, path.join(work, 'pages'))}`);
