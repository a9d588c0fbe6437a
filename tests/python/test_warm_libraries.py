# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""What forks have of libraries that make more than functions when they are imported."""

import pytest
from test_warm import HEAD, SITE


def test_random_numbers_of_libraries(script):
    """A generator that a library seeds at random has different numbers in each fork; one with a
    given seed has the same numbers as before."""
    script.write('''
import random
import numpy
import numpy.random
ALIKE = random.Random(1), numpy.random.default_rng(1), numpy.random.RandomState(1)
UNLIKE = random.Random(), numpy.random.default_rng(), numpy.random.RandomState()
''', 'site-packages/generators.py')
    text = SITE + HEAD + '''
import ctypes
import generators
GIO = ctypes.CDLL('libgio-2.0.so.0')
GIO.g_uuid_string_random.restype = GIO.g_dbus_generate_guid.restype = ctypes.c_char_p
SESSION = GIO.g_uuid_string_random()

def draw(_):
    alike, unlike = [tuple(float(each.random() if hasattr(each, 'random') else each.random_sample())
                           for each in some) for some in (generators.ALIKE, generators.UNLIKE)]
    return os.getppid(), alike, (*unlike, SESSION, GIO.g_uuid_string_random(),
                                 GIO.g_dbus_generate_guid()[:24], GIO.g_random_int())

if __name__ == '__main__':
    workers = Workers()
    for id in range(3):
        workers.add(id, draw)
    found = [drawn for _ in range(3) for drawn in workers.run().values()]
    assert len({parent for parent, _, _ in found}) == 1
    print(len({alike for _, alike, _ in found}), {len(set(each)) for each in
                                                  zip(*(unlike for _, _, unlike in found))})
'''
    assert script.output(text) == '1 {9}\n'


def test_lazy_objects_are_left_alone(script):
    """The class of one such as Django's settings is asked for only by the program."""
    script.write('''
class Lazy:
    @property
    def __class__(self):
        raise RuntimeError("not yet")

lazy = Lazy()
''', 'site-packages/lazily.py')
    text = SITE + HEAD + '''
import lazily
from lazily import lazy

def work(_):
    return os.getppid()

if __name__ == '__main__':
    workers = Workers()
    for id in range(2):
        workers.add(id, work)
    warm_up(workers)
    print(len({*workers.run([0, 1]).values()} - {os.getpid()}), get_cold_start_reason())
'''
    assert script.output(text) == '1 None\n'


def test_a_library_that_imports_more_in_each_fork(script):
    """A fork that waits for a job reports such modules only after it has announced itself."""
    script.write('''
import os

def follow():
    import followers

os.register_at_fork(after_in_child=follow)
''', 'site-packages/leaders.py')
    script.write('', 'site-packages/followers.py')
    text = SITE + HEAD + '''
import leaders

def work(_):
    return os.getppid() != int(os.environ['APPLICATION']), 'followers' in sys.modules

if __name__ == '__main__':
    os.environ['APPLICATION'] = str(os.getpid())
    workers = Workers()
    for id in range(2):
        workers.add(id, work)
    print({each for _ in range(6) for each in workers.run().values()})
'''
    assert script.output(text) == '{(True, True)}\n'


TROUBLES = '''
print('loading')
import random, threading
threading.Thread(target=threading.Event().wait, daemon=True).start()
FILE = open(__file__)
GENERATOR = random.Random()
'''


def test_what_cannot_be_shared_is_loaded_in_each_worker(script):
    """The other workers are still forks, and share what can be shared."""
    script.write('import os\nPID = os.getpid()\n', 'site-packages/stamp.py')
    for number, line in enumerate(TROUBLES.strip().split('\n')[:4]):
        script.write(f'import os, random, threading\nPID = os.getpid()\n{line}',
                     f'site-packages/trouble{number}.py')
    script.write('from trouble0 import PID', 'site-packages/needs_trouble.py')
    text = SITE + HEAD + '''
import needs_trouble, stamp, trouble0, trouble1, trouble2, trouble3

def work(_):
    return ([module.PID == os.getpid() for module in (needs_trouble, trouble0, trouble2, trouble3)],
            stamp.PID == os.getppid())

if __name__ == '__main__':
    workers = Workers()
    assert warm_up(workers) is not None
    workers.add(1, work)
    print(workers.run([1]))
'''
    assert script.run(text).stdout.splitlines()[-1] == '{1: ([True, True, True, True], True)}'


def test_what_the_program_does_at_import_is_no_matter(script):
    text = HEAD + TROUBLES + '''
if __name__ == '__main__':
    print(warm_up(Workers()) is not None)
'''
    assert script.run(text).stdout.splitlines()[-1] == 'True'


@pytest.mark.parametrize('fresh', [[], ['slow']])
def test_a_slow_import_in_each_worker_is_told(script, fresh):
    script.write('import threading, time\ntime.sleep(0.5)\n'
                 'threading.Thread(target=threading.Event().wait, daemon=True).start()\n',
                 'site-packages/slow.py')
    text = SITE + HEAD + f'''
import slow

if __name__ == '__main__':
    workers = Workers(fresh_modules={fresh})
    workers.add(1, ids)
    print(len({{workers.run()[1][1] for _ in range(5)}}), get_cold_start_reason())
'''
    done = script.run(text)
    assert (done.returncode, done.stdout) == (0, '2 None\n')
    if fresh:
        assert done.stderr == ''
    else:
        assert done.stderr.count('Each worker of runtime python loads slow itself, ') == 1
        assert done.stderr.count('\n') == 1


def test_a_pool_of_threads_that_can_be_stopped_is_no_hindrance(script):
    """As that of numexpr, which pandas loads if it is installed."""
    script.write('''
import os, threading
PID = os.getpid()
threads = []
stop = threading.Event()

def set_num_threads(n):
    before = len(threads) or 1
    stop.set()
    for thread in threads:
        thread.join()
    stop.clear()
    threads.clear()
    for _ in range(n if n > 1 else 0):
        threads.append(threading.Thread(target=stop.wait, daemon=True))
    for thread in threads:
        thread.start()
    return before

set_num_threads(3)
''', 'site-packages/numexpr.py')
    text = SITE + HEAD + '''
import numexpr

def work(_):
    return numexpr.PID == os.getppid(), [thread.is_alive() for thread in numexpr.threads]

if __name__ == '__main__':
    workers = Workers()
    assert warm_up(workers) is not None
    for id in range(2):
        workers.add(id, work)
    print(workers.run([0, 1]))
'''
    alive = (True, [True, True, True])
    assert script.output(text) == f'{ {0: alive, 1: alive} }\n'


def test_a_library_that_takes_long_to_load(script):
    """A run does not wait for a fork server for ever, but a later one finds that it has loaded."""
    script.write('''
import os, time
FOLDER = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
with open(os.path.join(FOLDER, 'imports'), 'a') as file:
    file.write('x')
    file.flush()
    number = os.fstat(file.fileno()).st_size
# After the application and the first worker comes the server.
while number == 3 and not os.path.exists(os.path.join(FOLDER, 'go')):
    time.sleep(0.01)
''', 'site-packages/late.py')
    text = SITE + HEAD + '''
import late

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, ids)
    print({workers.run()[1][1] for _ in range(3)} == {os.getpid()})
    print('takes long to load' in get_cold_start_reason())
    open('go', 'w').close()
    while workers.run()[1][1] == os.getpid():
        pass
    print(get_cold_start_reason())
'''
    done = script.run(text)
    assert (done.returncode, done.stdout) == (0, 'True\nTrue\nNone\n')
    assert done.stderr.count('start slowly') == done.stderr.count('\n') == 1
