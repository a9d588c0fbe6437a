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
GLib.Variant                             itself
=======================================  ======================================================

Read back, arrays are lists, but ``ay`` is bytes and ``a{..}`` is a dict. Of the objects that
JavaScript alone has, ``(sv)`` with their name, a Date is a datetime, a Map a dict, a Set a set; of
others there is what they are made of.
"""

from __future__ import annotations

import array
import datetime
from typing import Any

from gi.repository import GLib

from ._errors import BadPayload

Variant = GLib.Variant

# The arrays that can be read in one go: the letters of the module array for those of GVariant.
_FAST_ARRAYS = {'an': 'h', 'aq': 'H', 'ai': 'i', 'au': 'I', 'ax': 'q', 'at': 'Q', 'ad': 'd'}

_INTEGERS = (('i', -2**31, 2**31), ('x', -2**63, 2**63), ('t', 0, 2**64))

# numpy's kind and size of an element, for the letter of GVariant's; there is no float of 4 bytes.
_ELEMENTS = {'b1': 'b', 'u1': 'y', 'i2': 'n', 'u2': 'q', 'i4': 'i', 'u4': 'u', 'i8': 'x', 'u8': 't',
             'f8': 'd'}

# What stands before the parts of an object that JavaScript alone has: see its types.js.
_JAVASCRIPT = 'gmproc.js.'


def name_of_type(value: object) -> str:
    """What to call the type of a value in a message: ``list``, ``fractions.Fraction``."""
    kind = type(value)
    if kind.__module__ in ('builtins', '__main__', '__mp_main__'):
        return kind.__qualname__
    return f'{kind.__module__}.{kind.__qualname__}'


def from_bytes(signature: str, data: bytes) -> GLib.Variant:
    """An array of numbers from its bytes, at the speed of a copy."""
    return Variant.new_from_bytes(GLib.VariantType(signature), GLib.Bytes.new(data), True)


def to_bytes(value: GLib.Variant) -> bytes:
    """The bytes of an array of numbers."""
    return value.get_data_as_bytes().get_data() or b''


def dump(value: Any) -> GLib.Variant | None:
    """The GVariant for a value; raises BadPayload for one that has none."""
    return None if value is None else _dump(value)


def _dump(value: Any) -> GLib.Variant:
    if isinstance(value, Variant):
        return value
    if value is None:
        return Variant.new_maybe(GLib.VariantType('v'), None)
    if isinstance(value, bool):
        return Variant.new_boolean(value)
    if isinstance(value, int):
        return _dump_int(int(value))
    if isinstance(value, float):
        return Variant.new_double(value)
    if isinstance(value, str):
        return _dump_str(value)
    if isinstance(value, (bytes, bytearray, memoryview)):
        return from_bytes('ay', bytes(value))
    if isinstance(value, list):
        return Variant.new_array(GLib.VariantType('v'), [_box(each) for each in value])
    if isinstance(value, tuple):
        return Variant.new_tuple(*[_dump(each) for each in value])
    if isinstance(value, dict):
        return _dump_dict(value)
    if type(value).__module__ == 'numpy':
        return _dump_numpy(value)
    raise BadPayload(f"there is nothing like a Python '{name_of_type(value)}' in other languages")


def _box(value: Any) -> GLib.Variant:
    return Variant.new_variant(_dump(value))


def _dump_int(value: int) -> GLib.Variant:
    for signature, first, end in _INTEGERS:
        if first <= value < end:
            return Variant(signature, value)
    raise BadPayload(f"a Python 'int' of {value.bit_length()} bits is too big: at most 64 bits can "
                     'be sent to other languages')


def _dump_str(value: str) -> GLib.Variant:
    if '\0' in value:
        raise BadPayload("a Python 'str' with a NUL in it cannot be sent to other languages: send "
                         'bytes')
    try:
        return Variant.new_string(value)
    except UnicodeEncodeError as error:
        raise BadPayload(f"a Python 'str' that is no valid Unicode cannot be sent: {error}"
                         ) from None


def _dump_dict(value: dict[Any, Any]) -> GLib.Variant:
    if all(isinstance(key, str) for key in value):
        signature, dump_key = 's', _dump_str
    elif all(isinstance(key, int) and -2**63 <= key < 2**63 for key in value):
        signature, dump_key = 'x', Variant.new_int64
    else:
        raise BadPayload("a Python 'dict' sent to other languages has only str, or only int, keys")
    entries = [Variant.new_dict_entry(dump_key(key), _box(each)) for key, each in value.items()]
    return Variant.new_array(GLib.VariantType('{' + signature + 'v}'), entries)


def _dump_numpy(value: Any) -> GLib.Variant:
    import numpy

    if isinstance(value, numpy.generic) and value.dtype.kind in 'biuf':
        return _dump(value.item())
    if isinstance(value, numpy.ndarray) and value.dtype.kind + str(value.dtype.itemsize) in ('f4',
                                                                                             'f2'):
        value = value.astype(numpy.float64)
    element = None
    if isinstance(value, numpy.ndarray):
        element = _ELEMENTS.get(value.dtype.kind + str(value.dtype.itemsize))
    if element is None and isinstance(value, numpy.ndarray) and value.dtype == numpy.int8:
        value, element = value.astype(numpy.int16), 'n'
    if element is None:
        kind = getattr(value, 'dtype', type(value))
        raise BadPayload(f"there is nothing like a numpy '{kind}' in other languages")
    return _dump_rows(value.astype(value.dtype.newbyteorder('='), copy=False), element)


def _dump_rows(value: Any, element: str) -> GLib.Variant:
    if value.ndim == 0:
        return _dump(value.item())
    if value.ndim == 1:
        return from_bytes('a' + element, value.tobytes())
    return Variant.new_array(GLib.VariantType('a' * (value.ndim - 1) + element),
                             [_dump_rows(row, element) for row in value])


def load(value: GLib.Variant | None) -> Any:
    """The Python value for a GVariant."""
    if value is None:
        return None
    signature = value.get_type_string()
    first = signature[0]
    if first == 'v':
        return load(value.get_variant())
    if first == 'm':
        return load(value.get_child_value(0)) if value.n_children() else None
    if first == '(':
        members = tuple(_load_children(value))
        return _load_javascript(*members) if _is_javascript(signature, members) else members
    if first != 'a':
        return value.unpack()
    if signature == 'ay':
        return to_bytes(value)
    if signature in _FAST_ARRAYS:
        return array.array(_FAST_ARRAYS[signature], to_bytes(value)).tolist()
    if signature[1] == '{':
        return dict(_load_children(entry) for entry in _children(value))
    return _load_children(value)


def _is_javascript(signature: str, members: tuple[Any, ...]) -> bool:
    return signature == '(sv)' and members[0].startswith(_JAVASCRIPT)


def _load_javascript(name: str, parts: Any) -> Any:
    kind = name[len(_JAVASCRIPT):]
    try:
        if kind == 'Date':
            epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
            return epoch + datetime.timedelta(milliseconds=parts)
        if kind == 'Set':
            return set(parts)
        if kind == 'Map':
            return dict(zip(parts[::2], parts[1::2], strict=True))
    except (TypeError, ValueError, OverflowError):
        pass  # A set of lists, an invalid date: there is nothing like it here.
    return parts


def _children(value: GLib.Variant) -> list[GLib.Variant]:
    return [value.get_child_value(i) for i in range(value.n_children())]


def _load_children(value: GLib.Variant) -> list[Any]:
    return [load(child) for child in _children(value)]
