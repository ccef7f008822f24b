# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Names of hosts as names of files."""

from __future__ import annotations

import hashlib
import re
import typing as t

DOCUMENTATION = r"""
name: file_name
short_description: The name of a host as the name of a file
version_added: 0.1.0
author:
  - The bootproof authors (!UNKNOWN)
description:
  - Inventories may call a host anything, such as C(../../etc/passwd) or C(2001:db8::1). This gives a name that is safe
    and short on every file system and that no two hosts share.
  - A name of letters, digits, C(.), C(_) and C(-) stays as it is. In another the rest is replaced, and a checksum of the
    whole name is appended, which tells C(web/1) and C(web_1) apart.
options:
  _input:
    description: The name of the host.
    type: str
    required: true
"""

EXAMPLES = r"""
- name: Write the report of each host
  bootproof.bootproof.bootproof_check:
    report:
      - reports/{{ inventory_hostname | bootproof.bootproof.file_name }}.html
"""

RETURN = r"""
_value:
  description: The name of the file, without an ending.
  type: str
"""

LONGEST = 100


def file_name(host: str) -> str:
    """A safe name for a file, as unique as the host's."""
    safe = re.sub(r'[^A-Za-z0-9._-]', '_', host).lstrip('.')[:LONGEST]
    if safe == host:
        return safe
    return f'{safe}-{hashlib.sha256(host.encode()).hexdigest()[:8]}'


class FilterModule:
    """The filters of this file."""

    def filters(self) -> dict[str, t.Callable[[str], str]]:
        """Each by its name."""
        return {'file_name': file_name}
