# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""joblib's own test_parallel.py, with gmproc's backend where it would use loky's."""

from __future__ import annotations

import pytest

joblib_parallel = pytest.importorskip('joblib.parallel')

import gmproc.joblib  # noqa: E402

# Under loky's name, which the tests use; under its own it would take part a second time.
joblib_parallel.BACKENDS['loky'] = joblib_parallel.BACKENDS.pop('gmproc')

from joblib.test import test_parallel  # noqa: E402

# What is different on purpose, or private to loky.
EXCEPTIONS = {
    'test_nested_parallel_warnings':
        'wants the warnings of loky where calls are nested; here they may be nested',
    'test_backend_context_manager': "wants the class of loky's backend",
    'test_auto_memmap_on_arrays_from_generator':
        'wants arrays to be in files; here they come through shared memory',
    'test_parallel_pickling':
        "wants a text of loky's around what pickling raised; here it is raised as it is",
}

for name, found in list(vars(test_parallel).items()):
    if name in EXCEPTIONS:
        found = pytest.mark.skip(reason=EXCEPTIONS[name])(found)
    globals().setdefault(name, found)
