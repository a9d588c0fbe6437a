# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Arrays of numpy in memory that several processes share."""

from __future__ import annotations

import math
import sys
import weakref

import numpy

import _gmproc

from . import _natural
from ._errors import BadPayload
from ._gerror import GError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The mappings of this process, by inode and size: memory is mapped once, however often it is
# received.
_open: weakref.WeakValueDictionary[Any, _gmproc.SharedMemory] = weakref.WeakValueDictionary()


class SharedArray(numpy.ndarray):
    """An array whose memory the application and its workers share.

    ::

        def fill(params):
            rows, i = params
            rows[i] = i             # the application sees it

        rows = gmproc.SharedArray((8, 1000), 'f4')
        with gmproc.Workers() as workers:
            workers.map(fill, [(rows, i) for i in range(8)])

    It can be a parameter, an item of ``map``, a message or a part of one. The receiver gets an
    array in the same memory: nothing is copied. So do views of it, such as ``rows[3]`` or
    ``rows[:, ::2]``. Results of computations, ``rows + 1`` or ``rows.copy()``, are arrays of their
    own, and are sent as such.

    The memory begins as zeros and has no name in the file system. It is freed with the last array
    in any process that refers to it, also where processes crash. The sender keeps it until the
    receiver has it.

    Nothing is locked. Agree on who writes what and when: for example, each worker writes to its own
    rows, and the application reads them when the worker has returned or has sent a message. The
    receiver of a message sees everything that was written before it was sent.

    Args:
        shape: as for ``numpy.zeros``: an int or a tuple of ints.
        dtype: as for ``numpy.zeros``, but without objects.
        order: ``'C'`` or ``'F'``.

    Raises:
        TypeError: the dtype has objects.
        ValueError: the shape is invalid, or too large for any memory.
        GError: the system refuses the memory.
    """

    def __new__(cls, shape: Any, dtype: Any = float, order: str = 'C') -> SharedArray:
        dtype = _make_dtype(dtype)
        shape = (shape,) if isinstance(shape, (int, numpy.integer)) else tuple(shape)
        if any(size < 0 for size in shape):
            raise ValueError(f'a SharedArray cannot have the shape {shape}: each number should be '
                             '0 or more')
        size = math.prod(map(int, shape)) * dtype.itemsize
        if size > sys.maxsize:
            raise ValueError(f'a SharedArray of the shape {shape} would have {size} bytes: at most '
                             f'{sys.maxsize} are possible')
        memory = _make_memory(max(1, size))
        return super().__new__(cls, shape, dtype, memory, order=order)

    @classmethod
    def open(cls, value: Any, shape: Any, dtype: Any = float, order: str = 'C') -> SharedArray:
        """The array in memory that a worker in another language has made.

        Args:
            value: what ``gmp_shared_memory_to_variant()`` has become on its way: a tuple.
            shape, dtype, order: as the other side knows them.

        Raises:
            TypeError: the dtype has objects.
            ValueError: it is not shared memory, has been freed, or has fewer bytes.
        """
        dtype = _make_dtype(dtype)
        if isinstance(value, tuple):
            value = _gmproc.Variant('(suitt)', value)
        if not isinstance(value, _gmproc.Variant):
            raise ValueError(f'a {type(value).__name__} is not shared memory')
        memory = _open_memory(value)
        try:
            return super().__new__(cls, shape, dtype, memory, order=order)
        except TypeError as error:  # of numpy's, where the memory is too small
            raise ValueError(f'the shared memory has {value.unpack()[4]} bytes: {error}') from None

    def to_variant(self) -> _gmproc.Variant:
        """The value for ``gmp_shared_memory_from_variant()`` in other languages: the memory,
        without dtype and shape. A SharedArray that is sent to a worker in another language becomes
        this.

        Raises:
            BadPayload: this is a view of a part, or no shared memory.
        """
        memory = _find_memory(self)
        if memory is None:
            raise BadPayload('this array is not shared memory: it is a copy, or the result of a '
                             'computation')
        if _find_offset(self, memory) != 0 or not self.flags.forc:
            raise BadPayload('a view of a SharedArray cannot be sent to other languages: send the '
                             'whole array')
        return memory.to_variant()

    def _to_natural(self) -> _gmproc.Variant:
        is_shared = _find_memory(self) is not None
        return self.to_variant() if is_shared else _natural.dump(self.view(numpy.ndarray))

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        """Computed results are ordinary arrays or numbers."""
        if _find_memory(array) is not None:
            return array  # it was the argument ``out``
        array = array.view(numpy.ndarray)
        return array if array.ndim else array[()]

    def __reduce_ex__(self, protocol: Any) -> Any:
        memory = _find_memory(self)
        if memory is None:
            # Read-only arrays arrive writable: see _pickles.
            array = self.view(numpy.ndarray) if self.flags.writeable else numpy.array(self)
            return array.__reduce_ex__(protocol)
        return _make_view, (memory.to_variant(), self.shape, self.dtype,
                            _find_offset(self, memory), self.strides, self.flags.writeable)


def _make_dtype(dtype: Any) -> numpy.dtype:
    dtype = numpy.dtype(dtype)
    if dtype.hasobject:
        raise TypeError(f'a SharedArray cannot contain Python objects, as dtype {dtype} does')
    # As numpy.zeros() does for text without a size, such as 'U': it would drop what is assigned.
    return numpy.dtype(f'{dtype.char}1') if dtype.char in 'US' and not dtype.itemsize else dtype


def _find_memory(array: Any) -> _gmproc.SharedMemory | None:
    """The shared memory that an array lies in, if it does."""
    # Between a view with strides of its own and its array is an object that is no array.
    while array is not None and not isinstance(array, _gmproc.SharedMemory):
        array = getattr(array, 'base', None)
    return array if isinstance(array, _gmproc.SharedMemory) else None


def _get_address(array: numpy.ndarray) -> int:
    address: int = array.__array_interface__['data'][0]
    return address


def _find_offset(array: numpy.ndarray, memory: _gmproc.SharedMemory) -> int:
    return _get_address(array) - _get_address(numpy.frombuffer(memory, 'u1'))


def _make_memory(size: int) -> _gmproc.SharedMemory:
    memory = _gmproc.SharedMemory(size)
    _open[memory.to_variant().unpack()[3:]] = memory
    return memory


def _open_memory(value: _gmproc.Variant) -> _gmproc.SharedMemory:
    key = value.unpack()[3:] if value.get_type_string() == '(suitt)' else None
    memory = _open.get(key)
    if memory is None:
        try:
            memory = _gmproc.SharedMemory.from_variant(value)
        except GError as error:
            raise ValueError(error.message) from None
        _open[key] = memory
    return memory


def _make_view(value: _gmproc.Variant, shape: tuple[int, ...], dtype: numpy.dtype, offset: int,
               strides: tuple[int, ...], is_writeable: bool) -> SharedArray:
    array = numpy.ndarray.__new__(SharedArray, shape, dtype, _open_memory(value), offset, strides)
    array.flags.writeable = is_writeable
    return array
