# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: faults.py [--suite] [WORD...]

Runs the cases of the matrix, all or those whose names have all the words, and prints a table of
what came of them. --suite is the selection that the test suite runs.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys

import case
import matrix

COLUMNS = '{:18} {:17} {:11} {:14} {:19} {:>8} {:>5}'


def print_row(fault: case.Case, seen: case.Seen) -> None:
    time = '-' if seen.milliseconds is None else f'{seen.milliseconds:.1f}'
    print(COLUMNS.format(fault.fault, fault.role, fault.language, fault.moment, seen.outcome, time,
                         seen.left), flush=True)
    for problem in seen.problems:
        print(f'    WRONG: {problem}')
    if seen.problems and seen.text:
        print('    | ' + seen.text.replace('\n', '\n    | '), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description='Breaks gmproc on purpose')
    parser.add_argument('--suite', action='store_true')
    parser.add_argument('words', nargs='*', help='of the fault, role, language or moment')
    arguments = parser.parse_args()
    cases = [each for each in matrix.all_cases()
             if (each.in_suite or not arguments.suite) and
             all(word in each.name() for word in arguments.words)]
    print(COLUMNS.format('fault', 'role', 'language', 'moment', 'outcome', 'ms', 'left'))
    n_wrong = 0
    with concurrent.futures.ProcessPoolExecutor(2 * len(os.sched_getaffinity(0)),
                                                initializer=case.become_subreaper) as pool:
        for fault, seen in pool.map(case.run_case, cases):
            print_row(fault, seen)
            n_wrong += bool(seen.problems)
    print(f'{len(cases)} cases, {n_wrong} wrong')
    return 1 if n_wrong > 0 or not cases else 0


if __name__ == '__main__':
    sys.exit(main())
