# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python values as GVariants that every language reads.

=======================================  ======================================================
Python                                   GVariant
=======================================  ======================================================
None                                     no value at all; inside another value ``mv`` nothing
bool                                     b
int                                      i, or x, or t: the first that it fits
float                                    d
str                                      s
bytes, bytearray, memoryview             ay
list                                     av
tuple                                    a tuple of what its members are
dict with str or int keys                a{sv} or a{xv}
a number of numpy                        as bool, int or float
an array of numpy, of n dimensions       ab, ay, an, aq, ai, au, ax, at, ad in n - 1 more arrays
a SharedArray                            what a Gmp.SharedMemory is made from
Variant                                  itself
=======================================  ======================================================

Read back, arrays are lists, but ``ay`` is bytes and ``a{..}`` is a dict. Of the objects that
JavaScript alone has, ``(sv)`` with their name, a Date is a datetime, a Map a dict, a Set a set; of
others there is what they are made of.
"""

from __future__ import annotations


import _gmproc

from ._errors import BadPayload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# numpy's kind and size of an element, for the letter of GVariant's.
_ELEMENTS = {'b1': 'b', 'u1': 'y', 'i2': 'n', 'u2': 'q', 'i4': 'i', 'u4': 'u', 'i8': 'x', 'u8': 't',
             'f8': 'd'}

# What GVariant does not have, and what takes its place.
_WIDENED = {'i1': 'i2', 'f2': 'f8', 'f4': 'f8'}


def name_of_type(value: object) -> str:
    """The name of a value's type in a message: ``list``, ``fractions.Fraction``."""
    kind = type(value)
    if kind.__module__ in ('builtins', '__main__', '__mp_main__'):
        return kind.__qualname__
    return f'{kind.__module__}.{kind.__qualname__}'


def dump_other(value: Any, contains_itself: bool) -> _gmproc.Variant:
    """The Variant for a value that _gmproc cannot convert; raises BadPayload if there is none."""
    if contains_itself:
        raise BadPayload(f"a Python '{name_of_type(value)}' that contains itself, or is nested too "
                         'deeply, cannot be sent to other languages: at most 63 lists, or 42 '
                         'dicts, may be inside each other')
    if isinstance(value, int):
        raise BadPayload(f"a Python 'int' of {value.bit_length()} bits is too big for other "
                         'languages: it should be from -2**63 to 2**64 - 1')
    if isinstance(value, str):
        raise BadPayload(_find_fault(value))
    if isinstance(value, dict):
        for key in value:
            if isinstance(key, str):
                dump(key)
        are_ints = all(isinstance(key, int) for key in value)
        raise BadPayload("the keys of a Python 'dict' for other languages should all be " +
                         ('from -2**63 to 2**63 - 1' if are_ints else 'str, or all int'))
    if hasattr(value, '_to_natural'):
        return value._to_natural()
    if type(value).__module__ == 'numpy':
        return _dump_numpy(value)
    raise BadPayload(f"a Python '{name_of_type(value)}' has no equivalent in other languages: send "
                     'numbers, text, bytes, lists, dicts or arrays')


def _find_fault(text: str) -> str:
    if '\0' in text:
        return ("a Python 'str' with a NUL in it cannot be sent to other languages: send bytes")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"a Python 'str' that is no valid Unicode cannot be sent: {error}"
    return "a Python 'str' that cannot be sent"


def dump(value: Any) -> Any:
    """The Variant for a value, None for None; raises BadPayload if there is none."""
    return _gmproc.dump(value, None, True)


def load(value: _gmproc.Variant | None) -> Any:
    """The Python value for a Variant."""
    return _gmproc.load(value, None)


def _dump_numpy(value: Any) -> _gmproc.Variant:
    import numpy

    element = None
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        size = value.dtype.kind + str(value.dtype.itemsize)
        size = _WIDENED.get(size, size)
        element = _ELEMENTS.get(size)
    if element is None:
        kind = getattr(value, 'dtype', type(value))
        raise BadPayload(f"a numpy '{kind}' has no equivalent in other languages")
    # The rows of a matrix would be matrices.
    return _dump_rows(numpy.asarray(value, size), element)


def _dump_rows(value: Any, element: str) -> _gmproc.Variant:
    if value.ndim == 0:
        return dump(value.item())
    if value.ndim == 1:
        return _gmproc.Variant.from_bytes('a' + element, value.tobytes())
    return _gmproc.Variant.new_array('a' * (value.ndim - 1) + element,
                                     [_dump_rows(row, element) for row in value])


def load_object(kind: str, parts: Any) -> Any:
    """The Python value for an object that only JavaScript has, from its parts."""
    try:
        if kind == 'Date':
            import datetime

            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            return epoch + datetime.timedelta(milliseconds=parts)
        if kind == 'Set':
            return set(parts)
        if kind == 'Map':
            return {parts[i]: parts[i + 1] for i in range(0, len(parts), 2)}
    except (LookupError, TypeError, ValueError, OverflowError):
        pass  # Without an equivalent in Python, such as a set of lists or an invalid date.
    return parts
