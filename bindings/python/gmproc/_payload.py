# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Values for a worker of a certain language, and from one.

The messages of clients and servers do not come by here: _gmproc does the same for them in C.
"""

from __future__ import annotations

import _gmproc

from ._errors import BadPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn


def dump(value: Any, runtime: str | None, has_main: bool = True) -> _gmproc.Variant | None:
    """The GVariant that takes a value to a worker of ``runtime``; raises BadPayload.

    It may refer to the data of arrays until it is sent, rather than have a copy.
    """
    return _gmproc.dump(value, runtime, has_main)


def dump_params(params: Any) -> _gmproc.Variant | None:
    """The parameters of a worker in another language."""
    try:
        return dump(params, None)
    except BadPayload as reason:
        reason.part = 'parameters'
        raise


def load(value: _gmproc.Variant | None, runtime: str | None) -> Any:
    """The value that came from a worker of ``runtime``; raises BadPayload."""
    return _gmproc.load(value, runtime)


def refuse(runtime: str | None) -> NoReturn:
    """Raises BadPayload for a pickle from another language, and does not load it: unpickling can
    run any code.
    """
    raise BadPayload(f"a Python pickle came from a worker of runtime '{runtime}', and is not "
                     'unpickled, because it could run any code: send plain values from there')
