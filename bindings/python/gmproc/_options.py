# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The options of an application, as the C library takes them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from operator import attrgetter

import _gmproc

from . import _installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Union

    Native = Union[_gmproc.Workers, _gmproc.ClientServer]


def _to_bool(given: Any) -> bool:
    if isinstance(given, (str, bytes)):
        raise TypeError(f'it should be True or False, not {given!r}')
    return bool(given)


def get_bool(application: Any, name: str) -> bool:
    """An option whose value depends on more than itself."""
    try:
        return _to_bool(getattr(application, name))
    except TypeError as reason:
        raise _add_name(name, reason) from None


def _add_name(name: str, reason: Exception) -> Exception:
    """An error about an option. The class of the reason may take other arguments."""
    return (TypeError if isinstance(reason, TypeError) else ValueError)(f'{name}: {reason}')


def _to_float(given: Any) -> float:
    if hasattr(given, '__float__') or hasattr(given, '__index__'):
        return float(given)
    raise TypeError(f'it should be a number, not {given!r}')


def _to_int(given: Any) -> int:
    if isinstance(given, int):
        return given
    number = _to_float(given)
    if not number.is_integer():
        raise ValueError(f'it should be a whole number, not {given!r}')
    return int(given)


def _to_words(environment: Mapping[str, str | None] | None) -> list[str] | None:
    """NAME=VALUE; a name alone removes the variable."""
    if environment is None:
        return None
    if not isinstance(environment, Mapping):
        raise TypeError('it should map names to values, or to None')
    for name in environment:
        if not isinstance(name, (str, bytes)) or not name or '=' in os.fsdecode(name):
            raise ValueError(f'{name!r} is not a valid name of a variable')
    return [name if value is None else f'{name}={value}' for name, value in environment.items()]


def _to_list(affinity: str | Iterable[int] | None) -> str | None:
    if affinity is None or isinstance(affinity, str):
        return affinity
    if not isinstance(affinity, Iterable):
        raise TypeError('it should be a list of processors, as in [0, 2]')
    return ','.join(str(processor) for processor in affinity)


def _to_text(launcher: str | None) -> str | None:
    if launcher is None or isinstance(launcher, str):
        return launcher
    raise TypeError(f"it should be a text such as 'local' or 'slurm', not {launcher!r}")


def _to_names(names: Iterable[str] | None) -> list[str]:
    if isinstance(names, (str, bytes)) or names is not None and not isinstance(names, Iterable):
        example = names if isinstance(names, str) else 'numpy'
        raise TypeError(f'it should be a list of names, as in [{example!r}]')
    return list(names or ())


# The converter to a property's value, by the type of its default, or by its name if the type is not
# enough.
_NUMBERS: dict[type, Callable[[Any], Any]] = {bool: _to_bool, int: _to_int, float: _to_float}
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    'environment': _to_words,
    'working_directory': lambda path: None if path is None else os.fspath(path),
    'affinity': _to_list,
    'launcher': _to_text,
    'fresh_modules': _to_names,
    'import_main': _to_bool,
    'forward_logs': _to_bool,
}

# Properties that are not options here, or are set for each run.
_DECIDED = {'runtime', 'reuse', 'fresh_modules', 'capture_output'}

# By name: the default and the range of a number, as the C library defines them.
_KINDS = {kind: kind.list_options() for kind in (_gmproc.Workers, _gmproc.ClientServer)}
_GETTERS = {kind: attrgetter('on_output', *(name for name in options if name != 'runtime'))
            for kind, options in _KINDS.items()}
_COMMON = set(_KINDS[_gmproc.Workers]) & set(_KINDS[_gmproc.ClientServer])


def set_defaults(application: Any, kind: type[Native] | None = None) -> None:
    """Gives a class the options of a kind of C objects, or those that both kinds have."""
    application._gmproc_kind = kind
    options = _KINDS[kind or _gmproc.Workers]
    for name, (default, _minimum, _maximum) in options.items():
        if (name in _COMMON) == (kind is None) and name != 'runtime':
            setattr(application, name, default)


def _describe(value: Any, minimum: Any, maximum: Any) -> str:
    """The valid range of a number. Most have only the limits of their type, which would not help a
    user."""
    if maximum < 2 ** 31 - 1:
        return f'from {minimum:g} to {maximum:g}'
    return f'at most {maximum}' if value > maximum else f'at least {minimum:g}'


def convert(name: str, given: Any, limits: tuple[Any, Any, Any]) -> Any:
    """The value of an option as the C library takes it, and within its limits."""
    default, minimum, maximum = limits
    converter = _CONVERTERS.get(name) or _NUMBERS.get(type(default))
    try:
        value = converter(given) if converter is not None else given
    except (TypeError, ValueError, OverflowError) as reason:
        raise _add_name(name, reason) from None
    if minimum is not None and not minimum <= value <= maximum:
        raise ValueError(f'{name} is {given!r}: it should be {_describe(value, minimum, maximum)}')
    return value


# Limits of options that are not numbers.
NO_LIMITS = None, None, None


def _check_property(kind: type[Native], name: str, given: Any) -> None:
    value = convert(name, given, _KINDS[kind][name])
    try:
        kind.check_property(name, value)
    except (TypeError, ValueError, OverflowError) as reason:
        raise _add_name(name, reason) from None


def _check_switch(name: str, given: Any) -> None:
    convert(name, given, NO_LIMITS)


def check_function(name: str, given: Any) -> None:
    if given is not None and not callable(given):
        raise TypeError(f'{name} should be a function, not {given!r}')


def _check_arguments(name: str, given: Any) -> None:
    if not isinstance(given, Iterable):
        raise TypeError(f'{name}: it should be a list of arguments, not {given!r}')


#: The callbacks of all applications.
CALLBACKS = 'on_result', 'on_failed', 'on_restarted', 'on_progress', 'on_output'


def _list_checks(kind: type[Native]) -> dict[str, Callable[[str, Any], None]]:
    """What checks an option, by its name."""
    functions = 'initializer', *CALLBACKS, *(('on_turn',) if kind is _gmproc.Workers else ())
    return {**dict.fromkeys(_KINDS[kind], partial(_check_property, kind)),
            **dict.fromkeys(functions, check_function), 'initargs': _check_arguments,
            **dict.fromkeys(('import_main', 'forward_logs'), _check_switch)}


_CHECKS = {kind: _list_checks(kind) for kind in _KINDS}
OPTIONS: frozenset[str] = frozenset().union(*_CHECKS.values())


def check(kind: type[Native], name: str, given: Any) -> Any:
    """Refuses the value of an option that a run would refuse.

    Returns:
        The value, which is good for several runs.
    """
    checker = _CHECKS[kind].get(name)
    if checker is None:
        return given
    if isinstance(given, Iterator) and not callable(given):
        given = list(given)
    checker(name, given)
    return given


class NativeOptions:
    """The options of a C object. Setting one ends kept processes, so only changed options are set,
    usually none.
    """

    def __init__(self, native: Native) -> None:
        kind = _gmproc.Workers if isinstance(native, _gmproc.Workers) else _gmproc.ClientServer
        self._native = native
        self._limits = _KINDS[kind]
        self._values = {name: limits[0] for name, limits in self._limits.items()}
        self._get = _GETTERS[kind]
        self._last: Any = None
        self._n_reloads: int | None = None  # the state at the last check

    def set(self, name: str, value: Any) -> None:
        before = self._values[name]
        if before == value or not before and not value:
            return
        self._last = None
        try:
            self._native.set_property(name, value)
        except (TypeError, ValueError, OverflowError) as reason:
            raise _add_name(name, reason) from None
        self._values[name] = value

    def take(self, application: Any, **decided: Any) -> None:
        """Sets the options of an application, and those in ``decided``."""
        fresh = _installed.choose_fresh(_to_names(application.fresh_modules))
        n_reloads = _installed.get_n_reloads()
        if self._n_reloads not in (None, n_reloads) and 'reuse' in self._values:
            self.set('reuse', False)  # Until it is decided below.
        self._n_reloads = n_reloads
        given = self._get(application), fresh, decided
        # The contents of a dict or list may have changed.
        is_plain = all(each is None or isinstance(each, str) for each in
                       (application.environment, application.affinity))
        if is_plain and given == self._last:
            return
        for name, limits in self._limits.items():
            if name not in _DECIDED:
                self.set(name, convert(name, getattr(application, name), limits))
        self.set('fresh_modules', fresh)
        self.set('capture_output', is_captured(application))
        for name, value in decided.items():
            self.set(name, value)
        self._last = given if is_plain else None


def is_captured(application: Any) -> bool:
    return get_bool(application, 'capture_output') or application.on_output is not None
