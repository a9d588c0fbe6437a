# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The program of a worker's process: ``python3 -m gmproc.host``.

Applications in Python send functions and classes along, pickled; others name them in targets:
``python:module:name``, with dots in both parts as need be, or ``python:/path/of/script.py:name``.
Such a function takes one argument, the parameters. Such a class is a ServerWorker or ClientWorker,
of this package or of Gmp. Their values are then what every language knows.
"""

from __future__ import annotations

import faulthandler
import importlib
import os
import sys
from typing import Any, Callable

import _gmproc
from gi.repository import Gmp

from . import _main_module, _payload, _task, _warm
from ._adapters import Life, dump_result, enter, guarded
from ._errors import BadPayload, make_gerror
from ._worker import ClientWorker, ServerWorker, _Process


def _import(module_name: str) -> Any:
    if module_name.endswith('.py'):
        return _main_module.load_script(module_name)
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        # What the module itself fails to import is its own exception.
        if error.name is None or not (module_name + '.').startswith(error.name + '.'):
            raise
        raise make_gerror(Gmp.Error.NOT_FOUND, f"There is no Python module '{error.name}': Python "
                          f"looked in {', '.join(sys.path)}") from None


def find(description: str) -> Any:
    """The function or class of a target."""
    module_name, colon, name = description.rpartition(':')
    if not colon or not module_name or not name:
        raise make_gerror(Gmp.Error.NOT_FOUND, f"'python:{description}' is not a target: it should "
                          "read 'python:module:name'")
    found = _import(module_name)
    for part in name.split('.'):
        if not hasattr(found, part):
            raise make_gerror(Gmp.Error.NOT_FOUND,
                              f"There is no '{name}' in the Python module '{module_name}'")
        found = getattr(found, part)
    return found


def _load_params(params: Any) -> Any:
    try:
        return _payload.load(params, _Process.runtime)
    except BadPayload as reason:
        raise BadPayload(f'Its parameters cannot be read: {reason}') from None


def _build_task(params: Any) -> tuple[Any, Any, dict[str, Any]]:
    task = _task.unpack(params)
    enter(task)
    is_server = task.index is None
    user = task.work() if is_server else task.work(task.id)
    return user, task.params, task.ids


def _build_user(kind: Any, id: str) -> Callable[[Any], tuple[Any, Any, dict[str, Any]]]:
    def build(params: Any) -> tuple[Any, Any, dict[str, Any]]:
        user = kind() if issubclass(kind, ServerWorker) else kind(id)
        return user, _load_params(params), {}
    return build


def _forget_variables() -> None:
    """What the C library has taken out of the environment, Python still has in its copy."""
    os.environ.pop('GMPROC_WORKER', None)
    os.environ.pop('GMPROC_WARM_SERVER', None)


class Host(Gmp.Host):
    """Runs the targets of the runtime ``python``."""

    is_fork = False

    @guarded
    def do_call(self, description: str, id: str, params: Any) -> Any:
        _forget_variables()
        if 'python:' + description == _task.FUNCTION:
            # The next run may come from a process that was kept: nothing of the last one counts.
            _Process.runtime = 'python'
            task = _task.unpack(params)
            enter(task)
            return dump_result(task.work(task.params))
        self._begin_plain()
        return dump_result(find(description)(_load_params(params)))

    def _begin_plain(self) -> None:
        """A target is named by a string, and has no seed: forks are to have none in common."""
        _Process.runtime = None
        if self.is_fork:
            _task.seed_generators(None)

    @guarded
    def do_build(self, description: str, id: str) -> Gmp.Worker:
        _forget_variables()
        if 'python:' + description in (_task.SERVER, _task.CLIENT):
            _Process.runtime = 'python'
            is_server = 'python:' + description == _task.SERVER
            new_worker = _gmproc.new_server if is_server else _gmproc.new_client
            return new_worker(Life(_build_task))
        self._begin_plain()
        kind = find(description)
        if isinstance(kind, type) and issubclass(kind, (Gmp.ServerWorker, Gmp.ClientWorker)):
            return kind()
        if isinstance(kind, type) and issubclass(kind, ServerWorker):
            return _gmproc.new_server(Life(_build_user(kind, id)))
        if isinstance(kind, type) and issubclass(kind, ClientWorker):
            return _gmproc.new_client(Life(_build_user(kind, id)))
        raise make_gerror(Gmp.Error.NOT_FOUND, f"'{description}' is neither a ServerWorker nor a "
                          'ClientWorker')

    @guarded
    def do_load(self, what: Any) -> bool:
        _forget_variables()
        if what is not None:
            _warm.load(what, self._rehearse)
        return True

    def _rehearse(self) -> None:
        """What each worker goes through besides its function: Python then has it ready, and in
        memory that the workers share."""
        task = _task.Task(abs, 0, 0, 0, 0)
        self.do_call(_task.FUNCTION.partition(':')[2], '', task.pack())

    @guarded
    def do_fork(self) -> int:
        pid = os.fork()
        if pid == 0:
            self.is_fork = True
        return pid


def main() -> int:
    """Runs this process as a worker; returns its exit status."""
    if not Gmp.Host.is_worker():
        print('gmproc.host runs the workers of an application, and is started by it',
              file=sys.stderr)
        return 2
    if not faulthandler.is_enabled():
        faulthandler.enable()
    # One write a line, as C does it, so that lines of several workers do not mix.
    stdout: Any = sys.stdout
    stdout.reconfigure(line_buffering=True, write_through=False)
    sys.modules.setdefault('gmproc.host', sys.modules[__name__])
    host = Host()
    status = int(host.run())
    if host.is_fork:
        _warm.leave(status)
    return status


if __name__ == '__main__':
    sys.exit(main())
