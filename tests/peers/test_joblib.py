# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""joblib's own test_parallel.py, with gmproc's backend where it would use loky's."""

from __future__ import annotations

import pytest

joblib_parallel = pytest.importorskip('joblib.parallel')

import gmproc.joblib  # noqa: E402

joblib_parallel.BACKENDS['loky'] = gmproc.joblib.GmprocBackend
joblib_parallel.DEFAULT_BACKEND = 'loky'

from joblib.test import test_parallel  # noqa: E402

for name, found in list(vars(test_parallel).items()):
    globals().setdefault(name, found)
