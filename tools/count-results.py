# count-results.py: one line with how many tests passed, failed and were skipped
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Reads meson's testlog.json. Fails when a test failed, or when none ran."""

import collections
import json
import sys

# Meson's words. A test that passes though it should fail has failed, and the other way round.
PASSED = ('OK', 'EXPECTEDFAIL')
SKIPPED = ('SKIP', 'IGNORED')

counts = collections.Counter()
try:
    with open(sys.argv[1], encoding='utf-8') as log:
        for line in log:
            result = json.loads(line)['result']
            counts['passed' if result in PASSED else
                   'skipped' if result in SKIPPED else 'failed'] += 1
except FileNotFoundError:
    pass
print(f'{counts["passed"]} passed, {counts["failed"]} failed, {counts["skipped"]} skipped')
sys.exit(counts['failed'] > 0 or counts['passed'] == 0)
