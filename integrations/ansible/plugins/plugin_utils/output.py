# -*- coding: utf-8 -*-
# Copyright: The bootproof authors
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Files that a task writes on the controller."""

from __future__ import annotations

import os
import tempfile


def write_whole(path: str, data: bytes | memoryview) -> None:
    """Writes a file whole or not at all, so that a play that is stopped leaves no half report; makes its folder."""
    folder = os.path.dirname(path) or '.'
    os.makedirs(folder, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix='.bootproof-', dir=folder)
    try:
        with os.fdopen(descriptor, 'wb') as stream:
            stream.write(data)
        os.chmod(unfinished, 0o666 & ~umask())
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise


def umask() -> int:
    """The process's umask; it can only be read by setting it."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
