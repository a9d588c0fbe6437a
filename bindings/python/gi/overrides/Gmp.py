# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What makes Gmp at home in Python: functions and classes as they are, exceptions that arrive.

Python's vfuncs may raise any exception: it reaches the application as a GError with its traceback.
"""

import functools
import os
import sys
import traceback

from gi.repository import GLib

from ..module import get_introspection_module
from ..overrides import override

Gmp = get_introspection_module('Gmp')

__all__ = []

# The first python3 on PATH may be one without PyGObject.
if sys.executable:
    Gmp.runtime_set_command('python', [sys.executable, '-m', 'gmproc.host'])


def _make_target(found):
    """The target of a function or class; that of the main module goes by its file."""
    module = found.__module__
    if module in ('__main__', '__mp_main__'):
        module = getattr(sys.modules[module], '__file__', None)
        if module is None or not os.path.isfile(module):
            raise TypeError(f'{found!r} is in no module that another process can import')
        module = os.path.abspath(module)
    if '<' in found.__qualname__:
        raise TypeError(f'{found!r} is not at the top of a module, so another process cannot find '
                        'it')
    return f'python:{module}:{found.__qualname__}'


def _guarded(method):
    """PyGObject prints and forgets all exceptions that are no GLib.Error."""
    @functools.wraps(method)
    def call(*args):
        try:
            return method(*args)
        except GLib.Error:
            raise
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            first = ''.join(traceback.format_exception_only(error)).rstrip('\n')
            text = ''.join(traceback.format_exception(error)).rstrip('\n')
            raise GLib.Error(f'{first}\n\n{text}', 'gmp-error-quark',
                             int(Gmp.Error.FAILED)) from None
    return call


class _Guard:
    def __init_subclass__(cls, **kwargs):
        super().__init_subclass__(**kwargs)
        for name, value in list(vars(cls).items()):
            if name.startswith('do_') and callable(value):
                setattr(cls, name, _guarded(value))


class ServerWorker(_Guard, Gmp.ServerWorker):
    pass


class ClientWorker(_Guard, Gmp.ClientWorker):
    pass


class Workers(_Guard, Gmp.Workers):
    def add(self, id, method, params=None):
        """Adds a worker that runs a function of a module, or of the main script."""
        if method is None:
            raise TypeError("The process of a subclass runs in C only: give a function")
        return self.add_target(id, _make_target(method), params)

    def run(self, ids=None, cancellable=None):
        """Runs the workers with these ids; None for all."""
        return Gmp.Workers.run(self, list(ids) if ids is not None else None, cancellable)


class ClientServer(_Guard, Gmp.ClientServer):
    def __init__(self, server=None, **properties):
        if server is not None:
            properties['server_target'] = _make_target(server)
        super().__init__(**properties)

    def new_worker(self, id, client, params=None):
        """Adds a client of a class of a module, or of the main script."""
        return self.new_worker_target(id, _make_target(client), params)

    def new_workers(self, n, client, params=None):
        """Adds clients with the ids "0", "1" and so on."""
        for i in range(n):
            self.new_worker(str(i), client, params)
        return True


for _class in (ServerWorker, ClientWorker, Workers, ClientServer):
    globals()[_class.__name__] = override(_class)
    __all__.append(_class.__name__)
