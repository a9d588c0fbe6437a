# local.py: the cases that need no Slurm, on nodes that are agents on this machine
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: local.py SOURCE_ROOT BUILD_ROOT [CASE...]

Loses and freezes nodes, and stops the application, as slurm.py does on a cluster. Exits with 77
where there is no agent.
"""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Callable

from adverse import channels, daemon, starting, stopped
from losses import fence, freeze, lose
from simulated import LocalNodes, Nodes

CASE_LIMIT = 100  # seconds

CASES: dict[str, Callable[[Nodes], None]] = {
    case.__name__: case for case in (lose, freeze, fence, stopped, starting, channels, daemon)}


def give_up(_signum: int, _frame: Any) -> None:
    raise TimeoutError(f'The case takes more than {CASE_LIMIT} seconds')


def main() -> int:
    if 'GMPROC_AGENT' not in os.environ:
        print('skipped: there is no agent')
        return 77
    signal.signal(signal.SIGALRM, give_up)
    for name in sys.argv[3:] or CASES:
        begun = time.monotonic()
        print(f'{name}: {CASES[name].__doc__}', flush=True)
        signal.alarm(CASE_LIMIT)
        with tempfile.TemporaryDirectory() as folder:
            CASES[name](LocalNodes(Path(folder)))
        signal.alarm(0)
        print(f'  passed in {time.monotonic() - begun:.1f} s', flush=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
