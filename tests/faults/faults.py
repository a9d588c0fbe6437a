# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: faults.py [--suite | --examples] [WORD...]

Runs the cases of the matrix, or those whose names contain all the words. Prints a table with the
outcome of each, the time from the fault to the error, and the number of things left behind. --suite
selects the cases of the test suite. --examples kills workers of the examples and presses Ctrl-C;
its times are those until the death was logged, or the example had ended.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys

import case
import examples
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


def try_examples(words: list[str]) -> int:
    print(COLUMNS.format('fault', 'example', 'language', 'victim', 'outcome', 'ms', 'left'))
    case.become_subreaper()
    n_wrong = 0
    for row in examples.all_rows(words):
        print(COLUMNS.format(row.fault, row.example.name, row.example.language, row.victim,
                             row.outcome, f'{row.milliseconds:.1f}', row.left), flush=True)
        for problem in row.problems:
            print(f'    WRONG: {problem}')
        n_wrong += bool(row.problems)
    return 1 if n_wrong > 0 else 0


def main() -> int:
    parser = argparse.ArgumentParser(description='Breaks gmproc on purpose')
    parser.add_argument('--suite', action='store_true')
    parser.add_argument('words', nargs='*', help='of the fault, role, language or moment')
    parser.add_argument('--examples', action='store_true')
    arguments = parser.parse_args()
    if arguments.examples:
        return try_examples(arguments.words)
    cases = [each for each in matrix.all_cases()
             if (each.in_suite or not arguments.suite) and
             all(word in each.name() for word in arguments.words)]
    print(COLUMNS.format('fault', 'role', 'language', 'moment', 'outcome', 'ms', 'left'))
    wrong = []
    with concurrent.futures.ProcessPoolExecutor(2 * len(os.sched_getaffinity(0)),
                                                initializer=case.become_subreaper) as pool:
        for fault, seen in pool.map(case.run_case, cases):
            print_row(fault, seen)
            if seen.problems:
                wrong.append((fault, seen))
    print(f'{len(cases)} cases, {len(wrong)} wrong')
    # Again at the end, which is all that is shown of a long log.
    for fault, seen in wrong:
        print_row(fault, seen)
    return 1 if wrong or not cases else 0


if __name__ == '__main__':
    sys.exit(main())
