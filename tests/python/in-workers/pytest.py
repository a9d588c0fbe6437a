# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""pytest as the tests' workers have it: a worker imports the module of its function, which imports
pytest for its decorators, and that takes longer than all else that most workers do.

Its decorators do nothing here. All other names come from the real one.
"""

import importlib
import os
import sys


def _decorate(*arguments, **options):
    is_bare = len(arguments) == 1 and callable(arguments[0]) and not options
    return arguments[0] if is_bare else lambda function: function


class _Marks:
    def __getattr__(self, name):
        return _decorate


mark = _Marks()
fixture = hookimpl = _decorate


def __getattr__(name):
    if name.startswith('__'):
        raise AttributeError(name)
    sys.path.remove(os.path.dirname(__file__))
    del sys.modules['pytest']
    return getattr(importlib.import_module('pytest'), name)
