# verdict.py: how the checks in this folder end
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""A check collects its problems as lines of text and gives them to `close`."""

import sys
from typing import NoReturn, Sequence

SKIPPED = 77  # Meson's exit status for "skipped"


def close(problems: Sequence[str], checked: str, advice: str = '') -> NoReturn:
    """Exits with 0 and prints what was `checked`, or exits with 1 and prints the problems and the
    advice.
    """
    if problems:
        for problem in problems:
            print(problem, file=sys.stderr)
        print(f'{len(problems)} problem(s).', advice, file=sys.stderr)
        sys.exit(1)
    print('checked:', checked)
    sys.exit(0)


def skip(reason: str) -> NoReturn:
    print('skipped:', reason)
    sys.exit(SKIPPED)
