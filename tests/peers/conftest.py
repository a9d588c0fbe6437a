# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The fixtures of the tests in Python, and their modules, are in tests/python."""

import importlib.util
import pathlib
import sys

FOLDER = pathlib.Path(__file__).parents[1] / 'python'
sys.path.insert(0, str(FOLDER))  # for the modules

spec = importlib.util.spec_from_file_location('python_conftest', FOLDER / 'conftest.py')
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
script, warm_up, nothing_left = module.script, module.warm_up, module.nothing_left
