# rows.py: the measurements, their peers and their goals
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Callable

from .figures import Condition, Unit, above, limit, share, times

PYTHON_PROGRAMS = Path(__file__).parent.parent / 'python'
GYMNASIUM = 'gymnasium==1.4.0'
POOLS = {'loky': 'loky==3.7.0', 'pebble': 'pebble==5.2.3', 'mpire': 'mpire==2.10.2',
         'dask': 'distributed==2026.8.0', 'ray': 'ray==2.60.0'}
SLOW_POOLS = 'dask', 'ray'
SIZES = (8, 1024, 64 * 1024, 1024 ** 2, 16 * 1024 ** 2, 64 * 1024 ** 2)


class Role(Enum):
    OURS = 'ours'
    PEER = 'peer'
    FLOOR = 'floor'  # the kernel or the memory alone, without the parts that make it usable


@dataclass(frozen=True)
class Effort:
    """The length of a measurement."""

    seconds: float  # of counting, for each figure
    scale: float = 1.0  # scales the numbers of starts and tasks
    settling: float = 0.5  # seconds that processes have before they are watched
    sizes: tuple[int, ...] = SIZES
    clients: tuple[int, ...] = (16, 100, 400, 1000)

    def count(self, usual: int) -> str:
        return str(max(3, round(usual * self.scale)))


@dataclass(frozen=True)
class Contender:
    """A contender of a row: a program of the build folder or of Python, and its arguments."""

    key: str
    command: tuple[str, ...]
    role: Role = Role.PEER
    environment: dict[str, str] = field(default_factory=dict)
    optional: bool = False  # only where it was asked for
    package: str = ''  # Debian's, which this needs besides what the tests need
    pypi: str = ''  # what pip installs for it; it is measured only where that was asked for


@dataclass(frozen=True)
class Column:
    """A figure of a row."""

    name: str  # its name in the program's output: "seconds", or "seconds/1024"
    title: str
    unit: Unit
    conditions: tuple[Condition, ...] = ()


@dataclass(frozen=True)
class Row:
    key: str
    title: str
    columns: tuple[Column, ...]
    contenders: tuple[Contender, ...]
    ours: tuple[str, ...] = ('gmproc',)  # the best of these counts
    every: int = 1  # only in each round of this number, if that is enough


def _native(name: str, *arguments: str) -> tuple[str, ...]:
    return ('{build}/' + name, *arguments)


def _python(name: str, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, str(PYTHON_PROGRAMS / (name + '.py')), *arguments)


def _mpirun(n_clients: int, *command: str) -> tuple[str, ...]:
    # If there are more processes than processors, they have to yield, and mpirun needs an option.
    n_processes = n_clients + 1
    crowd = ('--oversubscribe',) if n_processes > (os.cpu_count() or 1) else ()
    return ('mpirun', *crowd, '-n', str(n_processes), *command)


def _mpirun_python(n_clients: int, *arguments: str) -> tuple[str, ...]:
    script = str(PYTHON_PROGRAMS / 'mpi_pair.py')
    return _mpirun(n_clients, sys.executable, '-m', 'mpi4py', script, *arguments)


def _open_mpi(command: tuple[str, ...]) -> Contender:
    return Contender('OpenMPI', command, package='libopenmpi-dev')


def _libqb(command: tuple[str, ...]) -> Contender:
    return Contender('libqb', command, package='libqb-dev')


def _zeromq(sockets: str, command: tuple[str, ...]) -> Contender:
    return Contender(f'ZeroMQ {sockets}', command, package='libzmq3-dev')


def _mpi4py(command: tuple[str, ...]) -> Contender:
    return Contender('mpi4py', command, package='python3-mpi4py')


def _joblib(command: tuple[str, ...]) -> Contender:
    return Contender('joblib', command, package='python3-joblib')


D_BUS = {'GMPROC_CHANNEL': 'dbus'}
GDBUS = {'GMPROC_CONTROL': 'gdbus'}


def _ours(command: tuple[str, ...]) -> tuple[Contender, ...]:
    return (Contender('gmproc', command, Role.OURS),
            Contender('gmproc on D-Bus', command, Role.OURS, D_BUS, optional=True))


def _native_requests(n_clients: int, effort: Effort) -> Row:
    work = ('request', str(n_clients), str(effort.seconds))
    floors: tuple[Contender, ...] = (
        Contender('socketpair', _native('floor-socketpair', *work), Role.FLOOR),)
    objects: tuple[Contender, ...] = ()
    if n_clients == 1:
        floors = (Contender('futex, spinning', _native('floor-futex', 'spin', *work), Role.FLOOR),
                  Contender('futex, sleeping', _native('floor-futex', 'sleep', *work), Role.FLOOR),
                  Contender('eventfd + poll', _native('floor-eventfd', *work), Role.FLOOR),
                  *floors)
        objects = (Contender('GDBus object', _native('peer-gdbus', 'object', *work)),)
    peers = (_open_mpi(_mpirun(n_clients, *_native('peer-openmpi', *work))),
             _libqb(_native('peer-libqb', *work)),
             _zeromq('REQ/REP', _native('peer-zeromq', 'rep', *work)),
             _zeromq('DEALER/ROUTER', _native('peer-zeromq', 'router', *work)),
             Contender('GDBus filter', _native('peer-gdbus', 'filter', *work)), *objects)
    contenders = (*_ours(_native('gmproc-request', *work)), *peers, *floors)
    if n_clients == 1:
        unit, conditions = Unit.MICROSECONDS, (limit(1), times('libqb', 15),
                                               times('ZeroMQ REQ/REP', 40),
                                               times('GDBus filter', 170))
    else:
        least = {4: 700_000, 16: 500_000}[n_clients]
        unit, conditions = Unit.RATE, (limit(least), above([peer.key for peer in peers]))
    clients = '1 client' if n_clients == 1 else f'{n_clients} clients'
    other = Unit.RATE if unit is Unit.MICROSECONDS else Unit.MICROSECONDS
    return Row(f'c-{n_clients}', f'C, request and response, {clients}',
               (Column('seconds', _per_request(unit), unit, conditions),
                Column('seconds', _per_request(other), other)), contenders)


def _many(effort: Effort) -> Row:
    def measure(name: str) -> tuple[str, ...]:
        return (*_python('clients', str(effort.seconds), *map(str, effort.clients)), '--',
                *_native(name))
    columns = [Column(f'seconds/{count}', f'{count} clients', Unit.MICROSECONDS)
               for count in effort.clients]
    return Row('c-many', 'C, request and response, many clients', (
        *columns, Column('most', 'the most, beside 16', Unit.NUMBER, (limit(2.5),)),
    ), (*_ours(measure('gmproc-request')),
        Contender('eventfd + poll', measure('floor-eventfd'), Role.FLOOR)), every=3)


def _per_request(unit: Unit) -> str:
    return 'a request' if unit is Unit.MICROSECONDS else 'requests a second'


def _native_asleep(effort: Effort) -> Row:
    work = ('asleep', effort.count(100))
    return Row('c-asleep', 'C, request and response, both asleep before it', (
        Column('seconds', 'a request', Unit.MICROSECONDS, (times('eventfd + poll', 1 / 1.5),)),
    ), (*_ours(_native('gmproc-request', *work)),
        _libqb(_native('peer-libqb', *work)),
        _zeromq('REQ/REP', _native('peer-zeromq', 'rep', *work)),
        Contender('GDBus filter', _native('peer-gdbus', 'filter', *work)),
        Contender('eventfd + poll', _native('floor-eventfd', *work), Role.FLOOR),
        Contender('socketpair', _native('floor-socketpair', *work), Role.FLOOR)))


def _python_requests(n_clients: int, effort: Effort) -> Row:
    work = ('request', str(n_clients), str(effort.seconds))
    conditions: tuple[Condition, ...]
    if n_clients == 1:
        unit, conditions = Unit.MICROSECONDS, (limit(14), times('Pipe', 3), times('Queue', 6))
    else:
        unit, conditions = Unit.RATE, (limit(90_000),)
    clients = '1 client' if n_clients == 1 else f'{n_clients} clients'
    other = Unit.RATE if unit is Unit.MICROSECONDS else Unit.MICROSECONDS
    return Row(f'python-{n_clients}', f'Python, request and response, an int, {clients}',
               (Column('seconds', _per_request(unit), unit, conditions),
                Column('seconds', _per_request(other), other)),
               (*_ours(_python('gmproc_pair', *work)),
                Contender('Pipe', _python('multiprocessing_pair', 'pipe', *work)),
                Contender('Queue', _python('multiprocessing_pair', 'queue', *work)),
                _mpi4py(_mpirun_python(n_clients, *work))))


def _application(language: str, most: float, make: Callable[[str], tuple[str, ...]]) -> Row:
    return Row(f'{language.lower()}-application',
               f'{language}, the application as server, an int, 4 clients',
               (Column('seconds', 'a request', Unit.MICROSECONDS, (limit(most),)),),
               (Contender('gmproc', make('application'), Role.OURS),
                Contender('gmproc, a server process', make('request'), Role.OURS)))


def _native_application(effort: Effort) -> Row:
    return _application('C', 4, lambda kind: _native('gmproc-request', kind, '4',
                                                     str(effort.seconds)))


def _python_application(effort: Effort) -> Row:
    return _application('Python', 5, lambda kind: _python('gmproc_pair', kind, '4',
                                                          str(effort.seconds)))


def _python_batch(effort: Effort) -> Row:
    return Row('python-batch', 'Python, 8 clients answered together, an int each',
               (Column('seconds', 'a round', Unit.MICROSECONDS, (limit(15),)),),
               (*_ours(_python('gmproc_pair', 'batch', '8', str(effort.seconds))),
                Contender('eventfd + poll, in C',
                          _native('floor-eventfd', 'batch', '8', str(effort.seconds)),
                          Role.FLOOR)))


def _python_echo(key: str, title: str, columns: tuple[Column, ...], sizes: tuple[int, ...],
                 effort: Effort, every: int = 1) -> Row:
    work = ('echo', str(effort.seconds / 4), *map(str, sizes))
    return Row(key, title, columns, (
        *_ours(_python('gmproc_pair', *work)),
        Contender('Pipe', _python('multiprocessing_pair', 'pipe', *work)),
        Contender('Queue', _python('multiprocessing_pair', 'queue', *work)),
        _mpi4py(_mpirun_python(1, *work)),
        Contender('two memcpy', _python('floor_memcpy', *work), Role.FLOOR)), every=every)


def _python_values(effort: Effort) -> Row:
    titles = {'int': ('an int', ()), 'vector': ('float32[4]', (limit(3.5),)),
              'step': ('(float32[4], float, bool, bool, {}), int back', (limit(4),)),
              'frame': ('uint8[84, 84, 4], int back', (limit(12),)),
              '64kB': ('64 kB of uint8', (limit(20),)),
              'gradients': ('100 kB of gradients, a list', (times('Queue', 15),))}
    work = ('values', str(effort.seconds / 4), *titles)
    columns = tuple(Column(f'seconds/{name}', title, Unit.MICROSECONDS, conditions)
                    for name, (title, conditions) in titles.items())
    return Row('python-values', 'Python, what environments send, there and back', columns, (
        *_ours(_python('gmproc_pair', *work)),
        Contender('Pipe', _python('multiprocessing_pair', 'pipe', *work)),
        Contender('Queue', _python('multiprocessing_pair', 'queue', *work)),
        _mpi4py(_mpirun_python(1, *work))))


def _native_start(effort: Effort) -> Row:
    count = effort.count(60)
    return Row('c-start', 'A native worker process: start, function, result', (
        Column('seconds', 'a run', Unit.MILLISECONDS, (limit(1),)),
    ), (Contender('gmproc', _native('gmproc-start', 'start', count), Role.OURS),
        Contender('gmproc on a GDBusConnection', _native('gmproc-start', 'start', count),
                  Role.OURS, GDBUS, optional=True),
        Contender('fork', _native('peer-start', 'fork', count), Role.FLOOR),
        Contender('GSubprocess /bin/true', _native('peer-start', 'gsubprocess', count))))


def _python_start(effort: Effort) -> Row:
    count = effort.count(8)
    methods = {'fork': 'fork', 'forkserver': 'forkserver', 'forkserver, preloaded': 'preload',
               'spawn': 'spawn'}
    title = 'A Python worker process (numpy imported): start, function, result'
    return Row('python-start', title, (
        Column('seconds', 'a run', Unit.MILLISECONDS, (limit(2.6),)),
    ), (Contender('gmproc', _python('gmproc_workers', 'start', count), Role.OURS),
        *(Contender(key, _python('multiprocessing_workers', method, 'start', count))
          for key, method in methods.items())))


def _tasks(effort: Effort) -> Row:
    count = effort.count(20_000)
    chunk = str(max(1, int(count) // (os.cpu_count() or 1) // 4))
    return Row('python-tasks', 'Python, many small tasks on kept processes', (
        Column('seconds', 'tasks a second', Unit.RATE,
               (limit(150_000), times('Pool, best chunksize', 1))),
    ), (Contender('gmproc map', _python('gmproc_workers', 'tasks', 'map', count), Role.OURS),
        Contender('gmproc ids', _python('gmproc_workers', 'tasks', 'ids', effort.count(1000)),
                  Role.OURS),
        Contender('Pool, chunksize 1', _python('pools', 'pool', '1', count)),
        Contender('Pool, best chunksize', _python('pools', 'pool', chunk, count)),
        Contender('ProcessPoolExecutor, chunksize 1',
                  _python('pools', 'futures', '1', effort.count(5000))),
        Contender('ProcessPoolExecutor, best chunksize', _python('pools', 'futures', chunk, count)),
        _joblib(_python('pools', 'joblib', 'auto', count)),
        ), ours=('gmproc map', 'gmproc ids'))


def _kept(effort: Effort) -> Row:
    count = effort.count(300)
    return Row('python-kept', "Python, a run of a kept worker: the application's own time", (
        Column('seconds', 'processor time', Unit.MICROSECONDS, (limit(150),)),
    ), (Contender('gmproc', _python('gmproc_workers', 'kept', count), Role.OURS),
        Contender('ProcessPoolExecutor', _python('pools', 'futures', 'kept', count))))


def _pypi_pools(how: str, usual: int, effort: Effort) -> tuple[Contender, ...]:
    """Pools that take a millisecond or more for a call get fewer of them."""
    return tuple(Contender(name, ('{pypi}/bin/python', str(PYTHON_PROGRAMS / 'pypi_pools.py'), name,
                                  how, effort.count(usual // (10 if name in SLOW_POOLS else 1))),
                           pypi=f'{package} numpy')
                 for name, package in POOLS.items())


def _single(effort: Effort) -> Row:
    count = effort.count(3000)
    return Row('executor-single', "An Executor's calls one after the other, 1 process", (
        Column('seconds', 'a call', Unit.MICROSECONDS, (times('ProcessPoolExecutor', 5),)),
    ), (Contender('gmproc', _python('pools', 'gmproc', 'single', count), Role.OURS),
        Contender('ProcessPoolExecutor', _python('pools', 'futures', 'single', count)),
        *_pypi_pools('single', 3000, effort)))


def _pending(effort: Effort) -> Row:
    count = effort.count(10_000)
    return Row('executor-pending', "10,000 of an Executor's calls pending, 2 processes", (
        Column('seconds', 'calls a second', Unit.RATE, (limit(100_000),)),
        Column('effort', "the application's processor time", Unit.MICROSECONDS, (limit(20),)),
    ), (Contender('gmproc', _python('pools', 'gmproc', 'pending', count), Role.OURS),
        Contender('ProcessPoolExecutor', _python('pools', 'futures', 'pending', count)),
        *_pypi_pools('pending', 10_000, effort)))


def _native_pool(n_pending: int, effort: Effort) -> Row:
    work = (str(n_pending), effort.count(20_000))
    contenders = (Contender('gmproc', _native('gmproc-pool', *work), Role.OURS),
                  Contender('GSubprocess, pipes', _native('peer-helper', *work)))
    if n_pending == 1:
        return Row('c-pool', "C, a pool's calls one after the other, 1 process", (
            Column('seconds', 'a call', Unit.MICROSECONDS,
                   (limit(10), above(['GSubprocess, pipes']))),), contenders)
    return Row('c-pool-pending', f"C, {n_pending} of a pool's calls pending, 1 process", (
        Column('seconds', 'calls a second', Unit.RATE,
               (limit(200_000), above(['GSubprocess, pipes']))),), contenders)


def _executor_array(effort: Effort) -> Row:
    count = effort.count(20)
    return Row('executor-16mb', "An array of 16 MB to an Executor's call and back, 1 process", (
        Column('seconds', 'a call', Unit.MILLISECONDS, (times('ProcessPoolExecutor', 10),)),
    ), (Contender('gmproc', _python('pools', 'gmproc', 'array', count), Role.OURS),
        Contender('ProcessPoolExecutor', _python('pools', 'futures', 'array', count)),
        _joblib(_python('pools', 'loky', 'array', count))))


def _imports(effort: Effort) -> Row:
    modules = {'multiprocessing': 'multiprocessing',
               'concurrent.futures': 'concurrent.futures.process'}
    return Row('python-import', 'Python, import', (
        Column('seconds', 'in a fresh process', Unit.MILLISECONDS,
               (times('multiprocessing', 0.5),)),
    ), (Contender('gmproc', _python('imports', 'gmproc', effort.count(12)), Role.OURS),
        *(Contender(key, _python('imports', module, effort.count(12)))
          for key, module in modules.items()),
        _joblib(_python('imports', 'joblib', effort.count(12)))))


def _watch(what: str, n_processes: int, effort: Effort, command: tuple[str, ...]
           ) -> tuple[str, ...]:
    return (*_python('watch', what, str(n_processes), str(effort.settling),
                     str(effort.seconds * 5)), '--', *command)


def _idle(effort: Effort) -> Row:
    def watch(command: tuple[str, ...]) -> tuple[str, ...]:
        return _watch('idle', 2, effort, command)
    return Row('idle', 'An idle pair: a client and a server with nothing to do', (
        Column('wake_ups', 'wake-ups a second', Unit.NUMBER, (limit(0),)),
        Column('percent', '% of a processor', Unit.NUMBER, (limit(0),)),
    ), (Contender('gmproc', watch(_native('gmproc-request', 'sit')), Role.OURS),
        Contender('gmproc in Python', watch(_python('gmproc_pair', 'sit')), Role.OURS),
        _open_mpi(watch(_mpirun(1, *_native('peer-openmpi', 'sit')))),
        _libqb(watch(_native('peer-libqb', 'sit'))),
        _zeromq('REQ/REP', watch(_native('peer-zeromq', 'rep', 'sit'))),
        Contender('Queue', watch(_python('multiprocessing_pair', 'queue', 'sit'))),
        Contender('eventfd + poll', watch(_native('floor-eventfd', 'sit')), Role.FLOOR)),
        every=3)


def _memory(effort: Effort) -> Row:
    def watch(command: tuple[str, ...]) -> tuple[str, ...]:
        return _watch('memory', 4, effort, command)
    methods = {'fork': 'fork', 'forkserver': 'forkserver', 'forkserver, preloaded': 'preload',
               'spawn': 'spawn'}
    return Row('memory', 'Memory for each of four workers', (
        Column('bytes', 'proportional share', Unit.MEGABYTES, (limit(6),)),
    ), (Contender('gmproc', watch(_python('gmproc_workers', 'sit', '4')), Role.OURS),
        Contender('gmproc in C', watch(_native('gmproc-start', 'sit', '4')), Role.OURS),
        *(Contender(key, watch(_python('multiprocessing_workers', method, 'sit', '4')))
          for key, method in methods.items()),
        _joblib(watch(_python('pools', 'joblib', 'sit', '4')))), every=3)


def _vector_envs(key: str, title: str, contenders: dict[str, tuple[str, str, Role]],
                 conditions: tuple[Condition, ...], effort: Effort) -> Row:
    """The contenders are classes of vector environments, and what they do."""
    script = str(PYTHON_PROGRAMS / 'vector_envs.py')
    return Row(f'envs-{key}', title, (
        Column('seconds', 'steps a second', Unit.RATE, conditions),
        *((Column('effort', 'processor time of a step', Unit.MICROSECONDS),)
          if key in ('cartpole', 'frames') else ()),
    ), tuple(Contender(name, ('{pypi}/bin/python', script, kind, work,
                              str(effort.seconds * (40 if work == 'killed' else 10))),
                       role, pypi=GYMNASIUM)
             for name, (kind, work, role) in contenders.items()))


def _all_vector_envs(effort: Effort) -> tuple[Row, ...]:
    def both(work: str) -> dict[str, tuple[str, str, Role]]:
        return {'gmproc': ('gmproc', work, Role.OURS),
                'AsyncVectorEnv': ('async', work, Role.PEER)}

    def all_three(work: str) -> dict[str, tuple[str, str, Role]]:
        return {**both(work), 'SyncVectorEnv, one process': ('sync', work, Role.PEER)}
    killed = {**both('killed'), 'gmproc, undisturbed': ('gmproc', 'undisturbed', Role.OURS)}
    return (
        _vector_envs('cartpole', 'Vector environments, CartPole-v1, 8 environments',
                     all_three('cartpole'), (times('AsyncVectorEnv', 3),), effort),
        _vector_envs('frames', 'Vector environments, frames of 84 x 84 x 4, 8 environments',
                     all_three('frames'), (times('AsyncVectorEnv', 4),), effort),
        _vector_envs('first', 'Vector environments, 64 of 1 ms, one of 10 ms: the first 32 of 64',
                     both('first'), (times('AsyncVectorEnv', 5),), effort),
        _vector_envs('killed', 'Vector environments, 8 of 1 ms, one of which is killed each second',
                     killed, (share('gmproc, undisturbed', 90),), effort))


def show_size(size: int) -> str:
    for factor, unit in ((1024 ** 2, 'MB'), (1024, 'kB')):
        if size >= factor:
            return f'{size // factor} {unit}'
    return f'{size} B'


def _size_columns(sizes: tuple[int, ...]) -> tuple[Column, ...]:
    return tuple(Column(f'seconds/{size}', show_size(size),
                        Unit.MILLISECONDS if size >= 1024 ** 2 else Unit.MICROSECONDS)
                 for size in sizes)


def _native_sizes(effort: Effort) -> Row:
    work = ('echo', str(effort.seconds / 4), *map(str, effort.sizes))
    return Row('c-sizes', 'C, bytes there and back', _size_columns(effort.sizes), (
        *_ours(_native('gmproc-echo', *work)),
        _open_mpi(_mpirun(1, *_native('peer-openmpi', *work))),
        _libqb(_native('peer-libqb', *work)),
        _zeromq('REQ/REP', _native('peer-zeromq', 'rep', *work)),
        Contender('GDBus filter', _native('peer-gdbus', 'filter', *work)),
        Contender('socketpair', _native('floor-socketpair', *work), Role.FLOOR),
        Contender('two memcpy', _native('floor-memcpy', *work), Role.FLOOR)), every=3)


def _nodes(slots: int) -> dict[str, str]:
    """Two nodes, which are agents on this machine. With one slot each, a client is not where its
    server is."""
    return {'GMPROC_LAUNCHER': f'command:env SLURM_CPUS_ON_NODE={slots} {{agent}}',
            'GMPROC_NODES': 'n1 n2'}


def _between_nodes(effort: Effort) -> list[Row]:
    big = 16 * 1024 ** 2
    request = ('request', '1', str(effort.seconds))
    echo = ('echo', str(effort.seconds), str(big))
    return [
        Row('nodes-request', 'C, request and response, two nodes', (
            Column('seconds', 'a request', Unit.MICROSECONDS, (times('TCP', 1 / 2),)),
        ), (Contender('gmproc', _native('gmproc-request', *request), Role.OURS, _nodes(1)),
            Contender('TCP', _native('peer-tcp', 'plain', *request), Role.FLOOR),
            Contender('TLS', _native('peer-tcp', 'tls', *request), Role.FLOOR))),
        Row('nodes-16mb', 'C, 16 MB there and back, two nodes', (
            Column(f'seconds/{big}', 'a value', Unit.MILLISECONDS, (times('TLS', 1 / 1.5),)),
        ), (Contender('gmproc', _native('gmproc-echo', *echo), Role.OURS, _nodes(1)),
            Contender('TCP', _native('peer-tcp', 'plain', *echo), Role.FLOOR),
            Contender('TLS', _native('peer-tcp', 'tls', *echo), Role.FLOOR))),
        Row('nodes-one', 'C, request and response, both on one node', (
            Column('seconds', 'a request', Unit.MICROSECONDS, (times('no nodes', 1 / 1.2),)),
        ), (Contender('gmproc', _native('gmproc-request', *request), Role.OURS, _nodes(2)),
            Contender('no nodes', _native('gmproc-request', *request), Role.FLOOR))),
        Row('nodes-map', 'Python, map of tasks of 10 ms, two nodes', (
            Column('seconds', 'a task and slot', Unit.MILLISECONDS, (times('ideal', 0.9),)),
        ), (Contender('gmproc', _python('gmproc_workers', 'naps', 'nodes', effort.count(1600)),
                      Role.OURS, _nodes(os.cpu_count() or 1)),
            Contender('ideal', _python('gmproc_workers', 'naps', 'here', effort.count(100)),
                      Role.FLOOR))),
    ]


def make_rows(effort: Effort) -> list[Row]:
    """All rows. Those with a goal come first, in the order of the goals."""
    big = 16 * 1024 ** 2
    return [
        _native_requests(1, effort), _native_asleep(effort),
        _native_requests(4, effort), _native_requests(16, effort), _many(effort),
        _python_requests(1, effort), _python_requests(4, effort),
        _python_echo('python-16mb', 'Python, 16 MB of float64 there and back', (
            Column(f'seconds/{big}', 'an array', Unit.MILLISECONDS, (limit(5),)),
        ), (big,), effort),
        _native_application(effort), _python_application(effort), _python_batch(effort),
        _python_values(effort),
        _native_start(effort), _python_start(effort), _tasks(effort), _idle(effort),
        _kept(effort), _single(effort), _pending(effort), _executor_array(effort),
        _native_pool(1, effort), _native_pool(16, effort), _imports(effort),
        *_all_vector_envs(effort),
        _native_sizes(effort),
        _python_echo('python-sizes', 'Python, float64 arrays there and back',
                     _size_columns(effort.sizes), effort.sizes, effort, every=3),
        _memory(effort),
        *(_between_nodes(effort) if 'GMPROC_AGENT' in os.environ else ()),
    ]
