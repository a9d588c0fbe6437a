# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The application's ``__main__`` in a worker, as multiprocessing's spawned processes have it.

There it is called ``__mp_main__``, so that ``if __name__ == '__main__':`` is false. What is no file
and no module cannot be imported there: an interactive session, standard input, ``-c``.
"""

from __future__ import annotations

import functools
import os
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The parts of multiprocessing used here are private to the standard library, but unchanged since
# Python 3.4. They take longer to load than this package, so they are loaded when something runs.


def _find_folder() -> str | None:
    """The current folder when the program started, or shortly afterwards."""
    loaded: Any = sys.modules.get('multiprocessing.process')
    if loaded is not None:
        return loaded.ORIGINAL_DIR  # type: ignore[no-any-return]
    try:
        return os.getcwd()
    except OSError:
        return None


_folder = _find_folder()


def check_not_importing() -> None:
    """Raises the standard library's RuntimeError where a worker is importing ``__main__``.

    Without it a script that does not guard its main part would start workers that start workers.
    """
    spawn: Any = sys.modules.get('multiprocessing.spawn')
    if spawn is not None:
        spawn._check_not_importing_main()


@functools.lru_cache(maxsize=8)
def _join(folder: str, path: str) -> str:
    return os.path.normpath(os.path.join(folder, path))


def is_frozen() -> bool:
    """True in a program of PyInstaller, cx_Freeze and the like, which is its own interpreter."""
    return getattr(sys, 'frozen', False)


def _find() -> dict[str, str]:
    main = sys.modules['__main__']
    name = getattr(getattr(main, '__spec__', None), 'name', None)
    path = getattr(main, '__file__', None)
    # Code typed at a prompt is in no file, even if the session has started with one.
    if hasattr(sys, 'ps1'):
        return {}
    # Workers have executed it when they come here.
    if is_frozen():
        return {'is_frozen': 'yes'}
    if name is not None:
        # A folder or package that was executed; importing it would execute it again.
        is_script = name == '__main__' or name.endswith('.__main__')
        return {} if is_script else {'init_main_from_name': name}
    if path is None:
        return {}
    path = _join(_folder or '', path)
    # A descriptor of this process, such as /dev/stdin, is another one in a worker.
    is_shared = os.path.isfile(path) and not path.startswith(('/dev/', '/proc/'))
    return {'init_main_from_path': path} if is_shared else {}


def is_carried(description: dict[str, Any]) -> bool:
    """True if workers have ``__main__``."""
    return any(name in description
               for name in ('init_main_from_path', 'init_main_from_name', 'is_frozen'))


def search_path() -> list[str]:
    """``sys.path`` with the current folder spelt out."""
    return [each if each != '' else _folder or '' for each in sys.path]


def describe(import_main: bool = True) -> dict[str, Any]:
    """The data for restore() in a worker."""
    return {'sys_path': search_path(), 'sys_argv': list(sys.argv),
            'orig_dir': _folder, **(_find() if import_main else {})}


def _execute(path: str) -> None:
    """Executes a source file as ``__mp_main__``, as runpy does it for multiprocessing, which takes
    most of the time of a small one. What the file defines has the module's own variables."""
    from multiprocessing import spawn

    from . import _code

    main: Any = ModuleType('__mp_main__')
    vars(main).update(__file__=path, __cached__=None, __package__='')
    before, argv0 = sys.modules['__main__'], sys.argv[:1]
    sys.modules['__mp_main__'] = main
    sys.argv[:1] = [path]
    try:
        exec(_code.load(path), vars(main))
    except BaseException:
        del sys.modules['__mp_main__']
        raise
    finally:
        sys.argv[:1] = argv0
    # Kept alive by multiprocessing, and by workers.
    spawn.old_main_modules.append(before)  # type: ignore[attr-defined]
    sys.modules['__main__'] = main


def restore(description: dict[str, Any]) -> None:
    """Makes this process have the application's ``__main__``, ``sys.path`` and current folder."""
    from multiprocessing import process, spawn

    global _folder
    _folder = description.get('orig_dir', _folder)
    path = description.get('init_main_from_path', '')
    is_source = path.endswith('.py')
    current: Any = process.current_process()
    current._inheriting = True
    try:
        spawn.prepare({name: value for name, value in description.items()
                       if not is_source or name != 'init_main_from_path'})
        if is_source and getattr(sys.modules['__main__'], '__file__', None) != path:
            _execute(path)
    finally:
        del current._inheriting


def load_script(path: str) -> Any:
    """The module that a script is when it is not the main one."""
    restore({'sys_path': [os.path.dirname(path), *sys.path], 'init_main_from_path': path})
    return sys.modules['__main__']
