# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Environments in games, over UDP."""

import os
import pathlib
import pickle
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import types

import numpy as np
import pytest

from gmproc._remote_text import parse_state
from gmproc.unityremote import (EnvironmentManager, Gone, IteractiveEnvironmentManager, RemoteEnv,
                                image_decode, image_from_str)

GAME = pathlib.Path(__file__).parents[2] / 'examples' / 'unityremote' / 'game.py'
COMMAND = [sys.executable, GAME, '{output_port}', '{input_port}']

# Bytes as the original's own client and its games in C# write them.
SMALL = b'   2   4done2       10   6energy1       3300'
ALL_TYPES = (b'   6   5frame4      12MCwxOzIsMw==   4done2       10   6energy1       3300'
             b'   6signal0       30.5   4name3       3a b   8position5       81.5 0 -2')


def find_ports(n):
    """Two ranges of this many consecutive free ports: for the games and for their environments."""
    while True:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as first:
            first.bind(('127.0.0.1', 0))
            port = first.getsockname()[1]
        sockets = []
        try:
            for i in range(2 * n):
                sockets.append(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                sockets[-1].bind(('127.0.0.1', port + i))
            return port, port + n
        except (OSError, OverflowError):
            pass
        finally:
            for each in sockets:
                each.close()


class FakeGame:
    """Answers each command with what play(game, command) sends."""

    def __init__(self, play):
        self.play = play
        self.commands = []
        self.port, self.client_port = find_ports(1)
        self.stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.stranger.bind(('127.0.0.2', 0))
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.thread = None

    def start(self):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener.bind(('127.0.0.1', self.port))
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def run(self):
        while command := self.listener.recv(9000):
            self.commands.append(command)
            self.play(self, command)

    def send(self, state, sender=None):
        (sender or self.sender).sendto(state, ('127.0.0.1', self.client_port))

    def stop(self):
        if self.thread is not None:
            self.sender.sendto(b'', ('127.0.0.1', self.port))
            self.thread.join()
            self.thread = None
            self.listener.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.stop()
        self.stranger.close()
        self.sender.close()

    def env(self, timeout=60.0):
        env = RemoteEnv(OUT_PORT=self.port, IN_PORT=self.client_port)
        assert env.open(timeout) is True
        return env


def play_small(game, _command):
    game.send(SMALL)


def test_commands_byte_by_byte():
    with FakeGame(play_small) as game:
        env = game.env()
        env.step('act', 3)
        env.step('get_status')
        env.step('tx', 0.5)
        env.step('flag', True)
        env.step('flag', np.bool_(False))
        env.step('tx', np.float64(0.25))
        env.step('act', np.int64(2))
        env.stepfv('translation', [5, 0, -1.5])
        env.stepfv('translation', np.array([5, 0, -1.5]))
        env.stepfv('matrix', [[1, 2], np.array([3, 4])])
        env.send('Left', [1])
        env.send('none')
        env.close()
    assert game.commands == [
        b'act;1;3;', b'get_status;0;', b'tx;1;0.5;', b'flag;1;True;', b'flag;1;False;',
        b'tx;1;0.25;', b'act;1;2;', b'translation;1;5 0 -1.5;', b'translation;1;5.0 0.0 -1.5;',
        b'matrix;1;1 2 3 4;', b'Left;1;1;', b'none;0;']


@pytest.mark.parametrize('name, args, part', [
    ('', [], 'without a name'), ('a;b', [], 'semicolon'), ('a', ['1;2'], 'semicolon'),
    ('a', ['x' * 8192], '8192')])
def test_commands_that_are_refused(name, args, part):
    with pytest.raises(ValueError, match=part):
        RemoteEnv(OUT_PORT=1, IN_PORT=find_ports(1)[0]).send(name, args)


def test_states_of_all_types():
    with FakeGame(lambda game, _command: game.send(ALL_TYPES)) as game:
        env = game.env()
        state = env.step('get_status')
        env.close()
    position = state.pop('position')
    assert position.dtype == np.float64 and position.tolist() == [1.5, 0, -2]
    assert state == {'frame': 'MCwxOzIsMw==', 'done': False, 'energy': 300, 'signal': 0.5,
                     'name': 'a b'}
    assert [type(value) for value in state.values()] == [str, bool, int, float, str]
    assert image_decode(state['frame'], 2, 2).tolist() == [[0, 1], [2, 3]]
    assert image_from_str('1,2,3;4,5,6', 2, 3, np.float32).tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize('state, expected', [
    (b'   0', {}),
    (b'1     1 x1 1      7', {'x': 7}),
    (b'   2   1a6       31 2   1b1       17', {'b': 7}),
    (b'   2   1a0       51E-05   1b0       8Infinity', {'a': 1e-5, 'b': float('inf')}),
    (b'   2   1a0       50,125   1b2       12', {'a': 0.125, 'b': False}),
    (b'   1   2\xc3\xa93       3 x ', {'\u00e9': 'x'})])
def test_states(state, expected):
    with FakeGame(lambda game, _command: game.send(state)) as game:
        env = game.env()
        assert env.step('get_status') == expected
        env.close()


def test_arrays_of_a_state():
    state = b'   2   1a5       71,5 -2    1b5       0'
    with FakeGame(lambda game, _command: game.send(state)) as game:
        env = game.env()
        arrays = env.step('get_status')
        env.close()
    assert arrays['a'].tolist() == [1.5, -2]
    assert arrays['b'].shape == (0,)


BAD_STATES = [b'', b'    ', b'garbage', b'   x', b'  -1', b'999999999999',
              b'   1   1a1       17x', b'   1   1a1       1x', b'   1   1a1       31_0',
              b'   1   1a1      2099999999999999999999', b'   1   1a0       1x',
              b'   1   1a2       1y', b'   1   1a5       31 x', b'   1   1ax       17',
              b'   1   1a1        7', b'   1  -1a1       17', b'   199991a1       17',
              b'   1   1a3       2\xc3(', b'   1   1\xff1       17']


@pytest.mark.parametrize('bad', [BAD_STATES, [ALL_TYPES[:n] for n in range(len(ALL_TYPES))]],
                         ids=['bad', 'cut'])
def test_what_is_refused(bad):
    def play(game, command):
        for state in bad:
            game.send(state)
        game.send(SMALL, game.stranger)
        if command == b'good;0;':
            game.send(SMALL)

    with FakeGame(play) as game:
        env = game.env()
        assert env.step('good') == {'done': False, 'energy': 300}
        env.timeout = 0.3
        with pytest.raises(TimeoutError, match=f'{len(bad) + 1} datagrams were refused, the last '
                           'because another host sent it'):
            env.step('bad')
        env.close()


def test_large_states():
    def play(game, command):
        size = int(command.split(b';')[0]) - 23
        game.send(b'   1   6letter3%8d%s' % (size, b'x' * size))

    with FakeGame(play) as game:
        env = game.env()
        assert len(env.step('65507')['letter']) == 65507 - 23
        env.BUFFER_SIZE = 1000
        env.step('1000')
        env.timeout = 0.1
        with pytest.raises(TimeoutError, match='more than 1000 bytes'):
            env.step('1001')
        env.close()


def test_what_is_stale_is_thrown_away():
    def play(game, command):
        game.send(b'   1   1n1%8d%d' % (1, len(game.commands)))

    with FakeGame(play) as game:
        env = game.env()
        assert env.UDP.getsockname() == ('127.0.0.1', game.client_port)
        for _ in range(50):
            game.send(SMALL)
        assert env.step('a') == {'n': 1}
        game.send(SMALL)
        assert env.recvall() == {'done': False, 'energy': 300}
        assert env.step('b') == {'n': 2}
        env.close()


def fail(env, error, limit, part):
    """A step that fails after the limit, without using the processor."""
    before, begin = time.thread_time(), time.monotonic()
    with pytest.raises(error, match=part):
        env.step('move', 1)
    assert time.monotonic() - begin >= limit
    assert time.thread_time() - before < 0.3


def test_a_time_out_holds():
    with FakeGame(lambda _game, _command: None) as game:
        env = game.env(1.0)
        for _ in range(2):
            fail(env, TimeoutError, 1.0, f":{game.port} has not answered 'move' within 1 s")
        env.close()


def test_a_game_that_is_gone():
    with FakeGame(play_small) as game:
        env = game.env(None)
        env.step('get_status')
        game.stop()
        fail(env, Gone, 0, f'127.0.0.1:{game.port} has ended')
        env.timeout = 0.5
        fail(env, ConnectionError, 0.5, f'There is no game at 127.0.0.1:{game.port}')
        game.start()
        env.step('get_status')
        env.close()


def test_a_game_that_is_starting():
    with FakeGame(play_small) as game:
        game.stop()
        env = game.env()
        game.commands.clear()
        # Its first state is not an answer to a command.
        timer = threading.Timer(0.2, lambda: (game.send(ALL_TYPES), game.start()))
        timer.start()
        assert env.step('restart') == {'done': False, 'energy': 300}
        timer.join()
        env.close()
    assert game.commands == [b'restart;0;']


@pytest.mark.parametrize('greets', [True, False])
def test_a_game_that_listens_before_its_first_state(greets):
    def play(game, command):
        if greets and len(game.commands) == 1:
            game.send(ALL_TYPES)
        play_small(game, command)

    with FakeGame(play) as game:
        game.stop()
        env = game.env()
        game.commands.clear()
        timer = threading.Timer(0.2, game.start)
        timer.start()
        assert env.step('restart') == {'done': False, 'energy': 300}
        timer.join()
        env.close()
    assert game.commands == [b'restart;0;']


@pytest.mark.parametrize('timeout, limit', [(0, 30.0), (0.01, 30.0), (0.5, 0.5), (None, np.inf)])
def test_what_the_original_gave_for_time_outs(timeout, limit):
    env = RemoteEnv()
    assert env.open(timeout) and not env.open(timeout)
    assert (env.timeout, env._get_limit()) == (timeout, limit)
    env.close()
    assert env.open_receive()


def test_a_port_that_is_taken():
    with FakeGame(play_small) as game:
        env, other = game.env(), game.env()
        env.step('get_status')
        with pytest.raises(OSError, match=f'{game.client_port}.*127.0.0.1:{game.port}'):
            other.step('get_status')
        env.close()
        other.step('get_status')
        other.close()


def test_ctrl_c_ends_a_wait():
    with FakeGame(lambda _game, _command: os.kill(os.getpid(), signal.SIGINT)) as game:
        env = game.env(None)
        with pytest.raises(KeyboardInterrupt):
            env.step('get_status')
        env.close()


def test_a_wait_without_a_command_has_a_limit():
    port, client_port = find_ports(1)
    env = RemoteEnv(OUT_PORT=port, IN_PORT=client_port)
    env.open(0.1)
    with pytest.raises(TimeoutError, match=f':{port} has not sent a state within 0.1 s'):
        env.receive_data()
    env.close()


def test_a_time_out_of_years():
    with FakeGame(play_small) as game:
        for timeout in 3e6, 1e300, np.inf, None:
            env = game.env(timeout)
            env.step('get_status')
            env.close()


def test_a_second_thread_is_refused():
    caught = []

    def play(game, _command):
        if len(game.commands) == 1:
            with pytest.raises(RuntimeError, match='has not answered the last command') as error:
                env.step('b')
            caught.append(error)
        game.send(b'   1   1n1%8d%d' % (1, len(game.commands)))

    with FakeGame(play) as game:
        env = game.env()
        assert env.step('a') == {'n': 1} and len(caught) == 1
        assert env.step('c') == {'n': 2}
        env.close()
    assert game.commands == [b'a;0;', b'c;0;']


def test_a_wait_ends_with_close_in_another_thread():
    def play(game, command):
        if len(game.commands) == 1:
            env.close()
        else:
            play_small(game, command)

    with FakeGame(play) as game:
        env = game.env(None)
        with pytest.raises(RuntimeError, match="was closed before the game at .* answered 'a'"):
            env.step('a')
        env.open(60)
        assert env.step('b') == {'done': False, 'energy': 300}
        env.close()


def test_a_wait_ends_with_close_in_a_signal_handler():
    with FakeGame(lambda _game, _command: os.kill(os.getpid(), signal.SIGUSR1)) as game:
        env = game.env(None)
        old = signal.signal(signal.SIGUSR1, lambda *_: env.close())
        try:
            with pytest.raises(RuntimeError, match='was closed'):
                env.step('a')
        finally:
            signal.signal(signal.SIGUSR1, old)


@pytest.fixture
def lookup(monkeypatch):
    """A name server that answers when the test lets it."""
    lookup = types.SimpleNamespace(asked=queue.SimpleQueue(), answers=queue.SimpleQueue())

    def get_address(host):
        lookup.asked.put(host)
        return lookup.answers.get(timeout=60)
    monkeypatch.setattr(socket, 'gethostbyname', get_address)
    yield lookup
    for _ in range(9):
        lookup.answers.put('127.0.0.1')


def test_looking_up_a_host_has_the_limit_of_the_command(lookup):
    env = RemoteEnv('the-host-of-the-game', IN_PORT=find_ports(1)[0])
    env.open(0.1)
    with pytest.raises(TimeoutError, match="'the-host-of-the-game' was not found within 0.1 s"):
        env.step('a')
    with pytest.raises(TimeoutError, match='was not found'):
        env.UDP


@pytest.mark.parametrize('end', ['close', 'handler', 'interrupt'])
def test_looking_up_a_host_can_be_ended(lookup, end):
    kind, text = (KeyboardInterrupt, '') if end == 'interrupt' else (RuntimeError, 'was closed')
    signals = []
    has_ended = threading.Event()

    def do_end():
        lookup.asked.get()
        if end == 'close':
            env.close()
        # Python may miss a signal that comes just before it blocks.
        while end != 'close' and not has_ended.wait(0.1):
            os.kill(os.getpid(), signal.SIGUSR1)

    def handle(number, _frame):
        signals.append(number)
        env.close()
        if end == 'interrupt' and len(signals) == 1:
            raise KeyboardInterrupt

    with FakeGame(play_small) as game:
        env = RemoteEnv('the-host-of-the-game', OUT_PORT=game.port, IN_PORT=game.client_port)
        env.open(None)
        old = signal.signal(signal.SIGUSR1, handle)
        thread = threading.Thread(target=do_end)
        thread.start()
        with pytest.raises(kind, match=text):
            env.step('a')
        has_ended.set()
        thread.join()
        signal.signal(signal.SIGUSR1, old)
        lookup.answers.put('127.0.0.1')
        lookup.answers.put('127.0.0.1')
        assert env.step('b') == {'done': False, 'energy': 300}
        env.close()
    assert game.commands == [b'b;0;']


def test_hosts_and_commands_that_cannot_be():
    with pytest.raises(OSError, match="host '::1'"):
        RemoteEnv('::1').step('a')
    with FakeGame(play_small) as game:
        for command in '', []:
            env = RemoteEnv(OUT_PORT=game.port, IN_PORT=game.client_port, command=command)
            with pytest.raises(ValueError, match='is empty'):
                env.step('a')
            env.close()
    for options in {'OUT_PORT': 65536}, {'IN_PORT': 0}, {'OUT_PORT': -1}:
        with pytest.raises(ValueError, match='UDP ports are 1 to 65535'):
            RemoteEnv(**options).step('a')
    with pytest.raises(PermissionError, match='a command to the game at 255.255.255.255:8081'):
        RemoteEnv('255.255.255.255', IN_PORT=find_ports(1)[0]).step('a')


class Wrapper(RemoteEnv):
    """Like the environments of the original's programs, its constructor does not call super()."""

    def __init__(self):
        self.n_resets = 0

    def reset(self):
        self.n_resets += 1
        return self.step('restart')


def test_managers():
    envs = EnvironmentManager(3, start_output_port=7000, step_output_port=2, start_input_port=8000,
                              wrapper=Wrapper)
    assert len(envs) == envs.size == len(envs.environments) == 3
    assert [(env.OUTPUT_PORT, env.INPUT_PORT, env.HOST) for env in envs] == [
        (7000, 8000, '127.0.0.1'), (7002, 8001, '127.0.0.1'), (7004, 8002, '127.0.0.1')]
    assert isinstance(envs[1], Wrapper) and envs[1].verbose is True
    envs.openAll()
    assert not envs.open(0, 0.01)
    envs.claseAll()
    assert envs.open_receive(0)
    default = EnvironmentManager()
    assert (len(default), default[0].OUTPUT_PORT, default[0].INPUT_PORT) == (1, 7070, 8080)

    one_by_one = IteractiveEnvironmentManager(host='localhost')
    assert [one_by_one.make()[0] for _ in range(2)] == [0, 1]
    assert pickle.loads(pickle.dumps(one_by_one)).make()[1].INPUT_PORT == 8082


def test_a_manager_plays():
    output_port, input_port = find_ports(2)
    envs = EnvironmentManager(2, start_output_port=output_port, start_input_port=input_port,
                              command=COMMAND)
    assert envs.step(0, 'restart')['steps'] == 0
    assert envs.step(0, 'move', 1)['position'].tolist() == [5, 3]
    assert envs.send(1, 'move', [0])['position'].tolist() == [3, 5]
    envs.claseAll()


def test_the_c_type_speaks_to_the_same_game():
    gi = pytest.importorskip('gi')
    gi.require_version('Gmp', '1')
    from gi.repository import GLib, Gmp

    output_port, input_port = find_ports(1)
    game = subprocess.Popen([sys.executable, GAME, str(output_port), str(input_port)])
    try:
        env = Gmp.RemoteEnv.new('127.0.0.1', output_port, input_port)
        assert env.step('restart', None, None).unpack()['position'] == [4.0, 4.0]
        assert env.step('move', GLib.Variant('i', 1), None).unpack()['steps'] == 1
        with pytest.raises(GLib.Error, match='semicolon'):
            env.send('a;b', None, None)
        env.close()
    finally:
        game.kill()
        game.wait()


def test_the_game_that_asks():
    """A game like AI4U's of today. tests/peers/run uses AI4U's own client."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(('127.0.0.1', 0))
        client.settimeout(60)
        game = subprocess.Popen([sys.executable, GAME.with_name('asking_game.py'), '127.0.0.1',
                                 str(client.getsockname()[1]), 'player'])

        def answer(reply, **expected):
            data, sender = client.recvfrom(65507)
            state = parse_state(data)
            assert state['id'] == 'player'
            assert {name: state[name] for name in expected} == expected
            client.sendto(reply, sender)
            return state

        answer(b'max_steps;1;40@id;1;player', __target__='envcontrol', max_steps=40, config=1)
        answer(b'__noop__;1;0', wait_command='restart, resume, start_and_reset, start')
        answer(b'__reset__;1;0', __target__='envcontrol')
        answer(b'__waitnewaction__;1;0', done=False, steps=0)
        assert answer(b'move;1;1@', steps=0)['position'].tolist() == [4, 4]
        assert answer(b'halt', steps=1, truncated=False)['position'].tolist() == [5, 3]
        assert game.wait() == 0


CHAPTER = pathlib.Path(__file__).parents[2] / 'docs' / 'how-to-unityremote.md'
PROGRAMS = re.findall(r'^```python\n(.*?)^```\n+^```text\n(.*?)^```$',
                      CHAPTER.read_text(encoding='utf-8'), re.M | re.DOTALL)


@pytest.mark.parametrize('program, output', PROGRAMS)
def test_the_programs_of_the_chapter(script, program, output):
    if 'gymnasium' in program:
        pytest.importorskip('gymnasium')
    output_port, input_port = find_ports(2)
    for old, new in (('7070', str(output_port)), ('8080', str(input_port)),
                     ('python3 examples/unityremote/game.py', f'{sys.executable} {GAME}')):
        program = program.replace(old, new)
    assert script.output(program) == output


def test_every_program_of_the_chapter_says_what_it_prints():
    assert len(PROGRAMS) == CHAPTER.read_text(encoding='utf-8').count('```python') == 3
