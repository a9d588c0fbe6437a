# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""``import unityremote.ai4u`` gives programs of 2020 and 2021 their modules ``ai4u.gmproc`` and
``ai4u.core``, which the package ai4u of today does not have."""

import importlib.util
import sys
import types

from . import core, gmproc

if importlib.util.find_spec('ai4u') is None:
    package = types.ModuleType('ai4u', 'Stands for a package that is not installed.')
    package.__path__ = []
    sys.modules['ai4u'] = package
sys.modules.setdefault('ai4u.core', core)
sys.modules.setdefault('ai4u.gmproc', gmproc)
