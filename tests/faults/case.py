# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""One case: runs a program whose workers misbehave, and compares the outcome with the expected one.
"""

from __future__ import annotations

import ctypes
import dataclasses
import os
import pathlib
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
from typing import Any

FOLDER = pathlib.Path(__file__).resolve().parent
BUILD = pathlib.Path(os.environ.get('GMPROC_FAULTS_BUILD', FOLDER.parent.parent / 'build'))
PROGRAMS = BUILD / 'tests' / 'faults'

WATCHDOG = 60  # seconds; much longer than any case takes, and ends those that hang
END_LIMIT = 10  # seconds after the application's end until all of its processes must have ended

PR_SET_CHILD_SUBREAPER = 36

# The path of rest.c for languages that load the library by name.
for name in ('GI_TYPELIB_PATH', 'LD_LIBRARY_PATH'):
    os.environ[name] = f'{PROGRAMS}:{os.environ.get(name, "")}'

COMMANDS = {
    'C': [str(PROGRAMS / 'program')],
    'Python': [sys.executable, str(FOLDER / 'programs' / 'program.py')],
    'JavaScript': ['gjs', '-m', str(FOLDER / 'programs' / 'program.js')],
}

CODES = ('FAILED', 'NOT_FOUND', 'EXISTS', 'CRASHED', 'TIMED_OUT', 'DISCONNECTED', 'SERVER_DONE',
         'PROTOCOL', 'BAD_PAYLOAD', 'LAUNCH')


@dataclasses.dataclass
class Case:
    """A fault, and the expected outcome.

    Attributes:
        outcome: the error's code, or several with / between them; 'fine' for no error; 'gone' if
            the application itself is killed.
        words: regular expressions that the error's text has to match.
        kept: the number of results in spite of the fault; None if it varies.
        config: the program's configuration.
        options: the application's options.
        before: arguments in front of the program's command.
        environment: additional variables; {folder} is the case's folder, {wrap} that program.
        in_suite: whether it is quick enough, and different enough from others, for the suite.
    """

    fault: str
    role: str
    language: str
    moment: str
    outcome: str
    words: tuple[str, ...] = ()
    kept: int | None = None
    config: dict[str, Any] = dataclasses.field(default_factory=dict)
    options: dict[str, Any] = dataclasses.field(default_factory=dict)
    before: tuple[str, ...] = ()
    environment: dict[str, str] = dataclasses.field(default_factory=dict)
    kills_application: bool = False
    in_suite: bool = False

    def name(self) -> str:
        return f'{self.fault}, {self.role}, {self.language}, {self.moment}'


@dataclasses.dataclass
class Seen:
    """The outcome of a case.

    Attributes:
        milliseconds: from the fault, or from the program's start if that is the fault, to the
            error; if the application is killed, to the end of the last process.
        left: the number of remaining processes, zombies, files, sockets and shared memories.
    """

    outcome: str = 'nothing'
    text: str = ''
    kept: int = 0
    milliseconds: float | None = None
    left: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)


def to_variant(value: Any) -> str:
    """A value in GVariant's text format."""
    if isinstance(value, dict):
        items = ', '.join(f'{to_variant(k)}: <{to_variant(v)}>' for k, v in value.items())
        return f'{{{items}}}' if value else '@a{sv} {}'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    if isinstance(value, str):
        return "'" + value.replace('\\', '\\\\').replace("'", "\\'") + "'"
    if isinstance(value, int) and value >= 2**31:
        return f'uint64 {value}'
    return repr(value)


def become_subreaper() -> None:
    """Processes that a program leaves behind become children of this process. No core is dumped."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), 'prctl')
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def list_children() -> dict[int, str]:
    """This process's children, with their states."""
    children = {}
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            text = pathlib.Path(f'/proc/{pid}/stat').read_text(errors='replace')
            fields = text.rpartition(') ')[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == os.getpid():
            children[int(pid)] = fields[0]
    return children


def wait_for_state(pid: int, state: str) -> None:
    deadline = time.monotonic() + WATCHDOG
    while time.monotonic() < deadline:
        text = pathlib.Path(f'/proc/{pid}/stat').read_text(errors='replace')
        if text.rpartition(') ')[2].startswith(state):
            return
        time.sleep(0.001)
    raise TimeoutError(f'{pid} is not in state {state}')


def describe(pid: int) -> str:
    """Describes a process, to help find the reason why it was left."""
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    lines = [line for line in status.splitlines()
             if line.startswith(('State', 'Threads', 'ShdPnd', 'SigBlk', 'SigCgt'))]
    command = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ')
    return f'{pid}: {command[:80]!r} {lines}'


def reap_all(left: list[str]) -> None:
    """Waits for the end of all started processes, and kills those that remain."""
    deadline = time.monotonic() + END_LIMIT
    while True:
        try:
            pid, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0 and time.monotonic() > deadline:
            for child in list_children():
                left.append(describe(child))
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)
        elif pid == 0:
            time.sleep(0.0005)


class Trial:
    """A case while it runs."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.seen = Seen()
        self.begin: float | None = None  # when the fault happened
        self.end: float | None = None
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix='gmproc-fault-'))
        self.own = self.folder / 'own'  # folders that the program must not leave anything in
        self.own.mkdir()

    def run(self) -> Seen:
        try:
            self.watch(self.start())
            self.count_left()
            self.compare()
        finally:
            shutil.rmtree(self.folder)
        if self.begin is None and self.seen.outcome not in ('fine', 'nothing'):
            self.begin = self.started
        if self.begin is not None and self.end is not None:
            self.seen.milliseconds = (self.end - self.begin) * 1000
        return self.seen

    def fill(self, text: str) -> str:
        return text.replace('{folder}', str(self.folder)).replace('{wrap}', str(PROGRAMS / 'wrap'))

    def start(self) -> subprocess.Popen[str]:
        case = self.case
        config = {'role': case.role.split()[0], 'fault': case.fault, 'moment': case.moment,
                  'n': 2, 'turns': 3, 'size': 0, 'rests': 0, 'objects': 1, 'runs': 1,
                  **case.config, 'options': case.options}
        # Remaining processes are checked at the end of each case.
        environment = dict(os.environ, GMPROC_LINGER='0')
        environment.update(TMPDIR=str(self.own), XDG_RUNTIME_DIR=str(self.own))
        environment.setdefault('PYTHONDONTWRITEBYTECODE', '1')
        environment.update({name: self.fill(value) for name, value in case.environment.items()})
        command = [*map(self.fill, case.before), *COMMANDS[case.language], to_variant(config)]
        self.started = time.monotonic()
        command[0] = shutil.which(command[0]) or command[0]
        with open(self.folder / 'stderr', 'w') as errors:
            return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=errors, text=True, cwd=self.own, env=environment,
                                    start_new_session=True)

    def watch(self, process: subprocess.Popen[str]) -> None:
        watchdog = threading.Timer(WATCHDOG, self.give_up, [process])
        watchdog.start()
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: [self.take(line.split(), process)
                                                  for line in process.stdout])  # type: ignore
        reader.start()
        process.wait()
        left: list[str] = []
        reap_all(left)
        if self.case.kills_application:
            self.end = time.monotonic()
        watchdog.cancel()
        reader.join()
        process.stdout.close()
        self.leave(len(left), f'processes {left}')
        if self.case.outcome == 'gone' and process.returncode == -signal.SIGKILL:
            self.seen.outcome = 'gone'
        elif process.returncode != 0:
            self.problem(f'the program ended with {process.returncode}')

    def give_up(self, process: subprocess.Popen[str]) -> None:
        self.problem('the watchdog ended it')
        process.kill()

    def problem(self, text: str) -> None:
        self.seen.problems.append(text)

    def leave(self, n: int, what: str) -> None:
        self.seen.left += n
        if n > 0:
            self.problem(f'{n} {what} left')

    def take(self, words: list[str], process: subprocess.Popen[str]) -> None:
        """Reads a line that the program or a worker has printed."""
        if words[0] == 'at':
            self.begin = int(words[2]) / 1e6
            self.end = None
            if self.case.kills_application:
                if self.case.fault == 'SIGSTOP':
                    wait_for_state(int(words[1]), 'T')
                self.begin = time.monotonic()
                process.kill()
        elif words[0] == 'failed' and self.end is None:
            self.end = int(words[1]) / 1e6
        elif words[0] == 'end':
            # If the server fails, the run fails with its error.
            self.end = self.end or int(words[1]) / 1e6
            self.seen.kept = int(words[2])
            self.seen.text = urllib.parse.unquote(words[5])
            if words[3] == '-':
                self.seen.outcome = 'fine'
            elif words[3] == 'gmp-error-quark':
                self.seen.outcome = CODES[int(words[4])]
            else:
                self.seen.outcome = f'{words[3]} {words[4]}'
        elif words[0] == 'left':
            self.leave(int(words[1]), 'children')
            self.leave(int(words[2]), 'pieces of shared memory')

    def count_left(self) -> None:
        self.leave(len(list(self.own.iterdir())), 'files')
        self.leave(sum('gmproc' in name for name in os.listdir('/dev/shm')), 'files in /dev/shm')
        sockets = pathlib.Path('/proc/net/unix').read_text()
        self.leave(sockets.count(str(self.folder)), 'sockets')

    def compare(self) -> None:
        case, seen = self.case, self.seen
        if seen.outcome not in case.outcome.split('/'):
            self.problem(f'the outcome is {seen.outcome}, not {case.outcome}')
        if case.kept is not None and seen.kept != case.kept:
            self.problem(f'{seen.kept} results were kept, not {case.kept}')
        for word in case.words:
            if re.search(word, seen.text) is None:
                self.problem(f'{word!r} is not in the error')
        if seen.problems:
            errors = (self.folder / 'stderr').read_text()
            seen.text += f'\n(standard error:)\n{errors}' if errors else ''


def run_case(case: Case) -> tuple[Case, Seen]:
    return case, Trial(case).run()
