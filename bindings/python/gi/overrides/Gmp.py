# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Makes Gmp natural in Python: functions and classes are passed as they are, and exceptions arrive.

Python's vfuncs may raise any exception: it reaches the application as a GError with its traceback.
"""

import functools
import os
import sys
import traceback

from gi.repository import GLib, GObject

from ..module import get_introspection_module
from ..overrides import override

Gmp = get_introspection_module('Gmp')

__all__ = []

# The first python3 on PATH may lack PyGObject. The package gmproc reports more if it is used.
if sys.executable and getattr(sys.modules.get('gmproc._application'), '_command', None) is None:
    Gmp.runtime_set_command('python', [sys.executable, '-m', 'gmproc.host'])


def _make_target(found):
    """The target of a function or class. In the main module it names the file."""
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


def _is_native(kind):
    """True if a class is implemented in C, as introspection shows it."""
    return kind.__module__.startswith(('gi.repository.', 'gi.overrides.'))


def _find_class(kind):
    """A class of Python, also for its GType; the GType of a class of C, which a worker finds by
    name; None for no class.
    """
    if isinstance(kind, GObject.GType):
        if kind in (GObject.TYPE_INVALID, GObject.TYPE_NONE):
            return None
        # A class that Python has not registered has no class of its own, or one of introspection.
        if kind.pytype is None or kind.pytype.__gtype__ != kind:
            return kind
        kind = kind.pytype
    if isinstance(kind, type) and issubclass(kind, GObject.Object) and _is_native(kind):
        return kind.__gtype__
    return kind


def _guarded(method):
    """Keeps the exceptions that PyGObject would only print: those that are not GLib.Error."""
    @functools.wraps(method)
    def call(*args):
        try:
            return method(*args)
        except GLib.Error:
            raise
        except BaseException as error:
            error.__traceback__ = error.__traceback__.tb_next
            first = ''.join(traceback.format_exception_only(type(error), error)).rstrip('\n')
            text = ''.join(traceback.format_exception(
                type(error), error, error.__traceback__)).rstrip('\n')
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
    def add(self, id, method=None, params=None):
        """Adds a worker that runs a function of a module or of the main script, or the
        ``do_process`` of a subclass if it is None.
        """
        if method is not None:
            return self.add_target(id, _make_target(method), params)
        if _is_native(type(self)):
            return Gmp.Workers.add(self, id, None, params)
        return self.add_target(id, _make_target(type(self)), params)

    def run(self, ids=None, cancellable=None):
        """Runs the workers with these ids; None for all."""
        return Gmp.Workers.run(self, list(ids) if ids is not None else None, cancellable)


class ClientServer(_Guard, Gmp.ClientServer):
    def __init__(self, server=None, server_type=None, **properties):
        found = _find_class(server if server is not None else server_type)
        if isinstance(found, GObject.GType):
            properties['server_type'] = found
        elif found is not None:
            properties['server_target'] = _make_target(found)
        super().__init__(**properties)

    @classmethod
    def new(cls, server_type=None):
        """Creates an application whose server is of a class; None if the application is the server.
        """
        return cls(server_type)

    def add_client(self, id, client_type, params=None):
        """Adds a client of a class of a module, or of the main script."""
        found = _find_class(client_type)
        if isinstance(found, GObject.GType):
            return Gmp.ClientServer.add_client(self, id, found, params)
        return self.add_client_target(id, _make_target(found), params)

    def add_clients(self, n, client_type, params=None):
        """Adds clients with the ids "0", "1" and so on; none if one of these ids is taken."""
        found = _find_class(client_type)
        if isinstance(found, GObject.GType):
            return Gmp.ClientServer.add_clients(self, n, found, params)
        return self.add_clients_target(n, _make_target(found), params)

    # The older names.
    new_worker = add_client
    new_workers = add_clients


for _class in (ServerWorker, ClientWorker, Workers, ClientServer):
    globals()[_class.__name__] = override(_class)
    __all__.append(_class.__name__)

# Its former name.
Application = Gmp.Runner
__all__.append('Application')
