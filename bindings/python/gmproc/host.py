# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The program of a worker's process: ``python3 -m gmproc.host``.

Applications in Python send functions and classes along, pickled; others name them in targets:
``python:module:name``, with dots in both parts as need be, or ``python:/path/of/script.py:name``.
Such a function takes one argument, the parameters. Such a class is a Workers, ServerWorker or
ClientWorker, of this package, or one of PyGObject's from Gmp. Their values are then what every
language knows.
"""

from __future__ import annotations

import faulthandler
import functools
import importlib
import os
import sys
from functools import partial

import _gmproc

from . import _code, _installed, _main_module, _payload, _task, _turns, _warm
from ._adapters import Life, close_loop, complete, enter, fail
from ._errors import BadPayload, flush_output, load_traceback
from ._gerror import ErrorCode, make_gerror
from ._worker import ClientWorker, ServerWorker, _Process, seed_generators
from ._workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


def _import(module_name: str) -> Any:
    if module_name.endswith('.py'):
        return _main_module.load_script(module_name)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # A failing import inside the module is an exception of that module.
        if error.name is None or not (module_name + '.').startswith(error.name + '.'):
            raise
        raise make_gerror(ErrorCode.NOT_FOUND, f"There is no Python module '{error.name}': Python "
                          f"looked in {', '.join(sys.path)}") from None


def find(description: str) -> Any:
    """The function or class of a target."""
    module_name, colon, name = description.rpartition(':')
    if not colon or not module_name or not name:
        raise make_gerror(ErrorCode.NOT_FOUND, f"'python:{description}' is not a target: write it "
                          "as 'python:module:name'")
    found = _import(module_name)
    for part in name.split('.'):
        if not hasattr(found, part):
            raise make_gerror(ErrorCode.NOT_FOUND,
                              f"There is no '{name}' in the Python module '{module_name}'")
        found = getattr(found, part)
    return found


def _load_params(params: Any) -> Any:
    try:
        return _payload.load(params, _Process.runtime)
    except BadPayload as reason:
        raise BadPayload(f'Its parameters cannot be read: {reason}') from None


def _forget_variables() -> None:
    """Removes the variables that the C library has removed from Python's copy of the environment
    too.
    """
    os.environ.pop('GMPROC_WORKER', None)
    os.environ.pop('GMPROC_WARM_SERVER', None)


def _take_fleeting() -> None:
    """Python's copy of the environment is the fork server's, from which a fork differs in this."""
    name = 'PYTEST_CURRENT_TEST'
    value = _gmproc.getenv(name)
    if value is not None:
        os.environ[name] = value
    elif name in os.environ:
        del os.environ[name]


def _flushing(method: Any) -> Any:
    @functools.wraps(method)
    def call(*args: Any) -> Any:
        try:
            return method(*args)
        finally:
            flush_output()
    return call


class Host:
    """Runs the targets of the runtime ``python``: what the C library calls in this process."""

    is_fork = False
    _rehearsal: _gmproc.Variant | None = None  # the task that forks rehearse with
    # For the next run: returns the function's result, or the server or client.
    _work: Callable[[], Any]
    _is_function: bool
    _is_object: bool  # a Gmp.Workers of PyGObject, whose methods the library calls

    @_flushing
    def prepare(self, description: str, id: str, params: Any) -> None:
        if self.is_fork:
            _take_fleeting()
        else:
            _forget_variables()
        target = 'python:' + description
        self._is_function = target == _task.FUNCTION
        self._is_object = False
        if target in (_task.FUNCTION, _task.SERVER, _task.CLIENT):
            self._prepare_task(target, params)
        elif target == _task.SETUP:
            self._is_function = True
            self._work = partial(_task.initialize, self._set_up(id, params))
        else:
            self._prepare_named(description, id, params)
        _installed.report_modules()

    def _prepare_task(self, target: str, params: Any) -> None:
        # The run may be executed in a kept process: no state of the last run is used.
        _Process.runtime = 'python'
        task = _task.unpack(params)
        enter(task)
        if target == _task.FUNCTION and isinstance(task.work, Workers):
            self._work = partial(_turns.live, task.work, task.id, task.params)
        elif target == _task.FUNCTION:
            self._work = partial(task.work, task.params)
        elif target == _task.SERVER:
            self._work = partial(_gmproc.new_server, Life(task.work(), task.params, task.ids))
        else:
            self._work = partial(_gmproc.new_client, Life(task.work(task.id), task.params, {}))

    def _prepare_named(self, description: str, id: str, params: Any) -> None:
        """A target named by a string has no seed. Forks must not share one."""
        _Process.runtime = None
        if self.is_fork:
            seed_generators(None)
        kind = find(description)
        bases = kind.__mro__ if isinstance(kind, type) else ()
        if _gmproc.is_worker_type(kind):
            self._work = kind
        elif _gmproc.is_workers_type(kind):
            self._is_function = self._is_object = True
            self._work = kind
        elif Workers in bases:
            self._is_function = True
            self._work = partial(_turns.live, kind(), int(id), _load_params(params))
        elif ServerWorker in bases:
            self._work = partial(_gmproc.new_server, Life(kind(), _load_params(params), {}))
        elif ClientWorker in bases:
            self._work = partial(_gmproc.new_client, Life(kind(id), _load_params(params), {}))
        else:
            self._is_function = True
            self._work = partial(kind, _load_params(params))

    def _take_work(self) -> Callable[[], Any]:
        """A process may be kept after its run, but not the parameters."""
        work = self._work
        del self._work
        return work

    def _set_up(self, id: str, params: Any) -> Any:
        """Makes this process a worker of an Executor, whose calls arrive in C. Returns the pickle
        of the first call.
        """
        head, (initializer,) = _gmproc.unwrap(params)
        _Process.runtime = 'python'
        _Process.index = int(id) - 1
        _task.restore(head, id)
        if self.is_fork:
            seed_generators(None)
        return bytes(initializer)

    @_flushing
    def call(self, description: str, _id: str) -> Any:
        if not self._is_function:
            raise make_gerror(ErrorCode.NOT_FOUND, f"'{description}' is a class of servers or "
                              'clients, and no function')
        try:
            value = complete(self._take_work()())
            return value if self._is_object else _turns.run(value)
        finally:
            close_loop()

    @_flushing
    def build(self, description: str, _id: str) -> Any:
        if self._is_function:
            raise make_gerror(ErrorCode.NOT_FOUND, f"'{description}' is neither a ServerWorker nor "
                              'a ClientWorker')
        # Python's signal handlers run while the library waits for messages, from here to the end of
        # this process.
        _gmproc.begin_signals(fail)
        return self._take_work()()

    @_flushing
    def load(self, what: Any) -> None:
        if what is None:
            self._rehearse()
        else:
            _forget_variables()
            _warm.load(what.unpack(), _gmproc.check_fork, self._rehearse)

    def _rehearse(self) -> None:
        """The steps of each worker around its function: once so that Python has them ready, in
        memory that workers share, and once more in each fork that waits for a job, which then has
        the memory to itself that it will write to."""
        if self._rehearsal is None:
            task = _task.Task(abs, 0, 0, 0, None)
            self._rehearsal = task.pack(_task.Setting(is_rehearsal=True, forward_logs=False))
        target = _task.FUNCTION.partition(':')[2]
        self.prepare(target, '', self._rehearsal)
        _code.rehearse()
        self.call(target, '')

    @_flushing
    def fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            self.is_fork = True
            _warm.begin_worker()
        return pid


def main() -> int:
    """Runs this process as a worker; returns its exit status."""
    if not _gmproc.is_worker():
        print('gmproc.host runs the workers of an application, and is started by it',
              file=sys.stderr)
        return 2
    load_traceback()
    # The last lines in an error should be Python's.
    options: dict[str, Any] = {'c_stack': False} if sys.version_info >= (3, 14) else {}
    faulthandler.enable(**options)
    # A single write for each line, as in C, so that lines of several workers do not mix.
    stdout: Any = sys.stdout
    stdout.reconfigure(line_buffering=True, write_through=False)
    sys.modules.setdefault('gmproc.host', sys.modules[__name__])
    host = Host()
    status = _gmproc.run_host(host)
    if host.is_fork:
        _warm.leave(status)
    return status


if __name__ == '__main__':
    sys.exit(main())
