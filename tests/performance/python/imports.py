# imports.py: the time that a fresh Python takes to import a package
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: imports.py MODULE COUNT"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile

import work

PROGRAM = ('import sys, time; begin = time.perf_counter(); import {0}; '
           'print(time.perf_counter() - begin)')


def main(arguments: list[str]) -> None:
    if len(arguments) != 2:
        work.fail(__doc__)
    module, count = arguments[0], int(arguments[1])
    # Installed packages have bytecode. For others the first import writes it.
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, 'PYTHONPYCACHEPREFIX': folder}
        environment.pop('PYTHONDONTWRITEBYTECODE', None)
        times = [float(subprocess.run([sys.executable, '-c', PROGRAM.format(module)], check=True,
                                      env=environment, stdout=subprocess.PIPE).stdout)
                 for _ in range(count + 1)]
    work.show(statistics.median(times[1:]), count=count)


if __name__ == '__main__':
    main(sys.argv[1:])
