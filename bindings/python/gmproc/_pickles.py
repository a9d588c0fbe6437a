# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python values as pickles, for workers in Python only; _gmproc puts them into GVariants.

Buffers, such as the data of arrays, are left out of the pickle, to be copied once on their way out,
and not at all on their way in where they come through shared memory.
"""

from __future__ import annotations

import _thread
import contextlib
import copyreg
import gc
import io
import pickle
import sys
import threading

import _gmproc

from ._errors import BadPayload, is_of_signal, text_of
from ._natural import name_of_type

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # A pickle, and the buffers that belong to it.
    Parts = tuple[Any, list[Any]]


def _same(buffer: Any) -> Any:
    return buffer


def _reduce_view(view: _gmproc.View) -> Any:
    return _same, (pickle.PickleBuffer(view),)  # type: ignore[arg-type]


def _make_variant(signature: str, data: bytes) -> _gmproc.Variant:
    return _gmproc.Variant.from_bytes(signature, data)


def _reduce_variant(value: _gmproc.Variant) -> Any:
    return _make_variant, (value.get_type_string(), value.get_bytes())


# A buffer that arrives because a PickleBuffer was sent can be forwarded.
copyreg.pickle(_gmproc.View, _reduce_view)
copyreg.pickle(_gmproc.Variant, _reduce_variant)


class _Pieces(list[bytes]):
    """A file for a pickler, which calls Python code for each 64 KiB: other threads run then."""

    def write(self, piece: Any) -> None:
        self.append(bytes(piece))


class _Reader:
    """A file for an unpickler, likewise."""

    def __init__(self, data: Any) -> None:
        self._data = memoryview(data)
        self._position = 0

    def read(self, size: int) -> bytes:
        start = self._position
        self._position = min(start + size, len(self._data))
        return bytes(self._data[start:self._position])

    def readinto(self, buffer: Any) -> int:
        piece = self.read(len(buffer))
        buffer[:len(piece)] = piece
        return len(piece)

    def readline(self) -> bytes:
        # Protocol 5 has no lines, but an unpickler asks for this method.
        rest = bytes(self._data[self._position:])
        return self.read(rest.find(b'\n') + 1 or len(rest))


def load_large(data: Any, *, buffers: Any = ()) -> Any:
    """As ``pickle.loads``, but lets other threads run meanwhile, and does without the garbage
    collector, which would look at all that is there again and again.
    """
    is_enabled = gc.isenabled()
    try:
        gc.disable()
        return pickle.Unpickler(_Reader(data), buffers=buffers).load()
    finally:
        if is_enabled:
            gc.enable()


#: True if pickling a value takes so long that no event loop should wait for it.
is_large = _gmproc.is_large


def _dump_with(pickler: type[pickle.Pickler], value: Any) -> Parts:
    buffers: list[pickle.PickleBuffer] = []
    if pickler is pickle.Pickler and _thread.get_ident() == threading.main_thread().ident:
        data = pickle.dumps(value, 5, buffer_callback=buffers.append)
    else:
        pieces = _Pieces()
        pickler(pieces, 5, buffer_callback=buffers.append).dump(value)  # type: ignore[arg-type]
        data = b''.join(pieces)
    fault = _gmproc.classify(buffers) if buffers else None
    if fault == 'pieces':
        # A buffer in pieces stays in the pickle.
        file = io.BytesIO()
        pickler(file, 5).dump(value)
        return file.getvalue(), []
    if fault == 'read-only' and not hasattr(pickler, 'thaw'):
        return _dump_with(_make_thawing(pickler), value)
    return data, buffers


def _make_thawing(pickler: type[pickle.Pickler]) -> type[pickle.Pickler]:
    """Pickles read-only arrays as if they were writable, because a received array may be written
    to.
    """
    class Thawing(pickler):  # type: ignore[misc, valid-type]
        def thaw(self, value: Any) -> Any:
            # Only arrays of exactly this type are pickled with buffers.
            numpy = sys.modules.get('numpy')
            if numpy is None or type(value) is not numpy.ndarray or value.flags.writeable:
                return NotImplemented
            return value.copy(order='K').__reduce_ex__(5)

        def reducer_override(self, value: Any) -> Any:
            reduced = self.thaw(value)
            inherited = getattr(super(), 'reducer_override', None)
            if reduced is NotImplemented and inherited is not None:
                return inherited(value)
            return reduced
    return Thawing


# By module, the classes whose objects only child processes can inherit.
_INHERITED = {
    'multiprocessing.connection': ('Connection',),
    'multiprocessing.synchronize': ('SemLock', 'Condition', 'Event', 'Barrier'),
    'multiprocessing.queues': ('Queue', 'SimpleQueue'),
    'multiprocessing.sharedctypes': ('SynchronizedBase',),
    'multiprocessing.heap': ('BufferWrapper', 'Arena'),
}


def _refuse(value: Any) -> None:
    """Raises BadPayload for objects that cannot work in another process, even if they can be
    pickled.
    """
    if isinstance(value, io.TextIOWrapper) and value not in (sys.stdout, sys.stderr):
        name = getattr(value, 'name', value)
        raise BadPayload(f'an open file, {name!r}, belongs to this process: send its path, and '
                         'open it where it is needed')
    for module, names in _INHERITED.items():
        for name in names:
            if isinstance(value, getattr(sys.modules.get(module), name, ())):
                raise BadPayload(f"a '{type(value).__module__}.{type(value).__qualname__}' belongs "
                                 'to this process and those that inherit it: use what a '
                                 'multiprocessing.Manager() makes, which can be sent')


def _make_refusing(pickler: type[pickle.Pickler]) -> type[pickle.Pickler]:
    class Refusing(pickler):  # type: ignore[misc, valid-type]
        def reducer_override(self, value: Any) -> Any:
            _refuse(value)
            inherited = getattr(super(), 'reducer_override', None)
            return inherited(value) if inherited is not None else NotImplemented
    return Refusing


def _dump_by_value(value: Any, reason: str, cause: Exception | None = None) -> Parts:
    try:
        import cloudpickle
    except ImportError:
        with contextlib.suppress(pickle.PicklingError, TypeError, AttributeError):
            _make_refusing(pickle.Pickler)(io.BytesIO(), 5).dump(value)
        raise BadPayload(f"a Python '{name_of_type(value)}' cannot be pickled: {reason}. Define it "
                         'at the top of a module, or install cloudpickle (python3-cloudpickle) for '
                         'lambdas, closures, and what an interactive session defines') from cause
    try:
        return _dump_with(_make_refusing(cloudpickle.CloudPickler), value)
    except BadPayload as refusal:
        raise refusal from cause
    except Exception as error:
        if is_of_signal(error):
            raise
        raise BadPayload(f"a Python '{name_of_type(value)}' cannot be pickled: {text_of(error)}"
                         ) from error


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
        if is_of_signal(error):
            raise
        return _dump_by_value(value, text_of(error), error)
    if 'multiprocessing.connection' in sys.modules and b'multiprocessing.connection' in data:
        # A Connection is pickled as the number of its descriptor, which is a different one there.
        _make_refusing(pickle.Pickler)(io.BytesIO(), 5).dump(value)
    if not has_main and b'__main__' in data:
        return _dump_by_value(value, 'it refers to __main__, which a worker cannot import when it '
                              'is an interactive session, standard input or -c')
    return data, buffers


def load(value: _gmproc.Variant) -> Any:
    data, buffers = _gmproc.unwrap(value)
    return pickle.loads(data, buffers=buffers)
