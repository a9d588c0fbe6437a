# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Python's logging in workers: records go to the application, whose loggers handle them.

If a program has configured logging, its workers use the levels of its loggers. A worker's loggers
have one handler, which sends records as reports. Handlers that the program's modules and
initializer have configured in a worker would only log everything twice.
"""

from __future__ import annotations

import logging
import os
import pickle
import traceback

import _gmproc

from . import _pickles
from ._errors import is_of_signal
from ._gerror import GError
from ._natural import name_of_type
from ._worker import LOG_TAG, _Process, worker_index

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Iterator

_PLAIN = {str, int, float, bool, type(None)}

_forwarder: _Forwarder | None = None
_description: dict[str, Any] | None = None  # of the last run


def _list_loggers() -> Iterator[logging.Logger]:
    yield logging.root
    for each in list(logging.root.manager.loggerDict.values()):
        if isinstance(each, logging.Logger):
            yield each


def describe() -> dict[str, Any] | None:
    """The data for restore() in a worker; None if this program has not configured logging."""
    loggers = list(_list_loggers())
    if not any(each for logger in loggers for each in logger.handlers
               if not isinstance(each, logging.NullHandler)):
        return None
    levels = {logger.name: (logger.level, logger.disabled) for logger in loggers
              if logger.level or logger.disabled}
    return {'disable': logging.root.manager.disable, 'levels': levels,
            'warnings': captures_warnings()}


def captures_warnings() -> bool:
    """True if warnings go to a logger."""
    return getattr(logging, '_warnings_showwarning', None) is not None


class _Forwarder(logging.Handler):
    """Sends records to the application."""

    pid: int  # of the worker

    def emit(self, record: logging.LogRecord) -> None:
        try:
            # A process that a worker has forked has no connection to the application.
            is_sent = os.getpid() == self.pid and _send(record)
        except Exception:
            self.handleError(record)  # The arguments do not fit the text, for example.
            return
        if not is_sent:
            fallback = logging.lastResort
            if fallback is not None and record.levelno >= fallback.level:
                fallback.handle(record)


def _send(record: logging.LogRecord) -> bool:
    values = dict(vars(record))
    values['msg'], values['args'] = record.getMessage(), None
    if record.exc_info:
        values['exc_info'] = None
        if not record.exc_text and record.exc_info[0] is not None:
            values['exc_text'] = ''.join(traceback.format_exception(*record.exc_info)).rstrip('\n')
    index = worker_index() if _Process.map is not None else None
    try:
        _gmproc.report(_gmproc.wrap(LOG_TAG, _dump(values, index), []))
    except GError:
        return False  # Between two runs, or too large.
    return True


def _dump(values: dict[str, Any], index: int | None) -> bytes:
    """Values of other types are pickled by themselves: one that cannot be pickled, or loaded in the
    application, is replaced by a text."""
    plain = {name: value for name, value in values.items() if type(value) in _PLAIN}
    others = {name: _dump_other(value) for name, value in values.items() if name not in plain}
    return pickle.dumps((plain, others, index))


def _dump_other(value: Any) -> tuple[bytes, str]:
    try:
        return pickle.dumps(value), f'<{name_of_type(value)} object>'
    except Exception:
        return b'', repr(value)


def _load_other(data: bytes, text: str) -> Any:
    try:
        return pickle.loads(data) if data else text
    except Exception as error:
        if is_of_signal(error):
            raise
        return text


def restore(description: dict[str, Any]) -> None:
    """Has all loggers of this process send what the application's levels let pass."""
    global _forwarder, _description
    _description = description
    if _forwarder is None or _forwarder not in logging.root.handlers:
        _forwarder = _Forwarder()
        _take_over(_forwarder)
    _forwarder.pid = os.getpid()
    _set_levels(description)


def settle() -> None:
    """The same again, because code that was executed since then may have configured logging."""
    if _forwarder is not None and _description is not None:
        _take_over(_forwarder)
        _set_levels(_description)


def _take_over(forwarder: _Forwarder) -> None:
    for logger in _list_loggers():
        logger.handlers.clear()
        logger.propagate = True
    logging.root.addHandler(forwarder)


def _set_levels(description: dict[str, Any]) -> None:
    levels = description['levels']
    logging.disable(description['disable'])
    if description['warnings'] != captures_warnings():
        logging.captureWarnings(description['warnings'])
    for logger in _list_loggers():
        level, logger.disabled = levels.get(logger.name, (logging.NOTSET, False))
        logger.setLevel(level)
    for name in levels:
        level, disabled = levels[name]
        if name != 'root':
            logger = logging.getLogger(name)
            logger.setLevel(level)
            logger.disabled = disabled


def handle(value: _gmproc.Variant, id: Any) -> None:
    """Passes a record to the application's logger of the same name."""
    plain, others, index = _pickles.load(value)
    plain.update((name, _load_other(*each)) for name, each in others.items())
    record = logging.makeLogRecord(plain)
    record.worker_id = id if index is None else index
    # This program may have given the level another name.
    name = logging.getLevelName(record.levelno)
    if name != f'Level {record.levelno}':
        record.levelname = name
    logger = logging.getLogger(record.name)
    if logger.isEnabledFor(record.levelno):
        logger.handle(record)
