# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Functions and classes of __main__, however the program was started."""

import os
import subprocess
import textwrap

import pytest

# Few programs import everything: with SharedArray that includes numpy, in each process.
IMPORT = 'from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError, Workers\n'
IMPORT_ALL = 'from gmproc import *\n'

DEFINITIONS = IMPORT + '''
class Mistake(Exception):
    pass

class Point:
    def __init__(self, x):
        self.x = x

def work(point):
    return Point(point.x + 1)

def fail(x):
    raise Mistake(x)

class Server(ServerWorker):
    def process(self, id, msg):
        assert type(msg) is Point
        return Point(msg.x * 2)

class Client(ClientWorker):
    def __init__(self, name):
        super().__init__()
        self.name = name

    def start(self, params):
        self.state = params

    def process(self):
        return Point(self.state)

    def update(self, response):
        self.response = response

    def done(self):
        return hasattr(self, 'response')

    def finish(self):
        return self.response

class Doubled(Workers):
    def process(self, id, params):
        return Point(params * 2)

'''

USE = '''
workers = Workers()
workers.add(1, work, Point(41))
result = workers.run()[1]
print(type(result) is Point, result.x)
workers.add(2, fail, 'oops')
try:
    workers.run([2])
except WorkerError as error:
    print(type(error.__cause__) is Mistake, error.__cause__)
cs = ClientServer(Server)
cs.new_worker('c', Client, 21)
result = cs.run()['c']
print(type(result) is Point, result.x)
doubled = Doubled()
doubled.add('d', params=4)
print(type(doubled.run()['d']) is Point)
'''

GUARDED = DEFINITIONS + "\nif __name__ == '__main__':\n" + textwrap.indent(USE, '    ')

EXPECTED = 'True 42\nTrue oops\nTrue 42\nTrue\n'

# As if cloudpickle were not installed.
WITHOUT_CLOUDPICKLE = "import sys\nsys.modules['cloudpickle'] = None\n"


def check(done):
    assert (done.stdout, done.stderr, done.returncode) == (EXPECTED, '', 0)


def test_a_script(script):
    check(script.run(GUARDED))
    check(script.run(GUARDED.replace(IMPORT, IMPORT_ALL)))


def test_a_script_in_a_folder_whose_name_is_not_utf_8(script):
    """Also in runs with warm starts."""
    text = DEFINITIONS + "\nif __name__ == '__main__':\n    for _ in range(3):\n"
    path = script.write(text + textwrap.indent(USE, 8 * ' '), os.fsdecode(b'\xff folder/m\xe9.py'))
    done = script.python(path)
    assert (done.stdout, done.stderr, done.returncode) == (3 * EXPECTED, '', 0)


def test_a_script_without_cloudpickle(script):
    check(script.run(WITHOUT_CLOUDPICKLE + GUARDED))


def test_a_script_from_another_folder(script):
    script.write('VALUE = 42\n', 'sub/beside.py')
    path = script.write('''
import os
from gmproc import Workers
import beside

def work(_):
    return beside.VALUE, os.getcwd()

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, work)
    assert workers.run() == {1: (42, os.getcwd())}
    print('fine')
''', 'sub/main.py')
    assert script.python(path.relative_to(script.folder)).stdout == 'fine\n'


def test_a_module_beside_that_is_called_like_one_of_python(script):
    script.write('raise Exception("wrong module")\n', 'random.py')
    path = script.write(GUARDED.replace(IMPORT, IMPORT_ALL), 'sub/main.py')
    check(script.python(path))


def test_a_module(script):
    script.write('', 'package/__init__.py')
    script.write(GUARDED, 'package/module.py')
    check(script.python('-m', 'package.module'))


def test_a_package_that_runs(script):
    script.write('', 'package/__init__.py')
    script.write(GUARDED, 'package/__main__.py')
    check(script.python('-m', 'package'))


def test_a_folder_that_runs(script):
    script.write(GUARDED, 'folder/__main__.py')
    check(script.python('folder'))


def test_standard_input(script):
    check(script.python('-', input=GUARDED))


def test_a_command(script):
    check(script.python('-c', GUARDED))


def test_a_session(script):
    """Code executed at a prompt, a line or cell at a time, in a __main__ without a file."""
    check(script.python('-c', f'''
import code, sys
sys.ps1 = 'In: '
import __main__
shell = code.InteractiveInterpreter(vars(__main__))
shell.runcode({DEFINITIONS!r})
shell.runcode({USE!r})
'''))


def test_a_prompt_after_a_script(script):
    path = script.write('before = 1\n')
    text = (DEFINITIONS + '\n').replace('\n\n    def', '\n    def') + USE.replace(
        "\ncs =", "\n\ncs =")
    done = script.python('-i', '-q', path, input=text)
    assert done.stdout == EXPECTED


@pytest.mark.parametrize('use', ["workers.add(1, work, None)", "workers.add(1, lambda x: x)"])
def test_a_command_without_cloudpickle(script, use):
    done = script.python('-c', WITHOUT_CLOUDPICKLE + DEFINITIONS + f'workers = Workers()\n{use}\n'
                         'workers.run()')
    assert done.returncode == 1
    assert ("The function or class of worker 1 cannot be sent: a Python 'function' cannot be "
            in done.stderr)
    assert 'install cloudpickle' in done.stderr


def test_a_lambda_in_a_script_without_cloudpickle(script):
    done = script.run(WITHOUT_CLOUDPICKLE + GUARDED.replace('workers.add(1, work,',
                                                           'workers.add(1, lambda x: x,'))
    assert done.returncode == 1
    assert 'install cloudpickle' in done.stderr


def test_modules_need_no_cloudpickle_in_a_command(script):
    done = script.python('-c', WITHOUT_CLOUDPICKLE + 'from gmproc import *\nworkers = Workers()\n'
                         "workers.add(1, len, 'abc')\nprint(workers.run())")
    assert (done.stdout, done.stderr) == ('{1: 3}\n', '')


def test_all_names_without_numpy(script):
    done = script.python('-c', "import sys\nsys.modules['numpy'] = None\nfrom gmproc import *\n"
                         "print(Executor.__name__, 'SharedArray' in globals())")
    assert (done.stdout, done.stderr) == ('Executor False\n', '')


@pytest.mark.parametrize('path', ['/dev/stdin', '/dev/fd/0', '/proc/self/fd/0'])
def test_a_script_that_is_a_descriptor(script, path):
    """Workers have another file there."""
    with open(script.write(GUARDED)) as file:
        check(script.python(path, stdin=file))
    check(script.python(path, input=GUARDED))


def test_an_unguarded_script(script):
    done = script.run(DEFINITIONS + "print('runs')\n" + USE.replace(
        'result = ', "print('again')\nresult = ", 1))
    assert done.returncode == 1
    assert done.stdout.count('runs') == 2  # once in the worker, which imports the module
    assert 'bootstrapping phase' in done.stderr
    assert "if __name__ == '__main__':" in done.stderr
    assert 'RuntimeError' in done.stderr


def test_an_unguarded_script_with_an_executor(script):
    done = script.run('''
from gmproc import Executor

def work(n):
    return n + 1

print('runs')
with Executor(1) as executor:
    executor.submit(work, 1).result()
''')
    assert done.returncode == 1
    assert done.stdout.count('runs') == 2  # once in the worker, which imports the module
    assert 'bootstrapping phase' in done.stderr and 'freeze_support' in done.stderr


def test_an_executor_of_the_module_is_used_in_workers(script):
    done = script.run('''
from gmproc import Executor

executor = Executor(1)

def work(n):
    return executor.submit(add, n).result() if n else 'inside'

def add(n):
    return n + 1

if __name__ == '__main__':
    print(executor.submit(work, 1).result(), executor.submit(work, 0).result())
''')
    assert (done.stdout, done.stderr) == ('2 inside\n', '')


def test_what_is_below_the_guard(script):
    done = script.run('''
from gmproc import Workers
if __name__ == '__main__':
    def late(_):
        pass
    workers = Workers()
    workers.add(1, late)
    workers.run()
''')
    assert done.returncode == 1
    assert 'is it defined below "if __name__ == \'__main__\'"' in done.stderr


def test_what_is_below_the_guard_in_a_call(script):
    done = script.run('''
from gmproc import Executor
if __name__ == '__main__':
    def late(_):
        pass
    class Late:
        pass
    with Executor(1) as executor:
        for call in executor.submit(late, 1), executor.submit(len, Late()):
            print(call.exception())
        print(executor.submit(getattr, 1, 'nothing').exception())
''')
    lines = done.stdout.splitlines()
    assert all('is it defined below "if __name__' in each for each in lines[:2]), lines
    assert lines[2:] == ["'int' object has no attribute 'nothing'"]


def test_an_attribute_error_of_the_program_is_not_explained(script):
    done = script.run('''
from gmproc import Workers

class Careless:
    def __init__(self):
        self.one = 1

    def __setstate__(self, state):
        self.two = self.one

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, str, Careless())
    workers.run()
''')
    assert done.returncode == 1
    assert "'Careless' object has no attribute 'one'" in done.stderr
    assert 'is it defined below' not in done.stderr


def test_a_main_module_that_fails_to_import(script):
    done = script.run('''
from gmproc import Workers

if __name__ != '__main__':
    1 / 0

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, len)
    workers.run()
''')
    assert done.returncode == 1
    assert 'ZeroDivisionError' in done.stderr
    assert 'line 5' in done.stderr
    assert 'runpy' not in done.stderr


def test_the_variables_of_the_main_module_are_those_of_its_functions(script):
    done = script.run('''
import sys
from gmproc import Workers

n_calls = 0

def count(_):
    global n_calls
    n_calls += 1
    return sys.modules['__main__'].n_calls, sys.modules['__mp_main__'].n_calls

if __name__ == '__main__':
    workers = Workers()
    for number in range(3):
        workers.add(number, count)
    print(workers.run())
''')
    assert done.stdout == '{0: (1, 1), 1: (1, 1), 2: (1, 1)}\n', done.stderr


def test_the_interpreters_flags(script):
    path = script.write('''
import sys
from gmproc import Workers

def flags(_):
    return sys.flags.optimize, sys.flags.utf8_mode, sys.warnoptions, sys.argv

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, flags)
    assert workers.run()[1] == flags(None)
    print(flags(None)[:3])
''')
    done = script.python('-O', '-X', 'utf8', '-W', 'error::FutureWarning', path, 'argument')
    assert done.stdout == "(1, 1, ['error::FutureWarning'])\n"


def test_options_of_the_interpreter(script):
    path = script.write('''
import sys
from gmproc import Workers

def options(_):
    return sys._xoptions, sys.get_int_max_str_digits(), len(str(10 ** 5000))

if __name__ == '__main__':
    print(Workers().map(options, range(3)) == [options(None)] * 3)
''')
    done = script.python('-X', 'int_max_str_digits=0', '-X', 'own', '-X', 'utf8=1', path)
    assert (done.stdout, done.stderr) == ('True\n', '')


def test_an_interpreter_that_stays_for_inspection(script):
    """Workers do not stay, and print nothing about their end."""
    path = script.write('''
from gmproc import Workers

if __name__ == '__main__':
    print(Workers(warm_start=False).map(len, ['a']))
''')
    done = script.python('-i', path, stdin=subprocess.DEVNULL,
                         env={**os.environ, 'PYTHONINSPECT': '1'})
    assert 'SystemExit' not in done.stderr and done.stdout == '[1]\n'


def test_a_search_path_that_the_program_set(script):
    script.write('VALUE = 5\n', 'elsewhere/hidden.py')
    assert script.output(f'''
import sys
from gmproc import Workers

def work(_):
    import hidden
    return hidden.VALUE

if __name__ == '__main__':
    sys.path.append({str(script.folder / 'elsewhere')!r})
    workers = Workers()
    workers.add(1, work)
    print(workers.run())
''') == '{1: 5}\n'


def test_multiprocessing_is_left_alone(script):
    assert script.output('''
import multiprocessing
from gmproc import Workers

if __name__ == '__main__':
    workers = Workers()
    workers.add(1, len, 'ab')
    workers.run()
    multiprocessing.set_start_method('spawn')
    print('fine')
''') == 'fine\n'


def test_the_host_alone(script):
    done = script.python('-m', 'gmproc.host')
    assert done.returncode == 2
    assert 'started by it' in done.stderr


IN_SUBINTERPRETER = '''
for name in '_interpreters', '_xxsubinterpreters':
    try:
        interpreters = __import__(name)
    except ImportError:
        continue
    id = interpreters.create()
    interpreters.run_string(id, """if True:
        try:
            import gmproc
            workers = gmproc.Workers()
            workers.add(1, abs, -1)
            print(workers.run())
        except ImportError as error:
            print('subinterpreter' in str(error))
    """)
    interpreters.destroy(id)
    break
else:
    print(True)
'''


@pytest.mark.parametrize('first', ['', 'import gmproc\n'])
def test_a_subinterpreter(script, first):
    """Such as mod_wsgi has: an error instead of a run that never ends."""
    done = script.python('-c', first + IN_SUBINTERPRETER)
    assert (done.stdout, done.stderr) == ('True\n', '')
