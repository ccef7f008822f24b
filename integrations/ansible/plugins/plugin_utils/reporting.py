# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the actions that end with a report have in common on the controller."""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase
from ansible.utils.color import stringc
from ansible_collections.bootproof.bootproof.plugins.module_utils import report as reports
from ansible_collections.bootproof.bootproof.plugins.plugin_utils.local_files import LocalFiles

# The colours of the lines of a diff, as ansible.cfg's [colors] has them by default.
DIFF_COLORS = {'+': 'green', '-': 'red', '@': 'cyan'}


class ReportingAction(ActionBase):
    """An action that changes nothing, and returns a report."""

    _supports_check_mode = True
    _supports_diff = True

    def _options(self, own: dict[str, t.Any]) -> dict[str, t.Any]:
        """The task's options, with the files that they name found."""
        dummy, params = self.validate_argument_spec(dict(reports.gate_options(), **own))
        return self._files().resolved(params)

    def _files(self) -> LocalFiles:
        return LocalFiles(self._find_needle)

    def _destination(self, name: str) -> str:
        """The path of a file that is written on the controller; relative to the play, as with `fetch`."""
        return self._loader.path_dwim(os.path.expanduser(name))

    def _told(self, result: dict[str, t.Any]) -> dict[str, t.Any]:
        """The result as it leaves the task."""
        self._show(result.get('diff'))
        # Nobody could read it, and a failing task would print it.
        if not self._task.register:
            result.pop('report', None)
        return result

    def _show(self, diffs: list[dict[str, str]] | None) -> None:
        """Shows the patches. Callbacks show the diff of a task that changed something only, and these never do."""
        for diff in diffs or []:
            for line in diff['prepared'].splitlines():
                color = DIFF_COLORS.get(line[:1])
                self._display.display(stringc(line, color) if color else line)
