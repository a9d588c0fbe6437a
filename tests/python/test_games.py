# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Games that are started and ended with their environments."""

import copy
import os
import pathlib
import pickle
import signal
import sys
import threading
import time

import numpy as np
import pytest
from test_unityremote import COMMAND, GAME, find_ports

from gmproc import ClientServer, ClientWorker, ServerWorker, Workers
from gmproc.unityremote import EnvironmentManager, Gone, RemoteEnv

IN_SCRIPT = ['sh', '-c', ' '.join(map(str, COMMAND)) + '; true']


def make_env(**options):
    output_port, input_port = find_ports(1)
    return RemoteEnv(OUT_PORT=output_port, IN_PORT=input_port, **options)


def is_alive(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] != 'Z'
    except OSError:
        return False


def wait_for_end(pid):
    while is_alive(pid):
        time.sleep(0.01)


def test_a_game_is_started_and_ended():
    env = make_env(command=f'{sys.executable} {GAME} {{output_port}} {{input_port}}')
    assert env.step('restart')['steps'] == 0
    pid = env._game.process.pid
    assert is_alive(pid)
    env.close()
    assert not is_alive(pid)
    env.step('restart')
    del env  # the fixture of all tests checks that the game has ended


def test_a_game_that_dies_is_an_error_and_starts_anew():
    env = make_env(command=COMMAND)
    env.open(None)
    env.step('restart')
    pid = env._game.process.pid
    with pytest.raises(Gone, match=rf"\(pid {pid}\) exited with status 3 before it answered "
                       "'crash'"):
        env.step('crash')
    assert env.step('move', 1)['steps'] == 1
    env._game.process.kill()
    with pytest.raises(Gone, match=r"was killed by signal 9 \(SIGKILL\) before it answered 'move'"):
        env.step('move', 1)
    assert env.step('restart')['steps'] == 0
    env.close()


@pytest.mark.parametrize('game', ['{}', "trap '' TERM; {}"], ids=['plain', 'stubborn'])
def test_a_game_that_a_script_starts_is_ended(game):
    env = make_env(command=[*IN_SCRIPT[:2], game.format(IN_SCRIPT[2])])
    assert env.step('move', 1)['steps'] == 1
    script = env._game.process.pid
    [pid] = map(int, pathlib.Path(f'/proc/{script}/task/{script}/children').read_text().split())
    env.close()
    assert not is_alive(script) and not is_alive(pid)
    assert env.step('move', 1)['steps'] == 1  # another game, on the same port
    env.close()


def test_a_game_that_cannot_start():
    with pytest.raises(FileNotFoundError, match='no-such-game'):
        make_env(command=['/no-such-game']).step('restart')
    with pytest.raises(Gone, match='exited with status 2'):
        make_env(command=[sys.executable, '-c', 'raise SystemExit(2)']).step('restart')


def list_games():
    children = [pid for path in pathlib.Path('/proc/self/task').glob('*/children')
                for pid in path.read_text().split() if is_alive(pid)]
    return [pid for pid in children
            if os.fsencode(GAME) in pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()]


def test_closing_while_a_game_is_being_started_ends_it():
    class Word:
        def __str__(self):
            env.close()
            return str(GAME)

    env = make_env(command=[sys.executable, Word(), *COMMAND[2:]])
    with pytest.raises(RuntimeError, match='was closed'):
        env.step('restart')
    assert list_games() == []
    env.command = COMMAND
    assert env.step('restart')['steps'] == 0 and len(list_games()) == 1
    env.close()
    assert list_games() == []


def test_a_game_outlives_the_thread_that_has_started_it():
    env = make_env(command=COMMAND)
    thread = threading.Thread(target=env.step, args=['restart'])
    thread.start()
    thread.join()
    while os.path.exists(f'/proc/self/task/{thread.native_id}'):
        time.sleep(0.01)
    assert env.step('move', 1)['steps'] == 1
    env.close()


def test_a_copy_has_no_socket_and_no_game():
    env = make_env(command=COMMAND)
    env.open(5.0)
    env.step('restart')
    for other in copy.copy(env), pickle.loads(pickle.dumps(env)):
        assert (other.INPUT_PORT, other.timeout) == (env.INPUT_PORT, 5.0)
        assert other._link is None and other._game is None
        assert not other.open(5.0)
    assert env.step('move', 1)['steps'] == 1
    env.close()


def test_a_fork_has_no_socket_and_no_game():
    env = make_env(command=COMMAND)
    env.step('restart')
    child = os.fork()
    if child == 0:
        try:
            env.step('move', 1)
        except OSError:
            env.close()
            os._exit(7)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert env.step('move', 1)['steps'] == 1
    env.close()


@pytest.mark.parametrize('command, end, status', [
    (list(map(str, COMMAND)), 'os.kill(os.getpid(), 9)', -9), (IN_SCRIPT, '', 0)])
def test_a_game_ends_with_its_process(script, command, end, status):
    path = script.write(f'''
import os, sys
from gmproc.unityremote import RemoteEnv
output_port, input_port = map(int, sys.argv[1:])
env = RemoteEnv(OUT_PORT=output_port, IN_PORT=input_port, command={command})
env.step('restart')
pid = env._game.process.pid
with open(f'/proc/{{pid}}/task/{{pid}}/children') as children:
    print(children.read() or pid, flush=True)
{end}
''')
    done = script.python(path, *find_ports(1))
    assert (done.returncode, done.stderr) == (status, '')
    wait_for_end(int(done.stdout))


# In workers.

def play_episode(env):
    steps = env.step('restart')['steps']
    while not env.step('move', 1)['done']:
        steps += 1
    return steps + 1


def test_an_environment_as_the_parameter_of_a_worker():
    output_port, input_port = find_ports(2)
    envs = EnvironmentManager(2, start_output_port=output_port, start_input_port=input_port,
                              command=COMMAND)
    envs.openAll()
    workers = Workers()
    for i in range(2):
        workers.add(i, play_episode, params=envs[i])
    assert workers.run([0, 1]) == {0: 4, 1: 4}
    assert workers.run() == {0: 4, 1: 4}


class Counter(ServerWorker):
    def process(self, id, msg):
        return 1


class Crashing(ClientWorker):
    """Kills its game, or itself, the first time."""

    def __init__(self, id):
        self.id = id

    def start(self, params):
        self.env, self.flag, self.how = params
        self.state = self.env.step('restart')

    def process(self):
        return self.state['reward']

    def update(self, action):
        if self.state['steps'] == 2 and not self.flag.exists():
            self.flag.write_text(str(self.env._game.process.pid))
            if self.how == 'client':
                os.kill(os.getpid(), signal.SIGKILL)
            self.env.step('crash')
        self.state = self.env.step('move', action)

    def done(self):
        return self.state['done']

    def finish(self):
        return self.state['steps'], self.env._game.process.pid


@pytest.mark.parametrize('how', ['game', 'client'])
def test_a_client_and_its_game_are_restarted(tmp_path, how):
    application = ClientServer(Counter, restart='on-failure')
    flag = tmp_path / 'game'
    application.new_worker(0, Crashing, params=(make_env(command=COMMAND), flag, how))
    steps, pid = application.run()[0]
    first = int(flag.read_text())
    assert steps == 4 and pid != first
    wait_for_end(first)
    wait_for_end(pid)


# Gymnasium, or a stand-in if it is not installed.

class Discrete:
    n = 2


def make_gymnasium(**options):
    from gmproc.unityremote import GymnasiumEnv

    return GymnasiumEnv(make_env(command=COMMAND), 'observations', Discrete(),
                        observation='position', action='move', **options)


def test_a_gymnasium_environment():
    env = make_gymnasium(truncated=lambda state: state['steps'] >= 3)
    observation, info = env.reset(seed=1)
    assert observation.tolist() == [4, 4]
    assert info['level'] == 'corridor'
    observation, reward, terminated, truncated, info = env.step(1)
    assert (observation.tolist(), reward, terminated, truncated) == ([5, 3], -0.02, False, False)
    env.step(np.int64(1))
    assert env.step(1)[1:4] == (-0.02, False, True)
    assert env.step(1)[1:4] == (1.0, True, True)
    assert env.reset()[0].tolist() == [4, 4]
    assert env.unwrapped is env and env.action_space.n == 2 and env.render() is None
    env.close()


def test_a_gymnasium_environment_of_functions():
    env = make_gymnasium(reset=lambda game: game.step('restart'), reward=lambda state: 7)
    env._action = lambda game, action: game.step('move', action)
    assert env.reset()[1]['steps'] == 0
    assert env.step(1)[1] == 7.0
    env._action = 'look'
    assert env.step(np.array([0.5, 1]))[4]['steps'] == 1
    env.close()
