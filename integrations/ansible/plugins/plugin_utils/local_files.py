# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The files on the controller that a task's options name: found as Ansible finds the files of a play or role."""

from __future__ import annotations

import os
import typing as t

from ansible.errors import AnsibleActionFail, AnsibleError

RULE_ENDINGS = ('.yaml', '.yml')


class LocalFiles:
    """Finds what options name, beside the play and in its role."""

    def __init__(self, find_needle: t.Callable[[str, str], str]):
        self._find_needle = find_needle

    def find(self, option: str, name: str) -> str:
        """The absolute path of a file or folder."""
        try:
            return os.path.abspath(self._find_needle('files', name))
        except AnsibleError as error:
            raise AnsibleActionFail(f'{option}: `{name}` is not on the controller: {error}') from error

    def target(self, target: str) -> str:
        """A target's name as it is, or the path of a target file: what has a slash or an ending is a file."""
        is_file = '/' in target or os.path.splitext(target)[1] in RULE_ENDINGS
        return self.find('targets', target) if is_file else target

    def resolved(self, params: dict[str, t.Any]) -> dict[str, t.Any]:
        """The options with the paths of all files that they name."""
        return dict(
            params,
            targets=[self.target(target) for target in params['targets']],
            rules=[self.find('rules', rules) for rules in params['rules']],
            waivers=params['waivers'] and self.find('waivers', params['waivers']),
            baseline=params['baseline'] and self.find('baseline', params['baseline']),
        )


class Parcel:
    """The files that go to a host, each under a relative name that is the same on every host.

    A report names a waiver file by its path; a random folder in it would make each run's report another.
    """

    def __init__(self) -> None:
        self.files: dict[str, str] = {}
        self.given: dict[str, str] = {}

    def add(self, folder: str, path: str) -> str:
        """Takes a file or a folder of rules along; returns its relative name."""
        name = f'{folder}/{os.path.basename(path)}'
        if os.path.isdir(path):
            for inside in rule_files(path):
                self.files[f'{name}/{inside}'] = os.path.join(path, inside)
        else:
            self.files[name] = path
        self.given[name] = path
        return name

    @classmethod
    def of(cls, params: dict[str, t.Any]) -> tuple[Parcel, dict[str, t.Any]]:
        """The files that resolved options name, and the options as the host is to have them."""
        parcel = cls()
        numbered = [
            parcel.add(f'target-{number}', target) if os.path.isabs(target) else target
            for number, target in enumerate(params['targets'])
        ]
        return parcel, dict(
            params,
            targets=numbered,
            rules=[parcel.add(f'rules-{number}', rules) for number, rules in enumerate(params['rules'])],
            waivers=params['waivers'] and parcel.add('waivers', params['waivers']),
            baseline=params['baseline'] and parcel.add('baseline', params['baseline']),
        )

    def as_given(self, text: str) -> str:
        """A message with the paths of the controller for those of the host."""
        for name, path in self.given.items():
            text = text.replace(name, path)
        return text

    def folders(self) -> list[str]:
        """The folders that have to be there before the files, parents first."""
        folders = {os.path.dirname(name) for name in self.files} - {''} | {name for name in self.given if name not in self.files}
        parents = {parent for folder in folders for parent in parents_of(folder)}
        return sorted(folders | parents)


def parents_of(folder: str) -> t.Iterator[str]:
    """The folders above a relative one."""
    while folder := os.path.dirname(folder):
        yield folder


def rule_files(folder: str) -> list[str]:
    """The rule files of a folder, without the example systems beside them (`my-rule/` beside `my-rule.yaml`)."""
    found = []
    for here, folders, names in os.walk(folder):
        stems = {os.path.splitext(name)[0] for name in names}
        folders[:] = sorted(inside for inside in folders if inside not in stems)
        found += [os.path.relpath(os.path.join(here, name), folder) for name in sorted(names) if name.endswith(RULE_ENDINGS)]
    return found
