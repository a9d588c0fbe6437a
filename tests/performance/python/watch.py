# watch.py: the cost of idle processes: wake-ups, processor, memory
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: watch.py idle|memory PROCESSES SETTLING SECONDS -- COMMAND...

The command starts processes, each of which prints its pid on a line and then waits forever. When
all exist they have SETTLING seconds to finish their start and to stop polling; then they are
watched for SECONDS, and killed.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def read_switches(pid: int) -> int:
    """The number of context switches of all threads of a process; a thread that sleeps and is woken
    adds one."""
    count = 0
    for task in Path(f'/proc/{pid}/task').iterdir():
        for line in (task / 'status').read_text().splitlines():
            if 'ctxt_switches:' in line:
                count += int(line.split()[1])
    return count


def read_ticks(pid: int) -> int:
    """User and system time."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return int(fields[11]) + int(fields[12])


def read_memory(pid: int) -> int:
    """The proportional share, in bytes: what is shared is divided among those that share it."""
    for line in Path(f'/proc/{pid}/smaps_rollup').read_text().splitlines():
        if line.startswith('Pss:'):
            return int(line.split()[1]) * 1024
    raise ValueError(f'No Pss of {pid}')


def watch_idle(pids: list[int], seconds: float) -> dict[str, float]:
    before = [(read_switches(pid), read_ticks(pid)) for pid in pids]
    begin = time.monotonic()
    time.sleep(seconds)
    passed = time.monotonic() - begin
    after = [(read_switches(pid), read_ticks(pid)) for pid in pids]
    wake_ups = sum(new[0] - old[0] for old, new in zip(before, after))
    ticks = sum(new[1] - old[1] for old, new in zip(before, after))
    return {'wake_ups': wake_ups / passed,
            'percent': 100 * ticks / os.sysconf('SC_CLK_TCK') / passed}


def watch_memory(pids: list[int], _seconds: float) -> dict[str, float]:
    return {'bytes': sum(map(read_memory, pids)) / len(pids)}


def main(arguments: list[str]) -> None:
    watches = {'idle': watch_idle, 'memory': watch_memory}
    if len(arguments) < 6 or arguments[0] not in watches or arguments[4] != '--':
        sys.exit(__doc__)
    # So that the started processes are ended, too, if this takes too long.
    signal.signal(signal.SIGTERM, lambda *_arguments: sys.exit('Stopped'))
    n_processes = int(arguments[1])
    settling, seconds = float(arguments[2]), float(arguments[3])
    process = subprocess.Popen(arguments[5:], stdout=subprocess.PIPE, text=True,
                               start_new_session=True)
    assert process.stdout is not None
    pids: list[int] = []
    try:
        while len(pids) < n_processes:
            line = process.stdout.readline()
            if not line:
                sys.exit(f'Only {len(pids)} of {n_processes} processes came')
            pids.append(int(line))
        time.sleep(settling)
        figures = watches[arguments[0]](pids, seconds)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        for pid in pids:
            # The program may have put its processes into sessions of their own.
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
    print(json.dumps({**figures, 'count': n_processes}))


if __name__ == '__main__':
    main(sys.argv[1:])
