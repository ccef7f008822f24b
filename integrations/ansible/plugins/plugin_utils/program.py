# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What a program file on the controller is made for, from its ELF header (elf(5)). Nothing is run."""

from __future__ import annotations

import dataclasses
import re
import struct

# e_machine (elf.h) and the names that `uname -m` has for processors that run it.
MACHINES = {
    3: r'i[3-6]86|x86_64',
    20: r'ppc|ppc64',
    21: r'ppc64(le)?',
    22: r's390x?',
    40: r'arm.*|aarch64',
    62: r'x86_64|amd64',
    183: r'aarch64|arm64',
    243: r'riscv64',
    258: r'loongarch64',
}

NAMES = {3: 'i386', 20: 'ppc', 21: 'ppc64', 22: 's390x', 40: 'arm', 62: 'x86_64', 183: 'aarch64', 243: 'riscv64', 258: 'loongarch64'}

PT_INTERP = 3

# Bytes of the file that the header and the table of segments are within, in what linkers write.
HEAD = 4096


class NotAProgram(Exception):
    """The file cannot be copied to a host and run there; the text says why."""


@dataclasses.dataclass(frozen=True)
class Program:
    """A program file."""

    path: str
    machine: int
    is_static: bool

    def runs_on(self, machine: str) -> bool:
        """Whether a host that calls itself `machine` can run it; where that is not known, it is tried."""
        pattern = MACHINES.get(self.machine)
        return not machine or pattern is None or re.fullmatch(pattern, machine) is not None

    @property
    def made_for(self) -> str:
        """The processor that it is made for, as people call it."""
        return NAMES.get(self.machine, f'machine {self.machine}')


def look_at(path: str) -> Program:
    """Reads the head of a program file."""
    try:
        with open(path, 'rb') as stream:
            head = stream.read(HEAD)
    except OSError as error:
        raise NotAProgram(f'`{path}` cannot be read: {error.strerror}') from error
    if not head:
        raise NotAProgram(f'`{path}` is empty')
    if not head.startswith(b'\x7fELF'):
        raise NotAProgram(f'`{path}` is no Linux program (it does not begin as an ELF file does)')
    try:
        return Program(path, *elf_facts(head))
    except struct.error as error:
        raise NotAProgram(f'`{path}` is cut off: its ELF header is not whole') from error


def elf_facts(head: bytes) -> tuple[int, bool]:
    """The machine, and whether the program does without a dynamic loader."""
    is_wide = head[4:5] == b'\x02'
    order = '>' if head[5:6] == b'\x02' else '<'
    (machine,) = struct.unpack_from(f'{order}H', head, 18)
    (table,) = struct.unpack_from(f'{order}Q', head, 32) if is_wide else struct.unpack_from(f'{order}I', head, 28)
    size, count = struct.unpack_from(f'{order}HH', head, 54 if is_wide else 42)
    kinds = [struct.unpack_from(f'{order}I', head, table + index * size)[0] for index in range(count)]
    return machine, PT_INTERP not in kinds
