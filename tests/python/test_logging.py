# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Records of Python's logging in workers reach the loggers of the application."""

import logging
import os
import threading

import pytest
from gmproc import ClientServer, ClientWorker, Executor, ServerWorker, Workers

logger = logging.getLogger('test_logging.work')


class Keeping(logging.Handler):
    def __init__(self):
        super().__init__()
        self.records = []
        self.came = threading.Condition()

    def emit(self, record):
        with self.came:
            self.records.append(record)
            self.came.notify()

    def wait(self, n):
        """Until there are so many records: an executor's result does not wait for those before
        it."""
        with self.came:
            self.came.wait_for(lambda: len(self.records) >= n)


@pytest.fixture
def handler():
    handler = Keeping()
    logging.root.addHandler(handler)
    level = logger.level
    yield handler
    logger.setLevel(level)
    logging.root.removeHandler(handler)


@pytest.fixture
def kept(handler):
    return handler.records


def work(text):
    logger.debug('debug %s', text)
    logger.info('info %s', text, extra={'more': text, 'lock': threading.Lock()})
    try:
        raise KeyError(text)
    except KeyError:
        logger.exception('failed')
    return os.getpid()


def test_records_are_as_the_application_configured(kept):
    logger.setLevel(logging.INFO)
    workers = Workers()
    workers.add(('a', 1), work, 'x')
    pid = workers.run()[('a', 1)]
    info, failed = kept
    assert (info.getMessage(), info.levelname, info.more) == ('info x', 'INFO', 'x')
    assert 'lock' in info.lock
    assert (info.worker_id, info.process, info.processName) == (('a', 1), pid, "Worker-('a', 1)")
    assert info.funcName == 'work' and info.pathname == __file__
    assert "KeyError: 'x'" in logging.Formatter().format(failed)


def test_levels_may_change_between_the_runs_of_a_process(kept):
    with Workers(reuse=True) as workers:
        workers.add(1, work, 'x')
        for level, n in ((logging.DEBUG, 3), (logging.ERROR, 1), (logging.CRITICAL, 0)):
            logger.setLevel(level)
            workers.run()
            assert len(kept) == n
            kept.clear()


def test_in_a_map_the_id_is_the_place_of_the_item(kept):
    logger.setLevel(logging.ERROR)
    with Workers(max_parallel=2) as workers:
        workers.map(work, range(5))
    assert sorted(each.worker_id for each in kept) == [0, 1, 2, 3, 4]


class Server(ServerWorker):
    def process(self, id, msg):
        logger.warning('served %s', msg)


class Client(ClientWorker):
    is_done = False

    def process(self):
        logger.warning('asks')
        return self.id

    def update(self, response):
        self.is_done = True

    def done(self):
        return self.is_done


def test_servers_and_clients(kept):
    cs = ClientServer(Server)
    cs.new_worker(5, Client)
    cs.run()
    assert sorted((str(each.worker_id), each.getMessage()) for each in kept) == [
        ('5', 'asks'), ('server', 'served 5')]


def fork_and_log(_params):
    pid = os.fork()
    if pid == 0:
        logger.info('lost in a child')
        os._exit(0)
    os.waitpid(pid, 0)
    logger.info('in the worker')


def test_a_process_that_a_worker_forks_does_not_use_its_connection(kept):
    logger.setLevel(logging.INFO)
    workers = Workers()
    workers.add(1, fork_and_log)
    workers.run()
    assert [each.getMessage() for each in kept] == ['in the worker']


class Unprintable:
    def __str__(self):
        raise LookupError('nothing to print')


def log_badly(_params):
    import sys
    import warnings

    sys.stderr = open(os.devnull, 'w')
    logger.info('%d', 'no number')
    logger.info('%s', Unprintable())
    warnings.warn('is old')
    logger.log(25, 'went on')


def run_workers(function):
    workers = Workers()
    workers.add(1, function)
    workers.run()


def run_map(function):
    with Workers() as workers:
        workers.map(function, [1])


def run_executor(function):
    with Executor(1) as executor:
        executor.submit(function, 1).result()


@pytest.fixture(params=[run_workers, run_map, run_executor])
def run(request):
    return request.param


def test_records_that_cannot_be_formatted_stop_nothing(kept, run):
    """As with a handler of the standard library."""
    logger.setLevel(logging.INFO)
    logging.addLevelName(25, 'NOTICE')
    run(log_badly)
    assert [(each.getMessage(), each.levelname) for each in kept] == [('went on', 'NOTICE')]


class Unloadable(Exception):
    """Can be pickled, and not loaded again."""

    def __init__(self, text, code):
        super().__init__(text)


def log_unloadable(_item):
    logger.error('failed', extra={'error': Unloadable('text', 1), 'more': {1, 2}})
    logger.error('went on')


def test_records_that_cannot_be_loaded_stop_nothing(handler, run):
    """The attribute is a text then."""
    run(log_unloadable)
    handler.wait(2)
    record, other = handler.records
    assert (record.getMessage(), other.getMessage()) == ('failed', 'went on')
    assert (record.error, record.more) == ('<test_logging.Unloadable object>', {1, 2})


def test_warnings_are_records_if_the_application_captures_them(kept, run):
    logging.captureWarnings(True)
    try:
        run(log_badly)
    finally:
        logging.captureWarnings(False)
    names = [each.name for each in kept]
    assert 'py.warnings' in names
    assert 'is old' in kept[names.index('py.warnings')].getMessage()


def test_an_executor_s_processes_follow_changes(handler):
    logger.setLevel(logging.DEBUG)
    with Executor(1) as executor:
        first = executor.submit(work, 'x').result()
        handler.wait(3)
        assert executor.submit(work, 'x').result() == first
        handler.wait(6)
        logger.setLevel(logging.ERROR)
        assert executor.submit(work, 'x').result() != first
        handler.wait(7)
    assert len(handler.records) == 7


PROGRAM = '''
import logging, sys
from gmproc import Workers

%s

def work(_params):
    logging.getLogger('work').info('an info')
    logging.getLogger('work').warning('a warning')

if __name__ == '__main__':
    workers = Workers(%s)
    workers.add(7, work)
    for _turn in range(3):
        workers.run()
'''


@pytest.mark.parametrize('configuration, options, printed', [
    # Workers import this module too, and must not log it twice.
    ("logging.basicConfig(level=logging.INFO, format='%(levelname)s %(message)s')", '',
     'INFO an info\nWARNING a warning\n'),
    ("handler = logging.StreamHandler()\nlogging.getLogger('work').addHandler(handler)\n"
     "logging.getLogger('work').propagate = False", '', 'a warning\n'),
    ('', '', 'a warning\n'),
    ("if __name__ == '__main__': logging.basicConfig(format='HERE %(message)s')",
     'forward_logs=False', 'a warning\n'),
])
def test_programs(script, configuration, options, printed):
    done = script.run(PROGRAM % (configuration, options))
    assert (done.returncode, done.stderr) == (0, printed * 3)


CONFIGURED = '''
import logging, logging.config

CONFIG = {
    'version': 1,
    'disable_existing_loggers': False,
    'formatters': {'short': {'format': '%(name)s %(message)s'}},
    'handlers': {'out': {'class': 'logging.StreamHandler', 'formatter': 'short'}},
    'loggers': {'own': {'handlers': ['out'], 'level': 'INFO'}},
    'root': {'handlers': ['out']},
}

own, other = logging.getLogger('own'), logging.getLogger('other')

def set_up():
    logging.config.dictConfig(CONFIG)

def work(_params=None):
    own.info('once')
    other.warning('too')
'''

CONFIGURES = '''
import sys
from gmproc import Executor, Workers

if __name__ == '__main__':
    import configured
    %s
    with Workers(**options) as workers:
        workers.add(1, configured.work)
        workers.run()
        workers.map(configured.work, [1])
    with Executor(1, **options) as executor:
        executor.submit(configured.work).result()
'''


@pytest.mark.parametrize('module, main', ids=['initializer', 'module'], argvalues=[
    (CONFIGURED, 'configured.set_up(); options = dict(initializer=configured.set_up)'),
    (CONFIGURED + '\nset_up()\n', 'options = {}'),
])
def test_what_configures_logging_in_a_worker_too_has_nothing_logged_twice(script, module, main):
    script.write(module, 'configured.py')
    done = script.run(CONFIGURES % main)
    # The logger has the handler, and so has the root.
    assert (done.returncode, done.stderr) == (0, 'own once\nown once\nother too\n' * 3)
