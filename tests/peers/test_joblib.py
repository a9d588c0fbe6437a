# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""joblib's own test_parallel.py, with gmproc's backend where it would use loky's."""

from __future__ import annotations

import subprocess
import sys

import pytest

joblib_parallel = pytest.importorskip('joblib.parallel')

import gmproc.joblib  # noqa: E402

# Under loky's name, which the tests use. If it also had its own, the tests would run a second time.
joblib_parallel.BACKENDS['loky'] = joblib_parallel.BACKENDS.pop('gmproc')

from joblib.test import test_parallel  # noqa: E402

# Intended differences, and loky's private attributes.
EXCEPTIONS = {
    'test_nested_parallel_warnings':
        'wants the warnings of loky where calls are nested; here they may be nested',
    'test_backend_context_manager': "wants the class of loky's backend",
    'test_backend_hinting_and_constraints': "wants the class of loky's backend",
    'test_nested_parallelism_limit': "wants the class of loky's backend",
    'test_auto_memmap_on_arrays_from_generator':
        'wants arrays to be in files; here they come through shared memory',
    'test_memmapping_leaks': 'wants arrays to be in files; here they come through shared memory',
    'test_error_capture': 'wants other processes after an error; here those are kept that had none',
    'test_parallel_pickling':
        "wants a text of loky's around what pickling raised; here it is raised as it is",
}

# Dropping a generator breaks others in loky's executor, and none here. This is the list of pytest's
# mark.
for mark in test_parallel.test_multiple_generator_call_separated_gc.pytestmark:
    if mark.args[0] == 'backend, error':
        mark.args[1][:] = [(backend, False) for backend, _error in mark.args[1]]

for name, found in list(vars(test_parallel).items()):
    if name in EXCEPTIONS:
        found = pytest.mark.skip(reason=EXCEPTIONS[name])(found)
    globals().setdefault(name, found)


SEARCH = '''
import sys
import gmproc.joblib
import joblib
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

x, y = load_digits(return_X_y=True)
search = GridSearchCV(SVC(), {'C': [0.1, 1, 10], 'gamma': [0.0001, 0.001]}, cv=3, n_jobs=2)
with joblib.parallel_config(backend=sys.argv[1]):
    search.fit(x[:600], y[:600])
print(search.best_params_, search.cv_results_['mean_test_score'].tolist(),
      search.predict(x[600:900]).tolist())
'''


def test_grid_search_is_that_of_loky():
    pytest.importorskip('sklearn')
    results = [subprocess.run([sys.executable, '-c', SEARCH, backend], stdout=subprocess.PIPE,
                              text=True, check=True).stdout for backend in ('loky', 'gmproc')]
    assert results[0] == results[1] and 'gamma' in results[0]
