# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The options of an application, as the C library takes them."""

from __future__ import annotations

import functools
import os
from typing import Any, Callable, Iterable, Mapping

from gi.repository import Gmp

from . import _installed


def _to_words(environment: Mapping[str, str | None] | None) -> list[str] | None:
    """NAME=VALUE; a name alone takes the variable out."""
    if environment is None:
        return None
    if not isinstance(environment, Mapping):
        raise TypeError('it should map names to values, or to None')
    for name in environment:
        if not name or '=' in name:
            raise ValueError(f'{name!r} is no name of a variable')
    return [name if value is None else f'{name}={value}' for name, value in environment.items()]


def _to_list(affinity: str | Iterable[int] | None) -> str | None:
    if affinity is None or isinstance(affinity, str):
        return affinity
    if not isinstance(affinity, Iterable):
        raise TypeError('it should be a list of processors, as in [0, 2]')
    return ','.join(str(processor) for processor in affinity)


def _to_rule(restart: str) -> Gmp.Restart:
    rules = {'never': Gmp.Restart.NEVER, 'on-failure': Gmp.Restart.ON_FAILURE,
             'always': Gmp.Restart.ALWAYS}
    if restart not in rules:
        raise ValueError(f"it should be 'never', 'on-failure' or 'always', not {restart!r}")
    return rules[restart]


# By name, what makes the value that the property of the same name takes.
_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    'inner_threads': int,
    'warm_start': bool,
    'environment': _to_words,
    'working_directory': lambda path: None if path is None else os.fspath(path),
    'memory_limit': int,
    'cpu_time_limit': float,
    'open_files_limit': int,
    'value_size_limit': int,
    'nice': int,
    'affinity': _to_list,
    'priority': int,
    'startup_timeout': float,
    'run_timeout': float,
    'request_timeout': float,
    'stop_grace': float,
    'kill_grace': float,
    'restart': _to_rule,
    'max_restarts': int,
    'restart_period': float,
    'resend_requests': bool,
    'max_parallel': int,
}


@functools.cache
def _find_limits(kind: type[Gmp.Application], name: str) -> tuple[float, float] | None:
    """From what to what an option may be, where it is a number."""
    limits: Any = kind.find_property(name)
    return (limits.minimum, limits.maximum) if hasattr(limits, 'minimum') else None


def _convert(application: Any, kind: type[Gmp.Application], name: str) -> Any:
    """The value of an option as the C library takes it, and within its limits."""
    given = getattr(application, name)
    try:
        value = _CONVERTERS[name](given)
    except (TypeError, ValueError) as reason:
        raise type(reason)(f'{name}: {reason}') from None
    limits = _find_limits(kind, name)
    if limits is not None and not limits[0] <= value <= limits[1]:
        raise ValueError(f'{name} is {given!r}: it should be from {limits[0]:g} to {limits[1]:g}')
    return value


def set_native_options(application: Any, native: Gmp.Application, **decided: Any) -> None:
    """Hands the options over, and what was ``decided`` besides. Setting one ends the processes that
    were kept, so only what has changed."""
    kind = type(native)
    values = {name: _convert(application, kind, name) for name in _CONVERTERS
              if hasattr(application, name)} | decided
    values['fresh_modules'] = _installed.choose_fresh(application.fresh_modules)
    values['capture_output'] = bool(application.capture_output or
                                    application.on_output is not None)
    for name, value in values.items():
        if native.get_property(name) != value and (value or native.get_property(name)):
            native.set_property(name, value)
