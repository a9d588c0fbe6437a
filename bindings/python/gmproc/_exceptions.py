# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Exceptions on their way between processes, with those that led to them.

Each exception of a chain or group is packed by itself, so that one that cannot be rebuilt does not
take the others with it. ``__init__`` is not called again: with the arguments that a class hands to
its base it would often fail, or put the same words into the text twice.
"""

from __future__ import annotations

import builtins
import contextlib
import copyreg
import pickle
import types

import _gmproc

from . import _pickles
from ._errors import format_exception, is_of_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

TAG = 'gmproc.exception'

# Groups of exceptions; Python has them from 3.11 on.
_GROUP: Any = getattr(builtins, 'BaseExceptionGroup', ())

# The number of exceptions of a chain that are sent.
_LIMIT = 64

# A class with one of these can pickle its objects.
_OWN_WAYS = '__reduce__', '__reduce_ex__', '__getstate__', '__setstate__', '__getnewargs__', \
    '__getnewargs_ex__'


class _Node:
    """One exception: how it is made, and its text where that fails.

    Attributes:
        parts: the pickle of what ``_make`` takes, or None.
        text: its class and text, as Python prints them.
        links: the places of its ``cause`` and ``context`` in the list of nodes.
        members: those of the exceptions of a group.
    """

    def __init__(self, exception: BaseException) -> None:
        self.parts: _pickles.Parts | None = None
        self.text = format_exception(exception, has_trace=False)
        self.links: dict[str, int] = {}
        self.members: list[int] = []


def _text(value: Any) -> str | None:
    try:
        return str(value)
    except Exception:
        return None


def _base(kind: type[BaseException]) -> Any:
    """The built-in class that an exception is derived from."""
    return next(each for each in kind.__mro__ if each.__module__ == 'builtins')


def _list_members(exception: BaseException) -> Iterator[tuple[str, Any]]:
    """The state of an exception outside its __dict__: __slots__, and fields of built-in classes."""
    kind = type(exception)
    names = list(getattr(copyreg, '_slotnames')(kind))
    names += [name for name, each in vars(_base(kind)).items()
              if isinstance(each, types.MemberDescriptorType) and not name.startswith('__')]
    for name in names:
        # An AttributeError's obj may be anything, of any size.
        if name != 'obj' and getattr(exception, name, None) is not None:
            yield name, getattr(exception, name)


def _make(kind: type[BaseException], args: tuple[Any, ...], state: dict[str, Any]) -> BaseException:
    base = _base(kind)
    exception: BaseException = base.__new__(kind, *args)
    base.__init__(exception, *args)
    for name, value in state.items():
        with contextlib.suppress(AttributeError, TypeError):
            setattr(exception, name, value)
    return exception


def _can_be_sent(value: Any) -> bool:
    try:
        _loads(_pickles.dump_parts(value))
    except Exception:
        return False
    return True


def _loads(parts: _pickles.Parts) -> Any:
    return pickle.loads(parts[0], buffers=parts[1])


def _list_ways(exception: BaseException, is_slim: bool) -> Iterator[Any]:
    """The ways to pickle an exception, best first: a tuple for _make(), or the exception itself.
    With ``is_slim``, its attributes are left out."""
    kind = type(exception)
    has_own_way = any(name in vars(each) for each in kind.__mro__[:kind.__mro__.index(_base(kind))]
                      for name in _OWN_WAYS)
    if has_own_way and not is_slim:
        yield exception
    if isinstance(exception, _GROUP):
        args: tuple[Any, ...] = (exception.message,)
    else:
        args = _base(kind).__reduce__(exception)[1]
    state = {} if is_slim else dict(_list_members(exception)) | exception.__dict__
    yield kind, args, state
    if isinstance(state.get('__notes__'), list):
        state['__notes__'] = [_text(note) for note in state['__notes__']]  # as Python prints them
    state = {name: value for name, value in state.items() if _can_be_sent(value)}
    yield kind, args, state
    yield kind, (_text(exception),), state
    if not has_own_way and not is_slim:
        yield exception


def _rebuild(way: Any, members: list[BaseException]) -> BaseException | None:
    if isinstance(way, tuple):
        kind, args, state = way
        way = _make(kind, (*args, members) if issubclass(kind, _GROUP) else args, state)
    return way if isinstance(way, BaseException) else None


def _pack(exception: BaseException, is_slim: bool) -> _pickles.Parts | None:
    """The data for an exception of the same class with the same text; None if that is
    impossible."""
    members = list(exception.exceptions) if isinstance(exception, _GROUP) else []
    for way in _list_ways(exception, is_slim):
        try:
            parts = _pickles.dump_parts(way)
            rebuilt = _rebuild(_loads(parts), members)
        except Exception:
            continue
        if type(rebuilt) is type(exception) and _text(rebuilt) == _text(exception):
            return parts
    return None


class _Packer:
    def __init__(self) -> None:
        self.nodes: list[_Node] = []
        self._exceptions: list[BaseException] = []  # of the nodes
        self._places: dict[int, int] = {}           # of the nodes, by the exception's id()

    def add(self, exception: BaseException) -> int:
        place = self._places.setdefault(id(exception), len(self.nodes))
        if place == len(self.nodes):
            self._exceptions.append(exception)
            self.nodes.append(_Node(exception))
        return place

    def pack(self, exception: BaseException, is_slim: bool) -> None:
        self.add(exception)
        for node, each in zip(self.nodes, self._exceptions):  # both grow
            node.parts = _pack(each, is_slim)
            if len(self.nodes) < _LIMIT:
                self._add_links(node, each)
            if isinstance(each, _GROUP):
                node.members = [self.add(member) for member in each.exceptions]

    def _add_links(self, node: _Node, exception: BaseException) -> None:
        if exception.__cause__ is not None:
            node.links['__cause__'] = self.add(exception.__cause__)
        if exception.__context__ is not None and not exception.__suppress_context__:
            node.links['__context__'] = self.add(exception.__context__)


def dump_nodes(exception: BaseException, is_slim: bool = False) -> list[dict[str, Any]] | None:
    """The data from which load_nodes() rebuilds the exception; None if it cannot be pickled at
    all."""
    packer = _Packer()
    try:
        packer.pack(exception, is_slim)
    except Exception:
        return None  # The application still gets its text.
    return [vars(node) for node in packer.nodes] if packer.nodes[0].parts is not None else None


def dump(exception: BaseException, is_slim: bool = False) -> _gmproc.Variant | None:
    """An exception that arrives unchanged, or with its text alone; None for one that cannot be
    pickled at all."""
    nodes = dump_nodes(exception, is_slim)
    try:
        return _gmproc.wrap(TAG, *_pickles.dump_parts(nodes)) if nodes is not None else None
    except Exception:
        return None


class _Loader:
    def __init__(self, nodes: list[dict[str, Any]]) -> None:
        self.nodes = nodes
        self.made: dict[int, BaseException | None] = {}

    def make(self, place: int) -> BaseException | None:
        if place not in self.made:
            node = self.nodes[place]
            members = [self.make_any(member) for member in node['members']]
            try:
                self.made[place] = _rebuild(_loads(node['parts']), members)
            except Exception as error:
                if is_of_signal(error):
                    raise
                self.made[place] = None
        return self.made[place]

    def make_any(self, place: int) -> BaseException:
        """Replaces an exception that cannot be rebuilt."""
        return self.make(place) or RuntimeError(self.nodes[place]['text'])

    def load(self) -> BaseException | None:
        for place, node in enumerate(self.nodes):
            exception = self.make(place)
            for name, other in node['links'].items():
                if exception is not None:
                    setattr(exception, name, self.make_any(other))
        return self.make(0)


def load_nodes(nodes: list[dict[str, Any]]) -> BaseException | None:
    """The exception; None if it cannot be rebuilt here."""
    try:
        return _Loader(nodes).load()
    except Exception as error:
        if is_of_signal(error):
            raise
        return None


def load(value: _gmproc.Variant) -> BaseException | None:
    """The exception that dump() sent; None if it cannot be rebuilt here."""
    try:
        return load_nodes(_pickles.load(value))
    except Exception as error:
        if is_of_signal(error):
            raise
        return None
