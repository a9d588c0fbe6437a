# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: soak.py [--seed NUMBER] [--requests NUMBER] [LANGUAGE...]

Clients send requests. In about one request of a hundred a worker dies, in a random way and at a
random moment, and is restarted. At the end every request must have been answered once or have
failed once, and every death must have been reported once. Each worker keeps a journal, whose format
is described in programs/soak.py.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

import case

N_CLIENTS = 3
EVERY = 100  # requests between two deaths

# The deaths of a client itself; those of a client that the server kills while it waits; the
# server's own.
MOMENTS = ('start', 'before', 'after', 'between', 'server', 'wait')
FAULTS = ('SIGKILL', 'SIGSEGV', 'abort', 'exit-3', 'exit-0', 'error')

LIMIT_A_DEATH = 5  # seconds on top of the watchdog: a worker in GJS takes one to start


@dataclasses.dataclass
class Account:
    """A client's journals. The keys are the numbers of requests."""

    asked: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    got: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    answered: collections.Counter[int] = dataclasses.field(default_factory=collections.Counter)
    deaths: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    skipped: set[int] = dataclasses.field(default_factory=set)  # it died before the request
    server_died_at: collections.Counter[int] = dataclasses.field(
        default_factory=collections.Counter)

    def read(self, path: pathlib.Path) -> None:
        for line in path.read_text().splitlines():
            verb, number, *moment = line.split()
            if verb == 'dies':
                self.deaths[moment[0]] += 1
                if moment[0] == 'before':
                    self.skipped.add(int(number))
                elif moment[0] in ('server', 'wait'):
                    self.server_died_at[int(number)] += 1
            else:
                getattr(self, verb)[int(number)] += 1


def make_plan(folder: pathlib.Path, draw: random.Random, n: int) -> int:
    """Writes the plan, and returns the number of deaths."""
    lines = []
    for id in range(1, N_CLIENTS + 1):
        numbers = sorted(draw.sample(range(2, n), n // EVERY))
        for number in numbers:
            moment = draw.choice(MOMENTS)
            if moment == 'start':  # in the next process, so this one dies first
                lines.append(f'{id} {number - 1} before SIGKILL')
            lines.append(f'{id} {number} {moment} {draw.choice(FAULTS)}')
    (folder / 'plan').write_text('\n'.join(lines) + '\n')
    for id in range(1, N_CLIENTS + 1):
        (folder / f'journal-{id}').touch()
    return len(lines)


def run(language: str, folder: pathlib.Path, n: int, n_deaths: int, resend: bool
        ) -> tuple[list[list[str]], list[str]]:
    """The program's output, and its remaining processes."""
    config = {'role': 'soak', 'n': N_CLIENTS, 'turns': n, 'folder': str(folder), 'objects': 1,
              'runs': 1, 'rests': 0, 'options': {'restart': 1, 'max-restarts': 1000000,
                                     'resend-requests': resend}}
    with open(folder / 'stderr', 'w') as errors:
        process = subprocess.Popen(case.COMMANDS[language] + [case.to_variant(config)],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=errors, text=True, start_new_session=True)
    watchdog = threading.Timer(case.WATCHDOG + LIMIT_A_DEATH * n_deaths, process.send_signal,
                               [signal.SIGKILL])
    watchdog.start()
    output, _ = process.communicate()
    watchdog.cancel()
    left: list[str] = []
    case.reap_all(left)
    return [line.split() for line in output.splitlines()], left


class Books:
    """Everything that is known of one soak, and its contradictions."""

    def __init__(self, folder: pathlib.Path, lines: list[list[str]], n: int, resend: bool) -> None:
        self.lines = lines
        self.n = n
        self.resend = resend
        self.accounts = {str(id): Account() for id in range(1, N_CLIENTS + 1)}
        for id, account in self.accounts.items():
            account.read(folder / f'journal-{id}')
        self.reported = collections.Counter(line[1] for line in lines
                                        if line[0] in ('restarted', 'failed'))
        self.problems: list[str] = []

    def expect(self, is_so: bool, what: str) -> None:
        if not is_so:
            self.problems.append(what)

    def check(self) -> None:
        end = [line for line in self.lines if line[0] == 'end']
        self.expect(bool(end) and end[0][2:4] == [str(N_CLIENTS), '-'], f'it ended with {end}')
        for id, account in self.accounts.items():
            self.check_client(id, account)
        n_server = sum(account.deaths['server'] + account.deaths['wait']
                       for account in self.accounts.values())
        self.expect(self.reported['server'] == n_server,
                    f'the server died {n_server} times, and {self.reported["server"]} deaths were '
                    'reported')

    def check_client(self, id: str, account: Account) -> None:
        who = f'client {id}'
        wanted = set(range(1, self.n + 1))
        self.expect(account.asked.keys() | account.skipped == wanted and
                    not account.asked.keys() & account.skipped, f'{who}: numbers are missing')
        for verb in ('asked', 'answered'):
            twice = [number for number, n in getattr(account, verb).items() if n > 1]
            self.expect(not twice, f'{who}: {verb} more than once: {twice[:9]}')
        for number, n in account.got.items():
            # A request that is sent again is seen by the next server too.
            allowed = 1 + (account.server_died_at[number] if self.resend else 0)
            self.expect(n <= allowed or self.resend, f'{who}: {number} was processed {n} times')
        early = account.answered.keys() - account.got.keys()
        self.expect(not early, f'{who}: answered, but not by the server: {early}')
        unanswered = account.asked.keys() - account.answered.keys()
        # Deaths outside of a request, and those during one: each is reported once.
        n_idle = sum(account.deaths[moment] for moment in ('start', 'before', 'after'))
        self.expect(self.reported[id] == len(unanswered) + n_idle,
                    f'{who}: {len(unanswered)} requests failed and it died {n_idle} times between '
                    f'requests, but {self.reported[id]} failures were reported')
        if self.resend:
            self.expect(len(unanswered) == account.deaths['between'],
                        f'{who}: {len(unanswered)} requests were lost, not those '
                        f'{account.deaths["between"]} that a client died of')

    def describe(self) -> str:
        asked = sum(len(account.asked) for account in self.accounts.values())
        answered = sum(len(account.answered) for account in self.accounts.values())
        deaths: collections.Counter[str] = collections.Counter()
        for account in self.accounts.values():
            deaths += account.deaths
        return (f'{asked} requests, {answered} answered once, {asked - answered} failed once; '
                f'{sum(deaths.values())} deaths: '
                + ', '.join(f'{n} {moment}' for moment, n in sorted(deaths.items())))


def soak(language: str, seed: int, n: int, resend: bool) -> bool:
    folder = pathlib.Path(tempfile.mkdtemp(prefix='gmproc-soak-'))
    n_deaths = make_plan(folder, random.Random(seed), n)
    begin = time.monotonic()
    lines, left = run(language, folder, n, n_deaths, resend)
    books = Books(folder, lines, n, resend)
    books.check()
    books.expect(not left, f'processes are left: {left}')
    print(f'{language}, {"sent again" if resend else "failed"}, seed {seed}, '
          f'{time.monotonic() - begin:.1f} s: {books.describe()}', flush=True)
    for problem in books.problems:
        print(f'    WRONG: {problem}')
    if books.problems:
        print(f'    what there is to look at is in {folder}', flush=True)
    else:
        shutil.rmtree(folder)
    return not books.problems


def main() -> int:
    parser = argparse.ArgumentParser(description='Requests and deaths, all accounted for')
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(2), 'little'))
    parser.add_argument('--requests', type=int, default=10500, help='for each language and choice')
    parser.add_argument('languages', nargs='*', default=list(case.COMMANDS))
    arguments = parser.parse_args()
    case.become_subreaper()
    n = -(-arguments.requests // N_CLIENTS)
    results = [soak(language, arguments.seed, n, resend)
               for language in arguments.languages for resend in (False, True)]
    return 0 if all(results) else 1


if __name__ == '__main__':
    sys.exit(main())
