# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The fixture of all tests: a watchdog, and checks that nothing is left behind."""

from __future__ import annotations

import collections
import faulthandler
import gc
import os
import pathlib
import re
import subprocess
import sys
import time

import pytest

# Workers look for modules in this process's path. Here it has a stand-in for pytest.
sys.path.insert(0, str(pathlib.Path(__file__).parent / 'in-workers'))

# Processes do not linger, so that tests see their end.
os.environ.setdefault('GMPROC_LINGER', '0')

LIMIT = 100  # seconds until the watchdog ends a test
SETTLE_LIMIT = 20


def pytest_configure():
    """Tests replace standard error to see what it gets; the watchdog writes to the real one."""
    global real_stderr
    real_stderr = os.dup(2)


def list_children() -> list[str]:
    children = []
    for task in pathlib.Path('/proc/self/task').iterdir():
        try:
            children += (task / 'children').read_text().split()
        except OSError:
            pass
    return children


def count_files() -> collections.Counter[str]:
    kinds: collections.Counter[str] = collections.Counter()
    for name in os.listdir('/proc/self/fd'):
        try:
            kinds[re.sub(r'\[\d+\]', '', os.readlink(f'/proc/self/fd/{name}'))] += 1
        except OSError:
            pass
    return kinds


@pytest.fixture(scope='session')
def warm_up():
    """Creates what stays for the rest of the process, such as GLib's own threads."""
    import asyncio
    import ctypes  # noqa: F401 (newer versions of libffi keep their own file open)

    asyncio.run(asyncio.sleep(0))
    run_worker()
    # Freezes the current objects, which makes the collection of each test short.
    gc.collect()
    gc.freeze()


def run_worker():
    """Returns the object that has run it."""
    import gmproc

    workers = gmproc.Workers()
    workers.add(1, len, 'one')
    assert workers.run() == {1: 3}
    return workers


def find_left(list_files):
    """The processes and files that do not end."""
    deadline = time.monotonic() + SETTLE_LIMIT
    while True:
        gc.collect()
        left = list_children(), list_files()
        if not any(left) or time.monotonic() > deadline:
            return left
        time.sleep(0.01)


@pytest.fixture(scope='session', autouse=True)
def nothing_left(warm_up, request):
    """Starting a fork server takes longer than most tests do, and an object that has one keeps it
    for all tests of a file. So what they have left is looked for at the end of the file."""
    def list_files():
        # Objects of a failed test are kept for the report.
        return {} if request.session.testsfailed else count_files() - before

    assert find_left(dict) == ([], {})
    before = count_files()
    holder = run_worker()
    yield
    del holder
    assert find_left(list_files) == ([], {})


@pytest.fixture(autouse=True)
def watchdog():
    faulthandler.dump_traceback_later(LIMIT, exit=True, file=real_stderr)
    yield
    gc.collect()
    faulthandler.cancel_dump_traceback_later()


class Script:
    """A program in its own file, or in no file."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def write(self, text: str, name: str = 'script.py') -> pathlib.Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def python(self, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *map(str, arguments)], cwd=self.folder, text=True,
                              capture_output=True, timeout=LIMIT - 20, **options)

    def run(self, text: str, *flags: str) -> subprocess.CompletedProcess[str]:
        return self.python(*flags, self.write(text))

    def output(self, text: str) -> str:
        """The output of a program that succeeds without warnings."""
        done = self.run(text)
        assert (done.returncode, done.stderr) == (0, '')
        return done.stdout


@pytest.fixture
def script(tmp_path):
    return Script(tmp_path)
