# clients.py: the cost of a request with few clients and with many
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: clients.py SECONDS CLIENTS... -- COMMAND...

Runs ``COMMAND request CLIENTS SECONDS`` for each number of clients, and shows what a request costs
with each, and the most that it costs beside the cost with the first number.
"""

from __future__ import annotations

import json
import subprocess
import sys

import work


def measure(command: list[str], n_clients: str, seconds: str) -> float:
    output = subprocess.run([*command, 'request', n_clients, seconds], check=True,
                            stdout=subprocess.PIPE).stdout
    return float(json.loads(output)['seconds'])


def main(arguments: list[str]) -> None:
    if '--' not in arguments or len(arguments) < 4:
        work.fail(__doc__)
    middle = arguments.index('--')
    seconds, *counts = arguments[:middle]
    costs = {count: measure(arguments[middle + 1:], count, seconds) for count in counts}
    work.show(costs, most=max(costs.values()) / costs[counts[0]])


if __name__ == '__main__':
    main(sys.argv[1:])
