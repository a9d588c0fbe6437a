# values.py: workers in JavaScript return values of their application's language
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: values.py FOLDER, that of the tests in JavaScript"""

import sys

import gi

gi.require_version('Gmp', '1')

from gi.repository import Gmp

import gmproc

IN_PYTHON = {'floats': [0.5, 2.0], 'map': {'10': 1}, 'big': 5, 'date': '1970-01-01T00:00:00.000Z',
             'set': [1]}
IN_C = ("{'floats': <[0.5, 2.0]>, 'map': <{'10': <1>}>, 'big': <int64 5>, "
        "'date': <'1970-01-01T00:00:00.000Z'>, 'set': <[<1>]>}")

FUNCTIONS = ['everyday_values', 'EverydayValues', 'report_everyday_values']


def check(found: object, expected: object) -> None:
    if found != expected:
        sys.exit(f'found    {found}\nexpected {expected}')


def check_python(functions: str, peers: str) -> None:
    reports = []
    workers = gmproc.Workers()
    workers.on_progress = lambda id, value: reports.append(value)
    for i, name in enumerate(FUNCTIONS):
        workers.add(i, f'{functions}#{name}')
    check(workers.run(), {0: IN_PYTHON, 1: IN_PYTHON, 2: None})
    check(reports, [IN_PYTHON])

    clients = gmproc.ClientServer(f'{peers}#Echo')
    clients.new_worker('client', f'{peers}#EverydayClient')
    check(clients.run(), {'client': IN_PYTHON})


def check_native(functions: str, peers: str) -> None:
    """The same objects with the methods of C."""
    reports = []
    workers = Gmp.Workers()
    workers.connect('progress', lambda _workers, _id, value: reports.append(value.print_(False)))
    for i, name in enumerate(FUNCTIONS):
        workers.add_target(i, f'{functions}#{name}', None)
    workers.run(None, None)
    results = workers.get_results()
    for i in range(2):
        check(results.get_child_value(i).get_child_value(1).get_variant().print_(False), IN_C)
    check(reports, [IN_C])

    clients = Gmp.ClientServer(server_target=f'{peers}#Echo')
    clients.new_worker_target('client', f'{peers}#EverydayClient', None)
    results = clients.run(None, None)
    check(results.lookup_value('client', None).print_(False), IN_C)


if __name__ == '__main__':
    targets = [f'gjs:file://{sys.argv[1]}/{name}.js' for name in ('functions', 'peers')]
    check_python(*targets)
    check_native(*targets)
