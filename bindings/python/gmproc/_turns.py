# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Workers of several turns, in the worker's process: a generator's values are turns' results."""

from __future__ import annotations

import contextlib
from types import AsyncGeneratorType, GeneratorType

import _gmproc

from . import _payload
from ._adapters import complete, dump_result
from ._errors import BadPayload, flush_output
from ._worker import _Process
from ._workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, AsyncGenerator, Generator

    Turns = Generator[Any, None, Any]


def live(workers: Workers, id: Any, params: Any) -> Turns:
    """The life cycle of the methods of Workers. A single turn is the result, and not reported as a
    turn, unless finish follows.
    """
    complete(workers.start(id, params))
    has_turns = type(workers).finish is not Workers.finish
    while True:
        result = complete(workers.process(id, params))
        turns = _find_turns(result)
        if turns is not None:
            result = yield from turns
            is_done = has_turns = True
        else:
            is_done = complete(workers.done(id))
            has_turns = has_turns or not is_done
            if has_turns:
                yield result
                result = None
        if is_done:
            break
        complete(workers.wait(id))
    end = complete(workers.finish(id))
    return end if end is not None else result


def _find_turns(value: Any) -> Turns | None:
    if isinstance(value, GeneratorType):
        return value
    return _iterate(value) if isinstance(value, AsyncGeneratorType) else None


def _iterate(values: AsyncGenerator[Any, None]) -> Turns:
    """The values of an async generator, on the worker's loop."""
    end = object()

    async def take() -> Any:
        try:
            return await values.__anext__()
        except StopAsyncIteration:
            return end

    async def close() -> None:
        await values.aclose()

    try:
        while (value := complete(take())) is not end:
            yield value
    finally:
        complete(close())


def run(value: Any) -> Any:
    """The value that a worker returned, as the result for the application. A generator is iterated
    to its end first."""
    turns = _find_turns(value)
    if turns is None:
        return dump_result(value)
    n_turns = 0
    # An exception here does not come from the generator, whose "finally" runs.
    with contextlib.closing(turns):
        while True:
            try:
                result = next(turns)
            except StopIteration as stop:
                _gmproc.end_forked()
                return dump_result(stop.value) if stop.value is not None \
                    else _gmproc.repeat_turn()
            _gmproc.end_forked()
            n_turns += 1
            _report(result, n_turns)
            del result  # It may be large.


def _report(result: Any, number: int) -> None:
    """Sends a turn's result. Waits while the application is behind."""
    flush_output()
    try:
        value = _payload.dump(result, _Process.runtime)
    except BadPayload as reason:
        raise BadPayload(f'The result of turn {number} cannot be sent: {reason}'
                         ) from reason.__cause__
    _gmproc.report_turn(value)
