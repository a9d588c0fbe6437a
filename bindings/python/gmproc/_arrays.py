# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Questions of _gmproc about numpy: once for each dtype, and never before the program has imported
numpy or received an array.
"""

from __future__ import annotations

import ast
import sys

from ._errors import BadPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # The text of a dtype, the bytes of an item, and whether it has fields.
    Description = tuple[bytes, int, bool]

_KINDS = 'biufcmMSUV'


def find_numpy(may_import: bool) -> Any:
    """The table of functions that numpy exports to other modules; None without numpy."""
    if 'numpy' not in sys.modules and not may_import:
        return None
    import numpy

    if int(numpy.__version__.split('.')[0]) < 2:
        from numpy.core.multiarray import _ARRAY_API
    else:
        from numpy._core.multiarray import _ARRAY_API
    return _ARRAY_API


def describe_dtype(dtype: Any) -> Description | None:
    """The text from which make_dtype() makes the same dtype; None if only a pickle can."""
    spec = _specify(dtype)
    if spec is None:
        return None
    text = spec.encode() if isinstance(spec, str) else repr(spec).encode()
    if len(text) > 0xffff:
        return None
    made, description = make_dtype(text)
    is_same = (made == dtype and made.type is dtype.type and made.str == dtype.str
               and made.isalignedstruct == dtype.isalignedstruct)
    return description if is_same else None


def _specify(dtype: Any) -> Any:
    """The argument for numpy.dtype(): a str, or a dict for fields, or None."""
    if (dtype.hasobject or dtype.isbuiltin == 2 or dtype.metadata is not None
            or dtype.kind not in _KINDS or dtype.itemsize == 0):
        return None
    if dtype.subdtype is not None:
        base = _specify(dtype.subdtype[0])
        return None if base is None else (base, dtype.shape)
    if dtype.names is None:
        # Types of one size differ: 'l' and 'q' are both '<i8'.
        is_native = dtype.isbuiltin == 1 and dtype.kind in 'biufc'
        return dtype.char if is_native else dtype.str
    fields = [dtype.fields[name] for name in dtype.names]
    formats = [_specify(field[0]) for field in fields]
    # The names within a field's own dtype can change unseen, and titles are any objects.
    if None in formats or any(len(field) > 2 or field[0].base.names for field in fields):
        return None
    return {'names': list(dtype.names), 'formats': formats,
            'offsets': [field[1] for field in fields], 'itemsize': dtype.itemsize,
            'aligned': dtype.isalignedstruct}


def make_dtype(text: bytes) -> tuple[Any, Description]:
    """The dtype of a text, which may have come from anywhere; raises BadPayload."""
    import numpy

    try:
        decoded = text.decode()
        spec = ast.literal_eval(decoded) if decoded[:1] == '{' else decoded
        dtype = numpy.dtype(spec)
    except (ValueError, TypeError, SyntaxError, OverflowError, MemoryError, RecursionError,
            KeyError) as error:
        raise BadPayload(f'{text[:100]!r} is not a dtype of numpy') from error
    if dtype.hasobject or dtype.itemsize == 0 or dtype.kind not in _KINDS or dtype.subdtype:
        raise BadPayload(f'arrays of the dtype {dtype} can only be pickled')
    return dtype, (text, dtype.itemsize, dtype.names is not None)
