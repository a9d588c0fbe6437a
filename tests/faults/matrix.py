# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The faults in each role, language and moment, and their expected outcomes."""

from __future__ import annotations

import os
import subprocess
from typing import Iterator

from case import COMMANDS, FOLDER, Case

LANGUAGES = tuple(COMMANDS)

# Its mode makes it executable.
NO_PROGRAM = FOLDER / 'programs' / 'no-program'

# Python runs this as a program, which waits; Python imports it; GJS imports it.
HANG = FOLDER / 'programs' / 'hang'
HANGING = FOLDER / 'programs' / 'hanging'
HANG_JS = HANGING / 'host.js'

HIDE_PROC = ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /proc && exec "$@"', 'sh')

# Faults that end a worker immediately, wherever they happen.
DEADLY = {
    'SIGKILL': ('CRASHED', r'was killed by signal 9 \(Killed\)'),
    'SIGSEGV': ('CRASHED', 'was killed by signal 11 '),
    'abort': ('CRASHED', 'was killed by signal 6 '),
    'exit-3': ('CRASHED', 'exited with status 3 before its work was done'),
    'exit-0': ('CRASHED', 'exited with status 0 before its work was done'),
    'error': ('FAILED', 'the worker does not like this'),
}

MOMENTS = {
    'worker': ('process',),
    'client': ('start', 'process', 'finish'),
    'server': ('start', 'process', 'wait', 'finish'),
    'client-local': ('start', 'process', 'finish'),
}

NAMES = {'worker': r"^Worker '?1'? \(pid \d+\)", 'client': r"^Client '1' \(pid \d+\)",
       'client-local': r"^Client '1' \(pid \d+\)", 'server': r'^The server \(pid \d+\)'}

# The other worker, or client, has its result in any case. Without a server there are no responses.
KEPT = {'worker': 1, 'client': 1, 'client-local': 1, 'server': None}


def deaths() -> Iterator[Case]:
    for fault, (outcome, word) in DEADLY.items():
        for role, moments in MOMENTS.items():
            for moment in moments:
                for language in LANGUAGES:
                    yield Case(fault, role, language, moment, outcome, (NAMES[role], word),
                               KEPT[role],
                               in_suite=language == 'C' or fault == 'SIGKILL' or role == 'worker')
    for role in ('client', 'client-local'):
        for language in LANGUAGES:
            yield Case('SIGKILL', role, language, 'between', 'CRASHED',
                       (NAMES[role], 'was killed by signal 9'), KEPT[role], in_suite=True)


def before_connecting() -> Iterator[Case]:
    """A server and clients start at the same time, in any order."""
    who = {'worker': r"^Worker '?[12]'? ", 'client-local': "^Client '[12]' ",
           'client or server': "^(The server|Client '[12]') "}
    for fault, word in (('SIGKILL', 'was killed by signal 9'), ('SIGSEGV', 'signal 11'),
                        ('exit-3', 'exited with status 3 before it was ready')):
        for role, described in who.items():
            for language in LANGUAGES:
                yield Case(fault, role, language, 'before connect', 'CRASHED', (described, word),
                           None, in_suite=fault == 'SIGKILL' or language == 'C',
                           environment={'GMPROC_WRAP': f'{{wrap}} nth 1 {{folder}}/count {fault}'})


def shutdown() -> Iterator[Case]:
    """After the result, which counts. GJS runs no user code there."""
    for fault in ('SIGKILL', 'abort', 'spin', 'block'):
        for role in ('worker', 'client', 'server'):
            for language in ('C', 'Python'):
                # One that spins until it is killed keeps a processor busy for five seconds.
                yield Case(fault, role, language, 'shutdown', 'fine', (), 2,
                           in_suite=language == 'C' and (fault != 'spin' or role == 'worker'))


def time_limits() -> Iterator[Case]:
    words = ('run-timeout',)
    for fault in ('SIGSTOP', 'spin', 'block'):
        for role in ('worker', 'client', 'server', 'client-local'):
            for language in LANGUAGES:
                # Long enough for the correct ones to end.
                limit = 1.5 if language == 'C' else 4.0
                # The server waits for its clients, so it has the same limit.
                who = "^(The server|Client '1')" if role == 'client' else NAMES[role]
                yield Case(fault, role, language, 'process', 'TIMED_OUT', (who, *words),
                           KEPT[role], options={'run-timeout': limit},
                           in_suite=language == 'C' and role in ('worker', 'server'))


def limits() -> Iterator[Case]:
    for language in LANGUAGES:
        # The test limits has both faults in C.
        yield Case('cpu', 'worker', language, 'process', 'CRASHED',
                   (NAMES['worker'], r'processor time of 1 seconds \(cpu-time-limit\)'), 1,
                   options={'cpu-time-limit': 1.0}, in_suite=language != 'C')
        if language != 'JavaScript':  # which no process can ignore
            yield Case('deaf cpu', 'worker', language, 'process', 'CRASHED',
                       (NAMES['worker'], r'processor time of 1 seconds \(cpu-time-limit\), ignored '
                        'SIGXCPU'), 1, options={'cpu-time-limit': 1.0})
            yield Case('deaf cpu', 'warm worker', language, 'process', 'CRASHED',
                       (NAMES['worker'], r'processor time of 1 seconds \(cpu-time-limit\), ignored '
                        'SIGXCPU'), 1, options={'cpu-time-limit': 1.0},
                       config={'role': 'worker', 'runs': 2})
        yield Case('files', 'worker', language, 'process',
                   'FAILED' if language == 'Python' else 'g-io-error-quark 31',
                   (NAMES['worker'], 'Too many open files', r'64 \(open-files-limit\)'), 1,
                   options={'open-files-limit': 64}, in_suite=True)
    memory = {'C': ('CRASHED', 'failed to allocate'), 'Python': ('FAILED', 'MemoryError'),
              'JavaScript': ('FAILED/CRASHED', 'memory')}
    for language, (outcome, word) in memory.items():
        yield Case('memory', 'worker', language, 'process', outcome,
                   (NAMES['worker'], word, r'256.0 MiB \(memory-limit\)'), 1,
                   options={'memory-limit': 256 * 2**20}, in_suite=True)


def descriptors() -> Iterator[Case]:
    for language in LANGUAGES:
        for role in ('worker', 'client', 'server'):
            yield Case('close', role, language, 'process', 'DISCONNECTED/CRASHED/PROTOCOL',
                       (NAMES[role],), KEPT[role], in_suite=role == 'worker')
            # Other threads wait for them, so they are not closed while the program waits too.
            yield Case('close-block', role, language, 'process', 'DISCONNECTED/CRASHED/TIMED_OUT',
                       (), None, options={'run-timeout': 3.0})
            yield Case('grandchild', role, language, 'process', 'CRASHED',
                       (NAMES[role], 'was killed by signal 9'), KEPT[role],
                       in_suite=language == 'C' or role == 'worker')


def hangs() -> Iterator[Case]:
    """Workers that never reach their function or start(). The hang is in the started program, in
    the module with the code, or in the constructor of the server or client.
    """
    who = {'worker': "^Worker '?[12]", 'client': "^Client '[12]'", 'server': '^The server ',
           'client-local': "^Client '[12]'"}
    python_path = f'{HANGING}:{os.environ.get("PYTHONPATH", "")}'
    programs = {'C': {'GMPROC_HANG': 'program'}, 'Python': {'PYTHONPATH': python_path},
                'JavaScript': {'GMPROC_GJS_HOST': str(HANG_JS)}}
    for language in LANGUAGES:
        # Long enough for the correct ones to start, even on a busy machine.
        options = {'startup-timeout': 1.0 if language == 'C' else 4.0}
        for role in who:
            first = "^(The server|Client '[12]')" if role == 'client' else who[role]
            places = {'program': (first, programs[language])}
            if language != 'C':
                places['module'] = (first, {'GMPROC_HANG': 'module'})
            if role != 'worker':
                places['constructor'] = (who[role], {'GMPROC_HANG': role.removesuffix('-local')})
            for place, (described, environment) in places.items():
                if role == 'server' and place != 'constructor':
                    continue  # The same as for clients.
                is_main = (language, place) == ('C', 'program')
                words = r'does its main \(\)' if is_main else 'its code was still being loaded'
                yield Case('hangs', role, language, place, 'TIMED_OUT',
                           (described, r'it was not ready within \d seconds of its start '
                            rf'\(startup-timeout\): {words}'), None, options=options,
                           environment=environment,
                           in_suite=language == 'C' or (role, place) == ('worker', 'module'))


def application_killed() -> Iterator[Case]:
    """The state of a worker when its application dies: it waits, spins, or is stopped."""
    for fault in ('block', 'spin', 'SIGSTOP', 'grandchild-block'):
        for role, moments in MOMENTS.items():
            for moment in (*moments, 'shutdown'):
                for language in LANGUAGES:
                    if moment == 'shutdown' and language == 'JavaScript':
                        continue
                    yield Case(fault, role, language, moment, 'gone', kills_application=True,
                               in_suite=language == 'C' or
                               (moment == 'process' and fault == 'SIGSTOP'))


def system() -> Iterator[Case]:
    """Resources that the system refuses."""
    for language in LANGUAGES:
        yield Case('no fork', 'worker', language, 'launch', 'LAUNCH',
                   ('Resource temporarily unavailable',), 0, before=('{wrap}', 'refuse', 'fork'),
                   in_suite=True)
        for role in ('worker', 'client', 'server', 'client-local', 'local'):
            yield Case('no memfd', role, language, 'launch', 'fine', (), 2,
                       before=('{wrap}', 'refuse', 'memfd_create'), in_suite=language == 'C')
        if can_hide_proc():
            for role in ('worker', 'client', 'server', 'client-local', 'local'):
                # Only a program in C looks up its own name there.
                outcome, words, kept = (('LAUNCH', ('is /proc mounted',), 0) if language == 'C'
                                        else ('fine', (), 2))
                yield Case('no /proc', role, language, 'launch', outcome, words, kept,
                           before=HIDE_PROC, in_suite=language == 'C')
    yield Case('not installed', 'worker', 'JavaScript', 'launch', 'LAUNCH',
               ("'gjs', does not exist",), 0, environment={'PATH': '/nowhere'}, in_suite=True)
    for fault, program, word in (('not installed', '/no/python', 'does not exist'),
                                 ('cannot be executed', str(NO_PROGRAM), 'No such file')):
        yield Case(fault, 'worker', 'C', 'launch', 'LAUNCH', (program, word), 2,
                   config={'target': 'python:os:getcwd'}, environment={'GMPROC_PYTHON': program},
                   in_suite=True)
    yield Case('hangs', 'worker', 'C', 'interpreter', 'TIMED_OUT',
               (r'not ready within 1 seconds of its start \(startup-timeout\): its code ',), 2,
               config={'target': 'python:os:getcwd'}, options={'startup-timeout': 1.0},
               environment={'GMPROC_PYTHON': str(HANG)}, in_suite=True)
    # Workers wait for descriptors, but there must be enough for one.
    for limit, outcome, words, kept in ((80, 'fine', (), 100), (16, 'LAUNCH', (
            'limit of 16 open files: raise it with .ulimit -n.',), None)):
        yield Case('open files', 'worker', 'C', 'launch', outcome, words, kept,
                   config={'n': 100}, in_suite=True,
                   before=('sh', '-c', f'ulimit -n {limit} && exec "$@"', 'sh'))


def can_hide_proc() -> bool:
    return os.getuid() == 0 and subprocess.run(
        ['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/proc'], capture_output=True
    ).returncode == 0


def warm_starts() -> Iterator[Case]:
    """From the second run on, processes are forked from a warm one, or were started ahead."""
    for language in LANGUAGES:
        config = {'role': 'worker', 'runs': 5}
        for fault, (outcome, word) in DEADLY.items():
            yield Case(fault, 'warm worker', language, 'process', outcome,
                       (NAMES['worker'], word), 1, config=config,
                       in_suite=fault in ('SIGKILL', 'exit-3'))
        for fault in ('block', 'SIGSTOP'):
            yield Case(fault, 'warm worker', language, 'process', 'TIMED_OUT',
                       (NAMES['worker'], 'run-timeout'), 1, config=dict(config, runs=3),
                       in_suite=True, options={'run-timeout': 1.5 if language == 'C' else 4.0})
    for language in ('C', 'Python'):
        yield Case('warm server', 'fork server', language, 'process', 'fine', (), 2,
                   config={'role': 'worker', 'runs': 8}, in_suite=True)


def sizes() -> Iterator[Case]:
    """Payloads that do not fit into shared memory are sent in pieces."""
    for language in LANGUAGES:
        yield Case('none', 'client', language, 'big payload', 'fine', (), 2,
                   config={'size': 16 * 2**20}, options={'shared-memory-limit': 2**20},
                   in_suite=language == 'C')
    yield Case('none', 'worker', 'C', '1000 at once', 'fine', (), 1000, config={'n': 1000},
               before=('sh', '-c', 'ulimit -n 8192 && exec "$@"', 'sh'))


def all_cases() -> list[Case]:
    return [case for part in (deaths, before_connecting, shutdown, time_limits, limits, descriptors,
                              hangs, application_killed, system, warm_starts, sizes)
            for case in part()]
