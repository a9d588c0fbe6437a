# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python values as pickles in GVariants, for workers in Python only.

A pickle is ``(sayaay)``: what it is, the pickle, and the buffers that were left out of it, such as
the data of arrays. The first string tells it from all that is meant for other languages.
"""

from __future__ import annotations

import io
import pickle
import sys
from typing import Any

from gi.repository import GLib

from ._errors import BadPayload
from ._natural import from_bytes, name_of_type, to_bytes

_SIGNATURE = '(sayaay)'
_BYTES = GLib.VariantType('ay')

VALUE = 'gmproc.pickle'
EXCEPTION = 'gmproc.exception'

# A pickle, and the buffers that belong to it.
Parts = tuple[Any, list[Any]]


def _dump_with(pickler: type[pickle.Pickler], value: Any) -> Parts:
    buffers: list[pickle.PickleBuffer] = []
    file = io.BytesIO()
    pickler(file, 5, buffer_callback=buffers.append).dump(value)
    try:
        views = [buffer.raw() for buffer in buffers]
    except BufferError:
        # A buffer in pieces stays in the pickle.
        file = io.BytesIO()
        pickler(file, 5).dump(value)
        return file.getvalue(), []
    if any(view.readonly for view in views) and not hasattr(pickler, 'thaw'):
        return _dump_with(_make_thawing(pickler), value)
    return file.getvalue(), [bytes(view) for view in views]


def _make_thawing(pickler: type[pickle.Pickler]) -> type[pickle.Pickler]:
    """A pickler of read-only arrays too, which would arrive read-only; what arrives may be written
    to."""
    class Thawing(pickler):  # type: ignore[misc, valid-type]
        def thaw(self, value: Any) -> Any:
            numpy = sys.modules.get('numpy')
            if numpy is None or not isinstance(value, numpy.ndarray) or value.flags.writeable:
                return NotImplemented
            return value.copy(order='K').__reduce_ex__(5)

        def reducer_override(self, value: Any) -> Any:
            reduced = self.thaw(value)
            inherited = getattr(super(), 'reducer_override', None)
            if reduced is NotImplemented and inherited is not None:
                return inherited(value)
            return reduced
    return Thawing


def _dump_by_value(value: Any, reason: str) -> Parts:
    try:
        import cloudpickle
    except ImportError:
        raise BadPayload(f"a Python '{name_of_type(value)}' cannot be pickled: {reason}. Define it "
                         'at the top of a module, or install cloudpickle (python3-cloudpickle) for '
                         'lambdas, closures, and what an interactive session defines') from None
    try:
        return _dump_with(cloudpickle.CloudPickler, value)
    except Exception as error:
        raise BadPayload(f"a Python '{name_of_type(value)}' cannot be pickled: {error}") from None


def dump_parts(value: Any, has_main: bool = True) -> Parts:
    """Pickles a value, by value what cannot be found by its name.

    Args:
        value: anything.
        has_main: whether the receiver has this program's ``__main__``, so that names in it mean
            something there.
    """
    try:
        data, buffers = _dump_with(pickle.Pickler, value)
    except Exception as error:
        return _dump_by_value(value, str(error))
    if not has_main and b'__main__' in data:
        return _dump_by_value(value, 'it refers to __main__, which a worker cannot import when it '
                              'is an interactive session, standard input or -c')
    return data, buffers


def wrap(parts: Parts, tag: str = VALUE) -> GLib.Variant:
    data, buffers = parts
    return GLib.Variant.new_tuple(GLib.Variant.new_string(tag), from_bytes('ay', data),
                                  GLib.Variant.new_array(_BYTES, [from_bytes('ay', each)
                                                                  for each in buffers]))


def dump(value: Any, has_main: bool = True, tag: str = VALUE) -> GLib.Variant:
    return wrap(dump_parts(value, has_main), tag)


def get_tag(value: GLib.Variant | None) -> str | None:
    """The tag of a pickle; None for other values."""
    if value is None or value.get_type_string() != _SIGNATURE:
        return None
    tag = value.get_child_value(0).get_string()
    return tag if tag.startswith('gmproc.') else None


def unwrap(value: GLib.Variant) -> Parts:
    """The parts of a pickle; the buffers are the receiver's own, to write to."""
    buffers = value.get_child_value(2)
    return (to_bytes(value.get_child_value(1)),
            [bytearray(to_bytes(buffers.get_child_value(i))) for i in range(buffers.n_children())])


def load_parts(parts: Parts) -> Any:
    data, buffers = parts
    return pickle.loads(data, buffers=buffers)


def load(value: GLib.Variant) -> Any:
    return load_parts(unwrap(value))


class _Bare:
    """An exception whose class cannot rebuild it from its pickle: its ``__init__`` is left out."""

    def __init__(self, exception: BaseException, state: dict[str, Any]) -> None:
        self.parts = type(exception), exception.args, state

    def __reduce__(self) -> Any:
        return _rebuild, self.parts


def _rebuild(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]
             ) -> BaseException:
    exception = kind.__new__(kind, *args)
    exception.args = args
    exception.__dict__.update(state)
    return exception


def dump_exception(exception: BaseException) -> GLib.Variant | None:
    """An exception that arrives as itself; None for one that cannot be pickled at all."""
    for each in (exception, _Bare(exception, exception.__dict__), _Bare(exception, {})):
        try:
            parts = dump_parts(each)
            if type(load_parts(parts)) is type(exception):
                return wrap(parts, EXCEPTION)
        except Exception:
            continue
    return None


def load_exception(value: GLib.Variant) -> BaseException | None:
    """What dump_exception() sent; None where it cannot be rebuilt here."""
    try:
        exception = load(value)
    except Exception:
        return None
    return exception if isinstance(exception, BaseException) else None
