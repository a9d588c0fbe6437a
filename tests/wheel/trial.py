# trial.py: the checks of an installed wheel
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: trial.py EXAMPLES system|bundle|any|refused [gi-first|gi-last]

Runs in the environment that the wheel was installed into. The second argument defines which GLib
has to be used, or that PyGObject has loaded one that is too old; the third, that PyGObject is used
in the same process, and loaded before or after.
"""

import concurrent.futures
import importlib.metadata
import os
import signal
import subprocess
import sys
import sysconfig
import unittest

# Workers import this file too.
if __name__ == '__main__':
    EXAMPLES, GLIB, *PYGOBJECT = sys.argv[1:]

if __name__ == '__main__' and PYGOBJECT == ['gi-first']:
    from gi.repository import Gio, GLib

if __name__ == '__main__' and GLIB == 'refused':
    try:
        import gmproc
    except ImportError as error:
        print(error)
        sys.exit('import gmproc first' not in str(error))
    sys.exit('an old GLib is loaded, and gmproc should not be')

import gmproc  # noqa: E402

if __name__ == '__main__' and PYGOBJECT == ['gi-last']:
    from gi.repository import Gio, GLib  # noqa: F811

try:
    import numpy
except ImportError:
    numpy = None


def square(n):
    return n * n


def fail(what):
    raise LookupError(f'no {what}')


def crash(_):
    os.kill(os.getpid(), signal.SIGSEGV)


def sleep(_):
    signal.pause()


def double(array):
    array *= 2
    return array


def list_glibs(_=None):
    with open('/proc/self/maps', encoding='utf-8') as maps:
        return sorted({os.path.realpath(line.split()[-1]) for line in maps
                       if 'libglib-2.0.so' in line})


def has_gil(_=None):
    # From Python 3.13 on.
    return getattr(sys, '_is_gil_enabled', lambda: True)()


class Trial(unittest.TestCase):
    def run_one(self, method, params=None, **options):
        with gmproc.Workers(**options) as workers:
            workers.add(1, method, params)
            return workers.run()[1]

    def test_version(self):
        self.assertEqual(gmproc.__version__, importlib.metadata.version('gmproc'))

    def test_one_glib(self):
        """Here and in a worker there is only one GLib, the right one."""
        for glibs in (list_glibs(), self.run_one(list_glibs)):
            self.assertEqual(len(glibs), 1, glibs)
            is_bundled = 'gmproc/bundle' in glibs[0]
            if GLIB != 'any':
                self.assertEqual(is_bundled, GLIB == 'bundle', glibs)

    @unittest.skipUnless(sysconfig.get_config_var('Py_GIL_DISABLED'), 'each Python has a GIL here')
    def test_free_threads(self):
        """Neither gmproc nor NumPy, here or in a worker, has switched the GIL on."""
        self.assertFalse(has_gil())
        self.assertFalse(self.run_one(has_gil))

    def test_typed(self):
        folder = os.path.dirname(gmproc.__file__)
        self.assertTrue(os.path.exists(f'{folder}/py.typed'))
        self.assertTrue(os.path.exists(f'{os.path.dirname(folder)}/_gmproc.pyi'))

    def run_example(self, name):
        done = subprocess.run([sys.executable, f'{EXAMPLES}/{name}.py'], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=60, text=True)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout.splitlines()

    @unittest.skipUnless(numpy, 'the guide imports numpy')
    def test_guide_workers(self):
        self.assertEqual(self.run_example('workers'), [str(n) for n in range(1, 11)])

    @unittest.skipUnless(numpy, 'the guide imports numpy')
    def test_guide_client_server(self):
        lines = self.run_example('client_server')
        for name, first in (('par', 4), ('impar', 3)):
            own = [line for line in lines if line.startswith(f'Msg from client {name} ')]
            self.assertEqual(own, [f'Msg from client {name} is {first + 2 * n}'
                                   for n in range(11)])

    @unittest.skipUnless(numpy, 'there is no numpy')
    def test_arrays(self):
        for size in (3, 10 ** 6):
            array = numpy.arange(size, dtype='f8')
            numpy.testing.assert_array_equal(self.run_one(double, array), numpy.arange(size) * 2.0)

    def test_map(self):
        with gmproc.Workers(max_parallel=2) as workers:
            self.assertEqual(workers.map(square, range(100)), [n * n for n in range(100)])

    @unittest.skipUnless(hasattr(gmproc, 'Executor'), 'there is no Executor')
    def test_executor(self):
        with gmproc.Executor(2) as executor:
            self.assertEqual(list(executor.map(square, range(10))), [n * n for n in range(10)])
            self.assertIsInstance(executor.submit(fail, 'x').exception(), LookupError)

    def test_exception(self):
        with self.assertRaises(gmproc.WorkerError) as caught:
            self.run_one(fail, 'answer')
        self.assertIsInstance(caught.exception.__cause__, LookupError)
        self.assertIn('no answer', str(caught.exception))

    def test_crash(self):
        with self.assertRaises(gmproc.WorkerDied) as caught:
            self.run_one(crash)
        self.assertEqual(caught.exception.signal, signal.SIGSEGV)

    def test_time_limit(self):
        with self.assertRaises(gmproc.WorkerTimeout):
            self.run_one(sleep, run_timeout=0.3)

    def test_native_host(self):
        """It looks the function up in its own process, and reports that it is missing."""
        with self.assertRaises(gmproc.WorkerError) as caught:
            self.run_one('native:libc.so.6:no_such_function')
        self.assertEqual(caught.exception.error.code, gmproc.ErrorCode.NOT_FOUND)
        self.assertIn('no_such_function', str(caught.exception))

    def test_warm(self):
        with gmproc.Workers() as workers:
            workers.add(1, square, 3)
            for _ in range(4):
                self.assertEqual(workers.run(), {1: 9})
        self.assertIsNone(gmproc.get_cold_start_reason())

    @unittest.skipUnless(__name__ == '__main__' and PYGOBJECT, 'without PyGObject')
    def test_pygobject(self):
        """Both have the same objects: a value, and what cancels."""
        with gmproc.Workers() as workers:
            workers.add(1, 'python:math:sqrt', GLib.Variant('d', 2.25))
            self.assertEqual(workers.run(), {1: 1.5})

        cancellable = Gio.Cancellable()
        GLib.timeout_add(200, cancellable.cancel)
        loop = GLib.MainLoop()
        with gmproc.Workers() as workers:
            workers.add(1, sleep)
            run = workers.run_async(cancellable=cancellable)
            run.add_done_callback(lambda _: loop.quit())
            loop.run()
            with self.assertRaises(concurrent.futures.CancelledError):
                run.result()


if __name__ == '__main__':
    unittest.main(argv=sys.argv[:1], verbosity=1)
