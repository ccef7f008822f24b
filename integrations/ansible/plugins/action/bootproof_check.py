# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The controller's side of bootproof_check: takes the program and the files that options name to the host, runs the
module there, and writes the reports here. What it copies is in the temporary folder that Ansible removes."""

from __future__ import annotations

import json
import shlex
import shutil
import typing as t

from ansible.errors import AnsibleActionFail
from ansible.module_utils.common.text.converters import to_bytes
from ansible_collections.bootproof.bootproof.plugins.module_utils import report as reports
from ansible_collections.bootproof.bootproof.plugins.plugin_utils import output, program
from ansible_collections.bootproof.bootproof.plugins.plugin_utils.local_files import Parcel
from ansible_collections.bootproof.bootproof.plugins.plugin_utils.reporting import ReportingAction

MODULE = 'bootproof.bootproof.bootproof_check'

# The name of a copied program in the task's temporary folder.
PROGRAM = 'bootproof'

# Where administrators put programs; sudo's secure_path and a shell without login leave these out.
MORE_PATH = '/usr/local/bin:/usr/local/sbin:/usr/sbin:/sbin'


class ActionModule(ReportingAction):
    """Runs bootproof on the host."""

    TRANSFERS_FILES = True

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        """Returns the module's result, once its reports are written."""
        # `system` is no `path` here: a `~` in it is a home on the host.
        params = self._options(
            {
                'system': {'type': 'str', 'default': '/'},
                'binary': {'type': 'path'},
                'executable': {'type': 'str', 'default': 'bootproof'},
                'chdir': {'type': 'str'},
            }
        )
        super().run(tmp, task_vars)
        try:
            return self._told(self._check(params, task_vars))
        finally:
            self._remove_tmp_path(self._connection._shell.tmpdir)

    def _check(self, params: dict[str, t.Any], task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        executable, copied = self._executable(params)
        parcel, there = Parcel.of(params)
        if copied is not None:
            parcel.files[executable] = copied.path
        self._send(parcel)
        folder = self._connection._shell.tmpdir
        if copied is not None:
            executable = self._connection._shell.join_path(folder, executable)
        arguments = dict(there, executable=executable, chdir=folder)
        result = self._execute_module(module_name=MODULE, module_args=arguments, task_vars=task_vars)
        for key in ('msg', 'stderr'):
            if key in result:
                result[key] = parcel.as_given(result[key])
        if 'bootproof' in result:
            result['bootproof']['copied'] = copied is not None
        elif copied is not None and not copied.is_static and result.get('rc') != reports.REFUSED:
            result['msg'] = f"{result.get('msg')} (`{copied.path}` is not a static binary, and may lack libraries on this host)"
        self._write(result, f"{(task_vars or {}).get('inventory_hostname', 'host')}:{params['system']}")
        return result

    def _executable(self, params: dict[str, t.Any]) -> tuple[str, program.Program | None]:
        """The program on the host, and the one here that is to be copied there if none is installed."""
        machine, installed = self._ask_host(params['executable'])
        if params['binary'] is None and installed:
            return installed, None
        path = params['binary'] or shutil.which('bootproof')
        if path is None:
            raise AnsibleActionFail(
                f"`{params['executable']}` is not installed on this host, and the controller has no `bootproof` to copy: "
                'set `binary` to the path of the static binary'
            )
        try:
            found = program.look_at(self._files().find('binary', path))
        except program.NotAProgram as error:
            raise AnsibleActionFail(f'binary: {error}') from error
        if not found.runs_on(machine):
            raise AnsibleActionFail(
                f'binary: `{found.path}` is made for {found.made_for}, and this host is {machine}: '
                'set `binary` for hosts of that architecture to a binary of theirs'
            )
        return PROGRAM, found

    def _ask_host(self, executable: str) -> tuple[str, str]:
        """The host's processor as `uname -m` calls it, and the path of the installed program; empty where unknown."""
        command = (
            'echo "bootproof-machine=`uname -m`"; '
            f'echo "bootproof-path=`PATH=$PATH:{MORE_PATH}; command -v {shlex.quote(executable)}`"'
        )
        lines = self._low_level_execute_command(command)['stdout'].splitlines()
        answers = dict(line.split('=', 1) for line in lines if line.startswith('bootproof-') and '=' in line)
        return answers.get('bootproof-machine', ''), answers.get('bootproof-path', '')

    def _send(self, parcel: Parcel) -> None:
        """Copies the parcel into the task's temporary folder."""
        shell = self._connection._shell
        folders = [shell.join_path(shell.tmpdir, name) for name in parcel.folders()]
        if folders:
            made = self._low_level_execute_command(f'mkdir -p {" ".join(map(shlex.quote, folders))}', sudoable=False)
            if made['rc'] != 0:
                raise AnsibleActionFail(f"cannot make a folder on this host: {made['stderr']}")
        sent = [shell.join_path(shell.tmpdir, name) for name in parcel.files]
        for local, remote in zip(parcel.files.values(), sent):
            self._transfer_file(local, remote)
        if sent:
            self._fixup_perms2([shell.tmpdir, *folders, *sent])

    def _write(self, result: dict[str, t.Any], source: str) -> None:
        """Writes the reports that the host made.

        On the controller, `/` says too little of where a report comes from: two hosts that were made from one image give the
        same bytes, and a page of many reports would count one of them only.
        """
        rendered = result.pop('rendered', {})
        if 'report' in result:
            result['report']['system']['source'] = source
        if not rendered:
            return
        result['report_files'] = []
        for name, text in rendered.items():
            path = self._destination(name)
            try:
                output.write_whole(path, to_bytes(named(text, source) if name.endswith('.json') else text))
            except OSError as error:
                result.update(failed=True, msg=f'report: cannot write `{path}`: {error.strerror}')
                return
            result['report_files'].append(path)


def named(text: str, source: str) -> str:
    """A JSON report with where it comes from."""
    report = json.loads(text)
    report['system']['source'] = source
    return json.dumps(report, ensure_ascii=False, indent=2) + '\n'
