"""Runs real plays with the ansible-core of this environment, against systems in local folders and against chroots.

BOOTPROOF is the program to test with. As root, since chroots take that; nothing is mounted.
"""

import hashlib
import json
import os
import pathlib
import shutil
import stat
import subprocess
import sys

import pytest
import yaml

HERE = pathlib.Path(__file__).parent
REPOSITORY = HERE.parents[2]
SYSTEMS = REPOSITORY / 'testdata/systems'
BOOTPROOF = pathlib.Path(os.environ['BOOTPROOF']).resolve()
PYTHON = '/usr/bin/python3'

# What Ansible and the script that collects call. All of busybox's would be hundreds of links to collect.
APPLETS = (
    'ash sh awk cat chmod command cut date dd df dmesg echo env expr find grep head hostname id ip ls mkdir mv printf pwd '
    'readlink rm rmdir sed sleep sort stat tar test timeout touch tr true uname uniq wc xargs'
).split()


class Run:
    """What became of a play."""

    def __init__(self, code, output, records):
        self.code = code
        self.output = output
        self.records = records

    def of(self, host, task=None):
        """The status and result of the host's last task, or of the named one."""
        lines = [line for line in self.records if line['host'] == host and task in (None, line['task'])]
        assert lines, f'nothing of {host} in:\n{self.output}'
        return lines[-1]['status'], lines[-1]['result']


class Ansible:
    """Runs plays in a folder of its own."""

    def __init__(self, folder):
        self.folder = folder

    def run(self, hosts, tasks, *arguments, **play):
        """Runs the tasks on hosts, each with its variables."""
        self.write('play.yml', [{'hosts': 'all', 'gather_facts': False, 'tasks': tasks, **play}])
        return self.run_playbook('play.yml', hosts, *arguments)

    def run_playbook(self, playbook, hosts, *arguments):
        self.write('inventory.yml', {'all': {'hosts': hosts}})
        record = self.folder / 'record'
        record.unlink(missing_ok=True)
        environment = dict(
            os.environ,
            ANSIBLE_CALLBACK_PLUGINS=str(HERE / 'callback_plugins'),
            ANSIBLE_CALLBACKS_ENABLED='record',
            ANSIBLE_NOCOLOR='1',
            ANSIBLE_LOCAL_TEMP=str(self.folder / 'local-tmp'),
            ANSIBLE_REMOTE_TEMP=str(self.folder / 'remote-tmp'),
            TMPDIR=str(self.folder / 'tmp'),
            RECORD=str(record),
        )
        for name in ('local-tmp', 'remote-tmp', 'tmp'):
            (self.folder / name).mkdir(exist_ok=True)
        done = subprocess.run(
            [pathlib.Path(sys.executable).with_name('ansible-playbook'), '-i', 'inventory.yml', playbook, *arguments],
            cwd=self.folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        lines = record.read_text().splitlines() if record.exists() else []
        return Run(done.returncode, done.stdout, [json.loads(line) for line in lines])

    def write(self, name, data):
        (self.folder / name).write_text(yaml.safe_dump(data))

    def left_behind(self):
        """What plays left in the folders for temporary files."""
        return [str(path) for name in ('remote-tmp', 'tmp') for path in (self.folder / name).rglob('*')]


@pytest.fixture
def ansible(tmp_path):
    return Ansible(tmp_path)


@pytest.fixture(scope='session')
def bootproof():
    return str(BOOTPROOF)


def local(**variables):
    """A host of the inventory that is this machine."""
    return {'ansible_connection': 'local', 'ansible_python_interpreter': PYTHON, **variables}


def chroot(root, **variables):
    """A host of the inventory that is a folder here."""
    return {
        'ansible_connection': 'community.general.chroot',
        'ansible_host': str(root),
        'ansible_python_interpreter': PYTHON,
        'ansible_remote_tmp': '/tmp/ansible',
        **variables,
    }


def system(name):
    return str(SYSTEMS / name)


def snapshot(root):
    """All that a root holds, to see whether anything was changed; what was said to /dev/null does not count."""
    state = {}
    for path in sorted(pathlib.Path(root).rglob('*')):
        if path.parent == pathlib.Path(root, 'dev'):
            continue
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            content = ''
        state[str(path.relative_to(root))] = (path.lstat().st_mode, path.lstat().st_mtime_ns, content)
    return state


def add_busybox(root):
    """Makes a root that one can chroot into: a shell and some tools, in one static program."""
    for folder in ('bin', 'dev', 'root', 'tmp'):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, minor in [('null', 3), ('zero', 5)]:
        if not (root / 'dev' / name).exists():
            os.mknod(root / 'dev' / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
    shutil.copy2('/bin/busybox', root / 'bin/busybox')
    for applet in APPLETS:
        (root / 'bin' / applet).unlink(missing_ok=True)
        (root / 'bin' / applet).symlink_to('busybox')


def add_program(root, *programs):
    """Copies programs with the libraries that they load."""
    listed = subprocess.run(['ldd', *programs], text=True, capture_output=True, check=False).stdout
    libraries = {word for word in listed.split() if word.startswith('/') and not word.endswith(':')}
    for path in {*programs, *libraries}:
        copy = root / path.lstrip('/')
        copy.parent.mkdir(parents=True, exist_ok=True)
        if not copy.exists():
            shutil.copy2(path, copy)


@pytest.fixture(scope='session')
def python_root(tmp_path_factory):
    """A root with Python and nothing else of an installed system: a rescue system."""
    root = tmp_path_factory.mktemp('rescue')
    add_busybox(root)
    asked = 'import os, sysconfig; print(sysconfig.get_path("stdlib"))'
    library = pathlib.Path(subprocess.check_output([PYTHON, '-c', asked], text=True).strip())
    unused = shutil.ignore_patterns('__pycache__', 'test', 'idlelib', 'tkinter', 'ensurepip', 'config-*', 'dist-packages')
    shutil.copytree(library, root / str(library).lstrip('/'), ignore=unused, symlinks=False, ignore_dangling_symlinks=True)
    add_program(root, PYTHON, str(BOOTPROOF), *map(str, library.glob('lib-dynload/*.so')))
    return root


@pytest.fixture
def rescue(python_root, tmp_path):
    """A rescue system in which a server is mounted."""
    mounted = python_root / 'mnt' / tmp_path.name
    shutil.copytree(SYSTEMS / 'centos6-san-server', mounted, symlinks=True)
    yield python_root, f'/mnt/{tmp_path.name}'
    shutil.rmtree(mounted)


@pytest.fixture
def old_server(tmp_path):
    """A server without Python: a whole system with a shell in it."""
    root = tmp_path / 'old-server'
    shutil.copytree(SYSTEMS / 'centos6-san-server', root, symlinks=True)
    add_busybox(root)
    return root
