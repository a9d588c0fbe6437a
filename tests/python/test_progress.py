# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""map(..., progress=True) shows its progress on standard error."""

import asyncio
import fcntl
import io
import os
import pty
import struct
import sys
import termios
import threading
import types

import pytest

import gmproc
from gmproc import _progress

N = 20


def square(n):
    return n * n


def fail_at_three(n):
    if n == 3:
        raise KeyError(n)
    return n


def map_workers(function, items, **options):
    with gmproc.Workers(max_parallel=2) as workers:
        return workers.map(function, items, progress=True, **options)


def map_executor(function, items, **options):
    with gmproc.Executor(2) as executor:
        return list(executor.map(function, items, progress=True, **options))


def map_imap(function, items, **options):
    with gmproc.Workers(max_parallel=2) as workers:
        return list(workers.imap(function, items, progress=True, **options))


def map_imap_unordered(function, items, **options):
    with gmproc.Workers(max_parallel=2) as workers:
        return sorted(workers.imap_unordered(function, items, progress=True, **options))


def map_imap_async(function, items, **options):
    async def collect():
        with gmproc.Workers(max_parallel=2) as workers:
            values = workers.imap_async(function, items, progress=True, **options)
            return [value async for value in values]
    return asyncio.run(collect())


maps = pytest.mark.parametrize('run_map', [map_workers, map_executor, map_imap,
                                           map_imap_unordered, map_imap_async])


class Terminal:
    """A terminal in place of standard error. Its text is what was written to it."""

    def __init__(self, monkeypatch):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 80, 0, 0))
        self.file = open(slave, 'w')
        self.text = b''
        monkeypatch.setattr(sys, 'stderr', self.file)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while True:
            try:
                self.text += os.read(self.master, 4096)
            except OSError:  # The other end is closed.
                return

    def close(self):
        self.file.close()
        self.reader.join()
        os.close(self.master)
        return self.text.decode()


def hide(monkeypatch, *names):
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


@maps
def test_lines_without_a_terminal(run_map, capsys):
    assert run_map(square, range(N), chunksize=3) == [n * n for n in range(N)]
    assert f'map: {N} of {N} items' in capsys.readouterr().err
    assert run_map(square, (n for n in range(3))) == [0, 1, 4]
    assert 'map: 3 items' in capsys.readouterr().err


@maps
def test_lines_come_in_between(run_map, capsys, monkeypatch):
    monkeypatch.setattr(_progress, '_PAUSE', 0)
    run_map(square, range(4), chunksize=1)
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(',')[0] for line in lines] == [
        *(f'map: {n} of 4 items' for n in range(1, 5)), 'map: 4 of 4 items']


@maps
def test_failure(run_map, capsys):
    with pytest.raises((gmproc.WorkerError, KeyError)):
        run_map(fail_at_three, range(10), chunksize=1)
    assert ' of 10 items' in capsys.readouterr().err


@maps
@pytest.mark.parametrize('name, hidden, expected', [
    ('tqdm', (), f'{N}/{N}'),
    ('rich', ('tqdm',), '100%'),
    (None, ('tqdm', 'rich.console'), f'map: {N} of {N} items'),
])
def test_terminal(run_map, name, hidden, expected, monkeypatch):
    if name == 'tqdm':
        # It has a lock of multiprocessing's, for which newer Pythons start a process.
        pytest.importorskip(name).tqdm.set_lock(threading.RLock())
    elif name is not None:
        pytest.importorskip(name)
    hide(monkeypatch, *hidden)
    monkeypatch.setenv('TERM', 'xterm')
    terminal = Terminal(monkeypatch)
    try:
        assert run_map(square, range(N)) == [n * n for n in range(N)]
    finally:
        text = terminal.close()
    assert 'map' in text and expected in text


class Bar:
    """As tqdm's, which need not be installed for this."""

    def __init__(self, **_options):
        self.n = 0

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        print(f'bar: {self.n}', file=sys.stderr)

    def update(self, n):
        self.n += n


def import_missing(_n):
    import no_such_module  # noqa: F401


@pytest.mark.parametrize('name', ['tqdm', 'rich'])
def test_an_import_error_of_the_program(name, monkeypatch):
    """It is not taken for one of the bar's."""
    bar = types.ModuleType('bar')
    bar.tqdm = bar.Progress = bar.Console = Bar
    bar.Progress.add_task = bar.Progress.advance = lambda *_args, **_options: None
    for module in ('tqdm',) if name == 'tqdm' else ('rich', 'rich.console', 'rich.progress'):
        monkeypatch.setitem(sys.modules, module, bar)
    if name == 'rich':
        hide(monkeypatch, 'tqdm')
    terminal = Terminal(monkeypatch)
    try:
        with pytest.raises(ModuleNotFoundError, match='no_such_module'):
            map_executor(import_missing, range(3))
    finally:
        assert 'bar' in terminal.close()


@maps
def test_without_standard_error(run_map, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', None)
    assert run_map(square, range(3)) == [0, 1, 4]


@pytest.mark.parametrize('name', ['imap', 'imap_unordered'])
def test_a_loop_that_is_left_early(name, capsys):
    """The processes are stopped when the generator is closed, as without progress."""
    with gmproc.Workers(max_parallel=1) as workers:
        values = getattr(workers, name)(square, range(N), 1, progress=True)
        assert next(values) == 0
        values.close()
        assert f'map: 0 of {N} items' in capsys.readouterr().err
        assert workers.map(square, [3]) == [9]


class Odd:
    """A stream without a terminal, and without a flush."""

    def write(self, text):
        return len(text)


def closed():
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize('stream', [None, Odd(), closed()], ids=['none', 'odd', 'closed'])
def test_standard_error_may_be_anything(stream, monkeypatch):
    monkeypatch.setattr(sys, 'stderr', stream)
    assert map_workers(square, range(3)) == [0, 1, 4]
