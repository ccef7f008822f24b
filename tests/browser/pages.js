// The pages that are tested, and how each is made from the systems under testdata.
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');

/** Where the pages and the systems made for them are put. */
export const work = path.join(repository, 'target/browser');

/** Where a page made by `make-pages.js` is. */
export const pageFile = (name) => path.join(work, 'pages', `${name}.html`);

const system = (name) => path.join('testdata/systems', name);
const made = (name) => path.join(work, 'systems', name);
const log = (name) => path.join('testdata/console', name, 'trips.log');

/** Name of a page, and the command line that writes it, without `--output`. */
export const pages = {
  check: ['check', system('centos6-san-server'), '-t', 'kvm', '-t', 'same', '-t', 'vmware'],
  'check-all-targets': ['check', system('centos6-san-server'), '-t', 'all'],
  'check-six-kernels': ['check', made('six-kernels'), '-t', 'all'],
  'check-healthy': ['check', made('healthy'), '-t', 'kvm'],
  'check-waived': ['check', system('centos6-san-server'), '-t', 'kvm', '--waivers', made('waivers.toml')],
  'check-many': ['check', made('many'), '-t', 'kvm', '-t', 'aws-nitro', '--rules', made('many-rules')],
  boot: ['boot', system('centos6-san-server')],
  diff: ['diff', system('centos6-san-server'), made('changed'), '-t', 'same', '-t', 'kvm'],
  triage: ['triage', log('array-not-found')],
  'triage-system': ['triage', log('lvm-group-missing'), '--system', system('centos6-san-server')],
  fleet: ['fleet', made('reports')],
  'hostile-check': ['check', made('hostile'), '-t', 'kvm', '-t', made('hostile-target.yaml'), '--rules', made('hostile-rules')],
  'hostile-boot': ['boot', made('hostile'), '-t', 'kvm', '-t', made('hostile-target.yaml')],
  'hostile-diff': ['diff', system('debian12-vm'), made('hostile'), '-t', 'kvm', '--rules', made('hostile-rules')],
  'hostile-triage': ['triage', made('hostile.log'), '--system', made('hostile')],
  'hostile-fleet': ['fleet', made('hostile-reports')],
};

/** Pages on systems of good faith, and on those that try to get something run. */
export const ordinary = Object.keys(pages).filter((name) => !name.startsWith('hostile-'));
export const hostile = Object.keys(pages).filter((name) => name.startsWith('hostile-'));

/** Pages whose findings can be filtered. */
export const filtered = ['check', 'check-all-targets', 'check-many', 'check-waived', 'diff'];
