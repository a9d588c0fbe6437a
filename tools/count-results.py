# count-results.py: one line with how many tests passed, failed and were skipped
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Reads meson's testlog.json. Fails when a test failed, or when none ran.

The last lines of each failed test go to standard error first: of a long log, often only its end is
kept.
"""

import collections
import json
import sys

# Meson's words. A test that passes though it should fail has failed, and the other way round.
PASSED = ('OK', 'EXPECTEDFAIL')
SKIPPED = ('SKIP', 'IGNORED')
N_LINES = 30


def print_end(test: dict) -> None:
    print(f'{test["name"]}: {test["result"]}', file=sys.stderr)
    for stream in ('stdout', 'stderr'):
        for line in test.get(stream, '').splitlines()[-N_LINES:]:
            print(f'  {stream}: {line}', file=sys.stderr)


counts = collections.Counter()
try:
    with open(sys.argv[1], encoding='utf-8') as log:
        for line in log:
            test = json.loads(line)
            kind = ('passed' if test['result'] in PASSED else
                    'skipped' if test['result'] in SKIPPED else 'failed')
            counts[kind] += 1
            if kind == 'failed':
                print_end(test)
except FileNotFoundError:
    pass
print(f'{counts["passed"]} passed, {counts["failed"]} failed, {counts["skipped"]} skipped')
sys.exit(counts['failed'] > 0 or counts['passed'] == 0)
