# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""bootproof_collect: runs the sh script of `bootproof collect` on the host, and `bootproof check` here on what it sends.

The script goes to the host on stdin and the tar comes back on stdout, byte for byte, through the task's own connection
plugin. So nothing is written there, no Python is needed, and `become`, jump hosts and chroots work as always. Ansible's
connection plugins return the whole output of a command at once; what a host may send is therefore bounded there.
"""

from __future__ import annotations

import os
import secrets
import shlex
import shutil
import subprocess
import tempfile
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_bytes, to_text
from ansible.module_utils.common.text.formatters import human_to_bytes
from ansible_collections.bootproof.bootproof.plugins.filter.file_name import file_name
from ansible_collections.bootproof.bootproof.plugins.module_utils import report as reports
from ansible_collections.bootproof.bootproof.plugins.plugin_utils import output
from ansible_collections.bootproof.bootproof.plugins.plugin_utils.reporting import ReportingAction

# How the script begins what it says on stderr.
COLLECTOR = 'collect: '


class ActionModule(ReportingAction):
    """Collects from the host and checks on the controller."""

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Returns the result of the check."""
        params = self._options(
            {
                'system': {'type': 'str', 'default': '/'},
                'executable': {'type': 'path', 'default': 'bootproof'},
                'dest': {'type': 'path'},
                'max_size': {'type': 'str', 'default': '2G'},
            }
        )
        result = super().run(tmp, task_vars)
        executable = self._program(params['executable'])
        limit = size(params['max_size'])
        script = self._script(executable)
        with tempfile.TemporaryDirectory(prefix='bootproof-', dir=C.DEFAULT_LOCAL_TMP) as folder:
            archive, warnings = self._collect(script, params['system'], limit)
            # The report calls the system by this name, in which the host is known again.
            name = file_name((task_vars or {}).get('inventory_hostname', 'host'))
            tar = os.path.join(folder, f'{name}.tar')
            output.write_whole(tar, archive)
            del archive
            if params['dest'] is not None:
                result['dest'] = self._destination(params['dest'])
                keep(tar, result['dest'])
            result.update(self._check(executable, tar, params))
        result['warnings'] = [*result.get('warnings', []), *warnings]
        return self._told(result)

    def _program(self, executable: str) -> str:
        """The path of the controller's bootproof."""
        if '/' in executable:
            return self._files().find('executable', executable)
        path = shutil.which(executable)
        if path is None:
            raise AnsibleActionFail(f'executable: the controller has no `{executable}`, which looks at what a host sends')
        return path

    def _script(self, executable: str) -> bytes:
        """The shell script that collects."""
        done = self._run([executable, 'collect'], os.curdir)
        if done.returncode != 0 or not done.stdout:
            said = reports.said(to_text(done.stderr, errors='replace'))
            raise AnsibleActionFail(f'executable: `{executable} collect` gives no script: {said}')
        return done.stdout

    def _collect(self, script: bytes, system: str, limit: int) -> tuple[memoryview, list[str]]:
        """The tar that the host sent, and what its collector complained of."""
        # What a shell's start-up files print comes before the mark, and is no part of the tar.
        mark = f'bootproof-{secrets.token_hex(8)}'
        command = f'echo {mark}; (sh -s -- {shlex.quote(system)}; echo {mark}=$? >&2) | head -c {limit + 1}'
        stdout, stderr = self._on_host(command, script)
        complaints, dummy, status = to_text(stderr, errors='replace').partition(f'{mark}=')
        line = to_bytes(f'{mark}\n')
        start = stdout.find(line) + len(line)
        if line not in stdout or start == len(stdout):
            said = reports.said(complaints) or reports.said(to_text(stdout[: start - len(line)], errors='replace'))
            raise AnsibleActionFail(f'the host sent nothing: {said or "its shell said nothing either"}')
        # A view, since a copy would take the memory twice.
        archive = memoryview(stdout)[start:]
        if len(archive) > limit:
            raise AnsibleActionFail(f'the host sent more than {limit} bytes; `max_size` raises the limit')
        return archive, warnings_of(complaints, status.strip())

    def _on_host(self, command: str, stdin: bytes) -> tuple[bytes, bytes]:
        """Runs a command on the host and returns its bytes. What ActionBase has for this makes text of them."""
        connection = self._connection
        if not connection.has_pipelining:
            raise AnsibleActionFail(f'the connection plugin `{connection.transport}` cannot feed a command; use `ssh`')
        if self._becomes_another():
            command = connection.become.build_become_command(command, connection._shell)
        if connection.allow_executable:
            command = f'{self._play_context.executable} -c {shlex.quote(command)}'
        dummy, stdout, stderr = connection.exec_command(command, in_data=stdin, sudoable=True)
        return stdout, stderr

    def _becomes_another(self) -> bool:
        """Whether `become` does anything; Ansible leaves it out for a user who is that user already."""
        if not self._connection.become:
            return False
        user, wanted = self._get_remote_user(), self.get_become_option('become_user')
        return bool(C.BECOME_ALLOW_SAME_USER) or user != wanted or not (user or wanted)

    def _check(self, executable: str, tar: str, params: dict[str, t.Any]) -> dict[str, t.Any]:
        """The result of `bootproof check` on the tar; its name in the report is without the folder, which is random."""
        folder, name = os.path.split(tar)
        outputs = [self._destination(path) for path in params['report']]
        for path in outputs:
            make_folder('report', path)
        done = self._run(reports.check_command(executable, name, params, outputs), folder)
        stderr = to_text(done.stderr, errors='replace')
        try:
            result = reports.result_of(reports.read_report(done.returncode, done.stdout, stderr), params)
        except reports.NoReport as error:
            return {'failed': True, 'msg': str(error), 'rc': done.returncode, 'stderr': stderr}
        result['rc'] = done.returncode
        if outputs:
            result['report_files'] = outputs
        if self._task.diff:
            result['diff'] = self._fixes(executable, name, params, folder)
        return result

    def _fixes(self, executable: str, name: str, params: dict[str, t.Any], folder: str) -> list[dict[str, str]]:
        """What `bootproof fix` would change, a diff for each patch."""
        fixes = os.path.join(folder, 'fixes')
        done = self._run(reports.fix_command(executable, name, params, fixes), folder)
        return reports.patches(fixes, done.returncode, to_text(done.stderr, errors='replace'), self._display.warning)

    def _run(self, command: list[str], folder: str) -> subprocess.CompletedProcess[bytes]:
        """Runs bootproof on the controller."""
        environment = dict(os.environ, NO_COLOR='1')
        try:
            return subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
        except OSError as error:
            raise AnsibleActionFail(f'`{command[0]}` does not run on the controller: {error.strerror}') from error


def size(text: str) -> int:
    """The bytes that `max_size` stands for."""
    try:
        return human_to_bytes(text)
    except ValueError as error:
        raise AnsibleActionFail(f'max_size: `{text}` is no size; write it like 512M or 2G') from error


def warnings_of(complaints: str, status: str) -> list[str]:
    """What the collector says of its own work, without what ssh says of the connection."""
    if status != '0':
        return [f'the collector ended with {status or "no exit code"}: {reports.said(complaints)}']
    return [line for line in complaints.splitlines() if line.startswith(COLLECTOR)]


def keep(tar: str, destination: str) -> None:
    """Copies the tar to where it is wanted."""
    make_folder('dest', destination)
    try:
        shutil.copyfile(tar, destination)
    except OSError as error:
        raise AnsibleActionFail(f'dest: cannot write `{destination}`: {error.strerror}') from error


def make_folder(option: str, path: str) -> None:
    """Makes the folder of a file that an option names."""
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as error:
        raise AnsibleActionFail(f'{option}: cannot make the folder of `{path}`: {error.strerror}') from error
