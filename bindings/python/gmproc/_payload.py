# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Values for a worker of a certain language, and from one."""

from __future__ import annotations

from typing import Any

from gi.repository import GLib

from . import _natural, _pickles
from ._errors import BadPayload


def dump(value: Any, runtime: str | None, has_main: bool = True) -> GLib.Variant | None:
    """The GVariant that takes a value to a worker of ``runtime``; raises BadPayload."""
    if value is None or isinstance(value, GLib.Variant):
        return value
    if runtime == 'python':
        return _pickles.dump(value, has_main)
    try:
        return _natural.dump(value)
    except RecursionError:
        raise BadPayload(f"a Python '{_natural.name_of_type(value)}' that contains itself cannot "
                         'be sent to other languages') from None


def load(value: GLib.Variant | None, runtime: str | None) -> Any:
    """The value that came from a worker of ``runtime``.

    Raises BadPayload for a pickle that did not come from Python, which is not looked into:
    unpickling can run any code.
    """
    if _pickles.get_tag(value) is None:
        return _natural.load(value)
    if runtime != 'python':
        raise BadPayload(f"a Python pickle came from a worker of runtime '{runtime}', and is not "
                         'unpickled')
    return _pickles.load(value)
