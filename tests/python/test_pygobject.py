# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""PyGObject: programs that have only gi.repository.Gmp, and those that have the package besides.

The first are what programs in other languages are: Python's functions and classes are run for them.
"""

import concurrent.futures
import itertools
import os
import re
import signal
import sys

import pytest

import plain
from gi.repository import Gio, GLib, Gmp
import gmproc
import named
from gmproc import ClientServer, Run, Variant, Workers, WorkerError
from test_async import fail, make_workers, same, sleep_for_ever
from test_client_server import Application, Echo, Endless, Once
from test_failures import run_one
from test_map import square
from test_open_run import InterruptingCalls, Late, raise_late
from test_targets import NATIVE, run_target


def run_plain(server, client, params):
    application = Gmp.ClientServer(server_target=server)
    application.new_worker_target('c', client, params)
    return application.run(None, None).unpack()


def test_gobject_classes_by_name():
    assert run_plain('python:plain:Server', 'python:plain:Client',
                     GLib.Variant('i', 21)) == {'c': ('c', 42)}


@pytest.mark.parametrize('client, domain, code, text', [
    ('BrokenClient', 'gmp-error-quark', 0, 'ValueError: plain and broken'),
    ('ErrorClient', 'g-io-error-quark', int(Gio.IOErrorEnum.BUSY), 'busy')])
def test_exceptions_of_gobject_classes_arrive(client, domain, code, text):
    with pytest.raises(GLib.Error) as caught:
        run_plain('python:plain:Server', 'python:plain:' + client, GLib.Variant('i', 1))
    assert (caught.value.domain, caught.value.code) == (domain, code)
    assert text in caught.value.message


def test_classes_of_the_package_by_name():
    assert run_plain('python:named:PickyServer', 'python:named:PickyClient',
                     GLib.Variant('as', ['x'])) == {'c': "'c' (['x'], 'c')"}


def test_a_class_that_is_no_worker():
    with pytest.raises(GLib.Error, match='neither a ServerWorker nor a ClientWorker'):
        run_plain('python:plain:Server', 'python:named:Namespace', None)


@pytest.mark.parametrize('server, results', [
    ('Swap', {'a': 2, 'b': 1}), ('Batches', {'a': ('a', 2), 'b': ('b', 2)})])
def test_requests_of_gobject_classes(server, results):
    application = Gmp.ClientServer.new_for_target(f'python:plain:{server}')
    for id, number in (('a', 1), ('b', 2)):
        application.add_client_target(id, 'python:plain:Client', GLib.Variant('i', number))
    assert application.run().unpack() == results


def test_an_open_run_of_gobject_classes():
    application = Gmp.ClientServer()
    application.add_client_target('a', 'python:plain:Client', GLib.Variant('i', 3))
    assert application.open()
    [request] = application.receive(0, -1)
    assert (request.get_client_id(), request.get_value().unpack()) == ('a', 3)
    assert request.respond(GLib.Variant('i', 4))
    with pytest.raises(GLib.Error, match='already') as caught:
        request.respond()
    assert caught.value.matches(Gmp.error_quark(), Gmp.Error.EXISTS)
    assert application.receive(0, -1) == []
    assert application.close().unpack() == {'a': 4}


def test_exceptions_for_other_languages():
    workers = Gmp.Workers()
    workers.add_target(5, 'python:named:fail', GLib.Variant('s', 'x'))
    with pytest.raises(GLib.Error) as caught:
        workers.run()
    assert caught.value.matches(Gmp.error_quark(), Gmp.Error.FAILED)
    assert re.match(r"Worker '5' \(pid \d+\): KeyError: 'x'\n\nTraceback", caught.value.message)
    assert os.path.dirname(gmproc.__file__) not in caught.value.message


def test_results_for_other_languages():
    workers = Gmp.Workers()
    workers.add_target(5, 'python:builtins:set', GLib.Variant('as', ['x']))
    with pytest.raises(GLib.Error, match="Its result cannot be sent: a Python 'set' has no "
                       "equivalent") as caught:
        workers.run()
    assert caught.value.matches(Gmp.error_quark(), Gmp.Error.BAD_PAYLOAD)


def test_python_functions_for_plain_pygobject():
    workers = Gmp.Workers()
    workers.add(3, named.double, GLib.Variant('i', 4))
    assert workers.run([3]).unpack() == {3: 8}
    assert workers.run([]).unpack() == {}
    assert workers.run(None).unpack() == {3: 8}
    with pytest.raises(TypeError, match='not at the top of a module'):
        workers.add(4, lambda params: None)


# Programs with only gi.repository.Gmp begin with this.
HEAD = """
import os
import gi
gi.require_version('Gmp', '1')
from gi.repository import Gio, GLib, GObject, Gmp

class Server(Gmp.ServerWorker):
    def do_process(self, client_id, request):
        return GLib.Variant('s', client_id + request.get_string())

class Client(Gmp.ClientWorker):
    answer = None

    def do_start(self, params):
        self.params = params

    def do_process(self):
        return self.params

    def do_update(self, response):
        self.answer = response

    def do_done(self):
        return self.answer is not None

    def do_finish(self):
        return self.answer
"""


def test_a_plain_script(script):
    assert script.output(HEAD + '''
class Monitor(Gmp.ClientServer):
    def do_update(self, client_id, progress):
        print(client_id, progress)

def square(n):
    return n * n

if __name__ == '__main__':
    monitor = Monitor(Server)
    monitor.add_client('a', Client, GLib.Variant('s', '!'))
    monitor.new_workers(2, Client, GLib.Variant('s', '?'))
    print(monitor.run(None, None).unpack())
    workers = Gmp.Workers()
    workers.add(1, square, GLib.Variant('i', 7))
    print(workers.run().unpack())
''') == "{'a': 'a!', '0': '0?', '1': '1?'}\n{1: 49}\n"


def test_clients_are_added_all_or_none(script):
    assert script.output(HEAD + '''
if __name__ == '__main__':
    application = Gmp.ClientServer(Server)
    application.add_client('1', Client, GLib.Variant('s', '!'))
    try:
        application.add_clients(3, Client, GLib.Variant('s', '?'))
    except GLib.Error as error:
        print(error.matches(Gmp.error_quark(), Gmp.Error.EXISTS))
    print(application.run(None, None).unpack())
''') == "True\n{'1': '1!'}\n"


COMPLETE = HEAD + """
APPLICATION = os.getpid() if __name__ == '__main__' else None

class Application(Gmp.ClientServer):
    def do_process(self, client_id, request):
        assert os.getpid() == APPLICATION
        return GLib.Variant('s', client_id + '=' + request.get_string())

class Turns(Gmp.Workers):
    def do_start(self, id, params):
        assert APPLICATION is None
        self.left = params.unpack()
        self.trace = ['start']

    def do_process(self, id, params):
        self.left -= 1
        self.trace.append('process')
        if id == 3:
            raise ValueError('three')
        return GLib.Variant('(isi)', (id, ' '.join(self.trace), params.unpack()))

    def do_wait(self, id):
        self.trace.append('wait')

    def do_done(self, id):
        self.trace.append('done')
        return self.left == 0

    def do_finish(self, id):
        return GLib.Variant('s', ' '.join(self.trace)) if id == 2 else None

    def do_update(self, id, result):
        assert os.getpid() == APPLICATION
        print(id, result)
        if id == 4:
            raise GLib.Error.new_literal(Gio.io_error_quark(), 'no room', Gio.IOErrorEnum.NO_SPACE)

class Simple(Gmp.Workers):
    def do_process(self, id, params):
        return GLib.Variant('i', id * id)

class Nothing(Gmp.Workers):
    pass

def serve(cs):
    cs.new_worker('a', Client, GLib.Variant('s', '!'))
    cs.new_worker('b', Client.__gtype__, GLib.Variant('s', '?'))
    print(cs.run(None, None).unpack())

if __name__ == '__main__':
    serve(Gmp.ClientServer.new(Server))
    serve(Gmp.ClientServer.new(Server.__gtype__))
    serve(Gmp.ClientServer(server_type=Server))
    serve(Gmp.ClientServer(server_type=Server.__gtype__))
    serve(Application())
    serve(Application.new(GObject.TYPE_NONE))
    simple = Simple()
    simple.add(7, None, None)
    simple.add(8)
    print(simple.run().unpack())
    turns = Turns(max_parallel=1)
    for id, n in ((1, 2), (2, 1), (3, 1), (4, 100)):
        turns.add(id, None, GLib.Variant('i', n))
    print(turns.run([1, 2]).unpack())
    for id in 3, 4:
        try:
            turns.run([id])
        except GLib.Error as error:
            print(error.domain, error.message.splitlines()[0].partition(': ')[2])
    nothing = Nothing()
    nothing.add(1)
    try:
        nothing.run()
    except GLib.Error as error:
        print(error.matches(Gmp.error_quark(), Gmp.Error.NOT_FOUND))
"""

SERVED = "{'a': 'a!', 'b': 'b?'}\n"
SERVED_HERE = "{'a': 'a=!', 'b': 'b=?'}\n"

COMPLETE_OUTPUT = SERVED * 4 + SERVED_HERE * 2 + """\
{7: 49, 8: 64}
1 (1, 'start process', 2)
1 (1, 'start process done wait process', 2)
2 (2, 'start process', 1)
{1: (1, 'start process done wait process', 2), 2: 'start process done'}
gmp-error-quark ValueError: three
4 (4, 'start process', 100)
g-io-error-quark no room
True
"""


def test_classes_of_a_script(script):
    assert script.output(COMPLETE) == COMPLETE_OUTPUT


def test_classes_of_a_module(script):
    main = COMPLETE.replace("if __name__ == '__main__':", 'def main():')
    script.write(main.replace("os.getpid() if __name__ == '__main__' else None",
                              "int(os.environ['MAIN']) if 'MAIN' in os.environ else None"),
                 'module.py')
    assert script.output("""
import os
if __name__ == '__main__':
    os.environ['MAIN'] = str(os.getpid())
    import module
    del os.environ['MAIN']
    module.main()
""") == COMPLETE_OUTPUT


def on_main_loop(begin):
    """Runs the default main loop until the run that begin() returns has ended."""
    loop = GLib.MainLoop()
    started = []

    def start():
        started.append(begin())
        started[0].add_done_callback(lambda _run: loop.quit())

    GLib.idle_add(start)
    loop.run()
    return started[0]


def test_glib_main_loop():
    ticks = []
    ticking = GLib.timeout_add(1, lambda: ticks.append(1) or True)
    run = on_main_loop(lambda: make_workers(same, same).run_async())
    GLib.source_remove(ticking)
    assert isinstance(run, Run)
    assert run.done() and run.exception() is None
    assert run.result() == {0: 0, 1: 1}
    assert len(ticks) > 3
    called = []
    run.add_done_callback(called.append)
    assert called == [run]
    assert run.cancel() is False


def test_callbacks_of_a_main_loop_that_raise(capsys):
    """The others are called, and the exceptions are printed."""
    def add(run):
        run.add_done_callback(Run.result)
        run.add_done_callback(lambda _run: 1 / 0)
        return run

    on_main_loop(lambda: add(make_workers(fail).run_async()))
    printed = capsys.readouterr().err
    assert re.findall(r'^[\w.]*Error', printed, re.M)[-2:] == ['ValueError', 'ZeroDivisionError']
    assert "gmproc.WorkerError: Worker '0'" in printed


def test_a_callback_of_a_main_loop_ends_the_program(script):
    done = script.run("""
import sys
from gi.repository import GLib
from gmproc import Workers

workers = Workers()
if __name__ == '__main__':
    workers.run_async().add_done_callback(lambda _run: sys.exit(3))
    GLib.MainLoop().run()
""")
    assert (done.returncode, done.stderr) == (3, '')


def test_a_run_on_a_main_loop_that_is_interrupted_at_any_moment(capsys):
    """It ends, calls its callbacks, and what the handler of a signal has raised is seen."""
    before = signal.signal(signal.SIGUSR1, raise_late)
    try:
        for n in itertools.count(1):
            interrupting = InterruptingCalls(n)
            called = []

            def begin():
                run = make_workers(same).run_async()
                run.add_done_callback(called.append)
                # Until it raises, from the next turn of the loop on.
                GLib.idle_add(sys.setprofile, interrupting.profile, priority=GLib.PRIORITY_HIGH)
                return run

            run = on_main_loop(begin)
            sys.setprofile(None)
            assert called == [run]
            if not interrupting.was_sent:
                break
            assert 'Late' in capsys.readouterr().err or isinstance(run.exception(), Late)
    finally:
        sys.setprofile(None)
        signal.signal(signal.SIGUSR1, before)
    assert n > 10


def test_glib_not_done():
    def begin():
        run = make_workers(same).run_async()
        assert not run.done()
        with pytest.raises(concurrent.futures.InvalidStateError):
            run.result()
        return run

    assert on_main_loop(begin).result() == {0: 0}


def test_glib_failure():
    run = on_main_loop(lambda: make_workers(fail).run_async())
    assert isinstance(run.exception(), WorkerError)
    with pytest.raises(WorkerError, match='ValueError: 0'):
        run.result()


def test_glib_cancelling():
    runs = []

    def begin():
        workers = make_workers(sleep_for_ever, on_progress=lambda *_: runs[0].cancel())
        runs.append(workers.run_async())
        return runs[0]

    with pytest.raises(concurrent.futures.CancelledError):
        on_main_loop(begin).result()


def test_glib_no_workers():
    assert on_main_loop(lambda: Workers().run_async()).result() == {}


def test_glib_client_server():
    application = Application()
    application.new_worker(1, Once, params='x')
    assert on_main_loop(application.run_async).result() == {1: (1, ['x', 'x'])}
    cs = ClientServer(Echo)
    cs.new_worker('c', Once, 1)
    assert on_main_loop(cs.run_async).result() == {'c': ('c', 1)}


def test_glib_stop():
    cs = ClientServer(Echo)
    cs.new_workers(2, Endless)
    GLib.timeout_add(300, cs.stop)
    assert on_main_loop(cs.run_async).result() == {0: 'finished', 1: 'finished'}


def test_glib_coroutine():
    """A coroutine can await runs if somebody continues it when they have ended."""
    async def run_twice():
        workers = make_workers(same, same)
        first = await workers.run_async([0])
        return first, await workers.run_async([1])

    loop = GLib.MainLoop()
    results = []
    coroutine = run_twice()

    def step(_run=None):
        try:
            coroutine.send(None).add_done_callback(step)
        except StopIteration as end:
            results.append(end.value)
            loop.quit()

    GLib.idle_add(step)
    loop.run()
    assert results == [({0: 0}, {1: 1})]


def test_map_on_a_main_loop():
    loop = GLib.MainLoop()
    run = Workers(max_parallel=2).map_async(square, range(100))
    run.add_done_callback(lambda _run: loop.quit())
    loop.run()
    assert run.result() == [n * n for n in range(100)]
    run = Workers().map_async(square, [])
    run.add_done_callback(lambda _run: loop.quit())
    loop.run()
    assert run.result() == []


def test_variants_of_pygobject():
    assert run_target(NATIVE + 'describe', GLib.Variant('u', 3)) == ('u', '3')
    assert run_target(NATIVE + 'describe', [GLib.Variant('q', 3)]) == ('av', '[<uint16 3>]')
    assert Variant('v', GLib.Variant('u', 3)) == GLib.Variant('v', GLib.Variant('u', 3))
    assert Variant('i', 3) == GLib.Variant('i', 3) and Variant('i', 3) != GLib.Variant('u', 3)


def return_variant(_params):
    return GLib.Variant('(sq)', ('x', 3))


def test_a_result_of_pygobject():
    workers = Workers()
    workers.add(1, return_variant)
    assert workers.run() == {1: ('x', 3)}


def raise_glib_error(_params):
    raise GLib.Error.new_literal(Gio.io_error_quark(), 'no such thing', Gio.IOErrorEnum.NOT_FOUND)


def test_a_glib_error_keeps_its_domain_and_code():
    error = run_one(raise_glib_error)
    assert isinstance(error.__cause__, GLib.Error)
    for each in (error.error, error.__cause__):
        assert each.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NOT_FOUND)
    assert error.__cause__.message == 'no such thing'
    assert 'in raise_glib_error' in str(error)


def test_an_error_of_c():
    with pytest.raises(WorkerError) as caught:
        run_target(NATIVE + 'fail')
    assert caught.value.__cause__.matches(Gio.io_error_quark(), Gio.IOErrorEnum.NO_SPACE)
    assert gmproc.ErrorCode.CRASHED == Gmp.Error.CRASHED
    assert gmproc.ERROR_DOMAIN == GLib.quark_to_string(Gmp.error_quark())


@pytest.mark.parametrize('cancellable', [Gio.Cancellable(), gmproc.Cancellable()])
def test_a_cancellable_ends_a_run(cancellable):
    workers = make_workers(sleep_for_ever, on_progress=lambda *_: cancellable.cancel())
    with pytest.raises(concurrent.futures.CancelledError):
        workers.run(cancellable=cancellable)
    with pytest.raises(concurrent.futures.CancelledError):
        make_workers(same).run(cancellable=cancellable)


def test_a_cancellable_ends_a_run_on_a_main_loop():
    cancellable = Gio.Cancellable()
    workers = make_workers(sleep_for_ever, on_progress=lambda *_: cancellable.cancel())
    run = on_main_loop(lambda: workers.run_async(cancellable=cancellable))
    assert isinstance(run.exception(), concurrent.futures.CancelledError)
    assert on_main_loop(make_workers(same).run_async).result() == {0: 0}


@pytest.mark.parametrize('other', [5, object(), 'x', Gio.SimpleActionGroup()])
def test_no_cancellable(other):
    with pytest.raises(TypeError, match='GCancellable is needed'):
        make_workers(same).run(cancellable=other)


TYPELIB = '''
import gi
gi.require_version('GModule', '2.0')
from gi.repository import GModule
from gmproc import Workers

def find(_params):
    return GModule.Module.__name__

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, find)
    workers.run()
    print(workers.run())
'''


def test_modules_that_pygobject_makes(script):
    assert script.output(TYPELIB) == "{1: 'Module'}\n"


def test_forks_have_glib(script):
    """A worker loads other libraries itself, which may have a window or a connection."""
    assert script.output('''
import sys
had = [f'gi.repository.{name}' in sys.modules for name in ('Gio', 'GLib', 'Gmp')]
import gi
gi.require_version('Gmp', '1')
from gi.repository import Gio, GLib, Gmp
from gmproc import Workers

def work(_):
    file = Gio.File.new_for_path('/usr')
    return had, GLib.path_get_basename(file.get_path()), Gmp.Pool.__name__

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work)
    print([workers.run()[1] for _ in range(3)][2])
''') == "([True, True, False], 'usr', 'Pool')\n"
