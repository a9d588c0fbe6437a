# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

import os
import time

import pytest

import gmproc
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError


class Echo(ServerWorker):
    def process(self, id, msg):
        return msg


class Log(ServerWorker):
    """Its result has all calls of its methods."""

    def __init__(self):
        self.log = []

    def start(self, params):
        self.log.append(('start', params))

    def process(self, id, msg):
        self.log.append(('process', id, msg))
        return msg

    def wait(self):
        self.log.append(('wait',))

    def done(self):
        self.log.append(('done',))
        return super().done()

    def finish(self):
        self.log.append(('finish',))
        return self.log


class Once(ClientWorker):
    """Sends its parameters once. Its result is its id and the response."""

    def __init__(self, id):
        self.id = id
        self.answers = []

    def start(self, params):
        self.params = params

    def process(self):
        return self.params

    def update(self, response):
        self.answers.append(response)

    def done(self):
        return len(self.answers) == 1

    def finish(self):
        return self.id, self.answers[0]


class LogClient(ClientWorker):
    def __init__(self, id):
        self.log = [('init', id)]

    def start(self, params):
        self.log.append(('start', params))

    def process(self):
        self.log.append(('process',))
        return 'question'

    def update(self, response):
        self.log.append(('update', response))

    def wait(self):
        self.log.append(('wait',))

    def done(self):
        self.log.append(('done',))
        return self.log.count(('process',)) == 2

    def finish(self):
        self.log.append(('finish',))
        return self.log


class Endless(ClientWorker):
    def process(self):
        time.sleep(0.001)
        return 'more'

    def finish(self):
        return 'finished'


class Failing(Once):
    def process(self):
        raise ValueError(self.params)


def test_the_life_cycles_to_the_letter():
    cs = ClientServer(Log)
    cs.new_worker('c', LogClient, params=[1])
    turn = [('done',), ('process',), ('update', 'question'), ('wait',)]
    assert cs.run(params='p') == {
        'c': [('init', 'c'), ('start', [1]), *turn, *turn, ('done',), ('finish',)]}
    log = cs.server_result
    assert log[0] == ('start', 'p')
    answers = [event for event in log if event[0] in ('process', 'wait')]
    assert answers == [('process', 'c', 'question'), ('wait',)] * 2
    assert log[-2:] == [('done',), ('finish',)]


def test_null_messages():
    cs = ClientServer(Log)
    cs.new_worker(1, Once)
    assert cs.run() == {1: (1, None)}
    assert ('process', 1, None) in cs.server_result


@pytest.mark.parametrize('ids', [['a', 'b'], [0, 1], [1, '1', "1'", (1,), None, 'server']])
def test_ids_keep_their_type(ids):
    cs = ClientServer(Log)
    for id in ids:
        cs.new_worker(id, Once, params=repr(id))
    assert list(cs.run().items()) == [(id, (id, repr(id))) for id in ids]
    asked = [event[1:] for event in cs.server_result if event[0] == 'process']
    assert sorted(asked, key=repr) == sorted([(id, repr(id)) for id in ids], key=repr)


def test_new_workers_have_integers():
    cs = ClientServer(Echo)
    cs.new_workers(3, Once, params='p')
    assert cs.run() == {0: (0, 'p'), 1: (1, 'p'), 2: (2, 'p')}
    with pytest.raises(WorkerError, match='There is a client 0 already'):
        cs.new_workers(4, Once)
    assert len(cs.run()) == 3


def test_only_some_run():
    cs = ClientServer(Echo)
    cs.new_workers(3, Once)
    assert cs.run([2]) == {2: (2, None)}
    assert cs.run([]) == {}
    with pytest.raises(WorkerError, match='There is no client 9') as caught:
        cs.run([9])
    assert caught.value.id == 9


def test_an_id_is_taken():
    cs = ClientServer(Echo)
    cs.new_worker('x', Once)
    with pytest.raises(WorkerError, match="There is a client 'x' already"):
        cs.new_worker('x', Once)


class Early(ServerWorker):
    def done(self):
        return self.n == 3

    def start(self, params):
        self.n = 0

    def process(self, id, msg):
        self.n += 1

    def finish(self):
        return self.n


def test_a_server_that_is_done_early():
    cs = ClientServer(Early)
    cs.new_workers(2, Endless)
    assert cs.run() == {0: 'finished', 1: 'finished'}
    assert cs.server_result == 3


def test_a_client_that_fails_alone():
    cs = ClientServer(Echo)
    cs.new_worker('good', Once, 1)
    cs.new_worker('bad', Failing, 'broken')
    with pytest.raises(WorkerError, match='ValueError: broken') as caught:
        cs.run()
    assert caught.value.id == 'bad'
    assert list(caught.value.errors) == ['bad']
    assert caught.value.results == {'good': ('good', 1)}
    assert isinstance(caught.value.__cause__, ValueError)


class FailingServer(ServerWorker):
    def process(self, id, msg):
        raise KeyError(msg)


def test_a_server_that_fails():
    cs = ClientServer(FailingServer)
    cs.new_worker('c', Once, 'broken')
    with pytest.raises(WorkerError, match="The server.*KeyError: 'broken'") as caught:
        cs.run()
    assert caught.value.id == 'server'
    assert isinstance(caught.value.__cause__, KeyError)


class NoProcess(ServerWorker):
    pass


def test_a_server_without_process():
    cs = ClientServer(NoProcess)
    cs.new_worker('c', Once)
    with pytest.raises(WorkerError, match='NoProcess does not override process') as caught:
        cs.run()
    assert isinstance(caught.value.__cause__, NotImplementedError)


class Bare(ClientWorker):
    """Does not define __init__."""

    def done(self):
        return True

    def finish(self):
        return self.id


def test_defaults():
    cs = ClientServer(NoProcess)
    cs.new_worker('c', Bare)
    assert cs.run() == {'c': 'c'}


class Raising(ClientWorker):
    def __init__(self, id):
        raise OSError(5, 'no luck')


def test_a_client_that_cannot_be_built():
    cs = ClientServer(Echo)
    cs.new_worker('c', Raising)
    with pytest.raises(WorkerError, match='no luck') as caught:
        cs.run()
    assert caught.value.__cause__.errno == 5


def test_not_a_server_and_not_a_client():
    for kind in (Once, 3, Once('x')):
        with pytest.raises(TypeError, match='ServerWorker'):
            ClientServer(kind)
    with pytest.raises(TypeError, match='ClientWorker'):
        ClientServer(Echo).new_worker(1, Echo)
    with pytest.raises(WorkerError, match='There is no server'):
        ClientServer().run()


class Reporting(ClientWorker):
    def start(self, params):
        gmproc.report({'seen': params})

    def done(self):
        return True


class ReportingServer(ServerWorker):
    def start(self, params):
        gmproc.report('here')


class Monitor(ClientServer):
    def update(self, id, value):
        self.seen = {**getattr(self, 'seen', {}), id: value}


def test_update_takes_what_workers_report():
    monitor = Monitor(ReportingServer)
    monitor.new_worker(1, Reporting, {2, 3})
    monitor.run()
    assert monitor.seen == {1: {'seen': {2, 3}}, 'server': 'here'}


class Application(ClientServer):
    """The object itself is the server."""

    def __init__(self):
        super().__init__()
        self.log = []

    def start(self, params):
        self.log.append(('start', params))

    def process(self, id, msg):
        self.log.append(('process', id, msg, os.getpid()))
        return [msg, msg]

    def wait(self):
        self.log.append(('wait',))

    def finish(self):
        self.log.append(('finish',))
        return {'the', 'end'}


def test_the_application_as_server():
    application = Application()
    application.new_worker(7, Once, params={1})
    assert application.run(params='p') == {7: (7, [{1}, {1}])}
    assert application.log == [('start', 'p'), ('process', 7, {1}, os.getpid()), ('wait',),
                               ('finish',)]
    assert application.server_result == {'the', 'end'}


class BrokenApplication(Application):
    def process(self, id, msg):
        raise ArithmeticError('in the application')


def test_the_application_as_server_fails():
    application = BrokenApplication()
    application.new_worker(7, Once)
    with pytest.raises(ArithmeticError, match='in the application') as caught:
        application.run()
    files = [frame.path for frame in caught.traceback]
    assert str(files[-1]) == __file__


class EarlyApplication(Application):
    def done(self):
        return len(self.log) >= 5


def test_the_application_as_server_is_done_early():
    application = EarlyApplication()
    application.new_workers(2, Endless)
    assert application.run() == {0: 'finished', 1: 'finished'}


class Stopping(Application):
    def process(self, id, msg):
        self.stop()


def test_stop():
    application = Stopping()
    application.new_workers(2, Endless)
    assert application.run() == {0: 'finished', 1: 'finished'}


class Adder(ServerWorker):
    def start(self, params):
        self.function = params

    def process(self, id, msg):
        return self.function(msg)


def test_functions_travel_as_messages():
    cs = ClientServer(Adder)
    cs.new_worker('c', Once, 4)
    assert cs.run(params=lambda n: n + 3) == {'c': ('c', 7)}


def test_local_classes():
    class Local(ClientWorker):
        def process(self):
            return Local

        def update(self, response):
            self.same = response is Local

        def done(self):
            return hasattr(self, 'same')

        def finish(self):
            return self.same

    cs = ClientServer(Echo)
    cs.new_worker('c', Local)
    assert cs.run() == {'c': True}


class Unreadable:
    def __reduce__(self):
        return int, ('x',)


class Sender(ClientWorker):
    n = 0

    def process(self):
        self.n += 1
        return Unreadable() if self.id == 'bad' and self.n == 2 else self.n

    def done(self):
        return self.n == 3

    def finish(self):
        return self.n


class EchoHere(ClientServer):
    def process(self, id, msg):
        return msg


class Keeper(ServerWorker):
    def request(self, request):
        request.respond(request.value)


class Batcher(ServerWorker):
    def process_batch(self, ids, messages):
        return messages


@pytest.mark.parametrize('make', [lambda: ClientServer(Echo), EchoHere,
                                  lambda: ClientServer(Keeper), lambda: ClientServer(Batcher)])
def test_a_client_whose_request_cannot_be_read_fails_alone(make):
    cs = make()
    cs.new_worker('bad', Sender)
    cs.new_worker('good', Sender)
    with pytest.raises(WorkerError, match='Its request cannot be read: invalid literal') as caught:
        cs.run()
    assert (caught.value.id, caught.value.results) == ('bad', {'good': 3})


def test_what_start_loads_is_loaded_once(script):
    """A fork server loads it for later clients. It may be ready after some of them."""
    script.write('import os\nPID = os.getpid()\n', 'site-packages/heavy.py')
    text = '''
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages'))
from gmproc import ClientServer, ClientWorker, ServerWorker

class Server(ServerWorker):
    def process(self, id, msg):
        return 0

class Client(ClientWorker):
    def start(self, params):
        import heavy
        self.has_loaded = heavy.PID == os.getpid()

    def done(self):
        return True

    def finish(self):
        return self.has_loaded

if __name__ == '__main__':
    cs = ClientServer(Server)
    cs.new_workers(1, Client)
    print(cs.run()[0], not all(cs.run()[0] for _ in range(50)))
'''
    assert script.output(text) == 'True True\n'
