# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Programs of the kinds that were written for the original of 2020. Those of its guide are
examples.
"""

import sys

import pytest
from test_unityremote import COMMAND, find_ports

import gmproc
from gmproc import ClientServer, ClientWorker, ServerWorker, WorkerError

COUNTER = '''
from {module} import ClientServer, ClientWorker, ServerWorker

class Server(ServerWorker):
    def __init__(self):
        super().__init__()
        self.counts = [0] * 4

    def start(self, params):
        self.step = params['step']

    def process(self, id, msg):
        self.counts[id] += self.step
        return self.counts[id]

class Client(ClientWorker):
    def __init__(self, id):
        super().__init__()
        self.id = id
        self.count = 0

    def process(self):
        return self.count

    def update(self, count):
        self.count = count

    def done(self):
        return self.count >= 10 * (self.id + 1)

    def finish(self):
        return self.count

if __name__ == '__main__':
    cs = ClientServer(Server, clients_delay=0.05)
    cs.new_workers(4, Client, params=None)
    results = cs.run(params=dict(step=5))
    print([results[i] for i in range(4)])
    print(cs.run([1, 3], params=dict(step=5)))
'''


@pytest.mark.parametrize('module', ['gmproc', 'unityremote.gmproc', 'ai4u.gmproc'])
def test_counter(script, module):
    """Ids are integers, and used as indices."""
    line = 'import unityremote.ai4u' if module.startswith('ai4u') else ''
    assert script.output(line + COUNTER.replace('{module}', module)) == (
        '[10, 20, 30, 40]\n{1: 20, 3: 40}\n')


def add(n, step):
    return n + step


def add_two(n):
    return add(n, 2)


class Echo(ServerWorker):
    def __init__(self):
        super().__init__()
        self.name = 'server'

    def process(self, id, msg):
        return msg


class Parity(ClientWorker):
    def __init__(self, name):
        self.name = name  # without super().__init__(), which some of the programs forgot
        self.counter = 0

    def start(self, params):
        self.state, self.method = params

    def process(self):
        self.counter += 1
        return self.method(self.state)

    def update(self, state):
        self.state = state

    def done(self):
        return self.counter > 10

    def finish(self):
        return self.name, self.state


def test_par_and_impar():
    application = ClientServer(Echo, 0.1)
    application.new_worker('par', Parity, params=(2, add_two))
    application.new_worker('impar', Parity, params=(1, add_two))
    assert application.run() == {'par': ('par', 24), 'impar': ('impar', 23)}


def test_set_params():
    application = ClientServer(Echo)
    application.new_workers(2, Parity, (0, add_two))
    for start in 0, 100:
        application.set_params(1, (start, add_two))
        assert application.run() == {0: (0, 22), 1: (1, start + 22)}
    application.set_params(1)
    with pytest.raises(WorkerError, match='NoneType'):
        application.run([1])
    with pytest.raises(WorkerError, match='no client 2'):
        application.set_params(2, None)


LEARNERS = '''
import numpy as np
from gmproc import ClientServer, ClientWorker, ServerWorker

SHAPES = [(4, 16), (16,), (16, 2)]
N = 3

def env_maker(name):
    return envs[name]

envs = [np.full(4, i) for i in range(N)]

class Master(ServerWorker):
    """Answers None with the weights, and gradients with what the weights are then."""

    def start(self, params):
        self.rate = params['learning_rate']
        self.weights = [np.zeros(shape, np.float32) for shape in SHAPES]
        self.n_applied = 0

    def process(self, id, gradients):
        if gradients is not None:
            self.n_applied += 1
            for weight, gradient in zip(self.weights, gradients):
                weight += self.rate * gradient
        return self.weights

    def finish(self):
        return self.n_applied

class Learner(ClientWorker):
    def __init__(self, id):
        super().__init__()
        self.id = id

    def start(self, params):
        self.env = params['env_maker'](self.id)
        self.update_freq = params['update_freq']
        self.started = False
        self.episodes = 0

    def process(self):
        if not self.started:
            return None
        self.episodes += 1
        return [np.full(shape, self.env[0] + 1, np.float32) for shape in SHAPES]

    def update(self, weights):
        assert [w.shape for w in weights] == SHAPES
        assert all(w.dtype == np.float32 for w in weights)
        self.weights = [w.copy() for w in weights]
        self.weights[0] += 1  # arrays may be written to
        self.started = True

    def done(self):
        return self.episodes >= self.update_freq

    def finish(self):
        return float(self.weights[1][0])

if __name__ == '__main__':
    params = dict(learning_rate=0.5, update_freq=20, env_maker=env_maker)
    cs = ClientServer(Master)
    cs.new_workers(N, Learner, params=params)
    results = cs.run(params=params)
    print(sorted(results), max(results.values()), cs.server_result)
'''


def test_actor_critic_with_lists_of_arrays(script):
    # 20 times each, (1 + 2 + 3) / 2.
    assert script.output(LEARNERS) == '[0, 1, 2] 60.0 60\n'


PLAYERS = '''
import sys
from unityremote.gmproc import ClientServer, ClientWorker, ServerWorker
from unityremote.core import RemoteEnv, EnvironmentManager
from unityremote.utils import image_decode

class AgentWrapper(RemoteEnv):
    def reset(self):
        return self.step('restart')

envs = EnvironmentManager(2, start_output_port={output_port}, start_input_port={input_port},
                          wrapper=AgentWrapper)
for i in range(2):
    envs.environments[i].verbose = False
    assert envs.environments[i].open(0.01)

class Server(ServerWorker):
    def process(self, id, msg):
        return 1

class Agent(ClientWorker):
    def __init__(self, id):
        self.id = id
        self.n_steps = 0

    def start(self, params):
        self.env = params['env_maker'](self.id)
        self.state = self.env.reset()

    def process(self):
        return self.state['reward']

    def update(self, action):
        self.n_steps += 1
        self.state = self.env.step('move', action)

    def done(self):
        return self.state['done']

    def finish(self):
        return self.n_steps, image_decode(self.state['frame'], 1, 9).tolist()

def env_maker(name):
    return envs[name]

if __name__ == '__main__':
    params = dict(env_maker=env_maker)
    cs = ClientServer(Server)
    cs.new_workers(2, Agent, params=params)
    for _ in range(2):
        print(cs.run(params=params))
'''


def test_environments_at_module_level(script):
    """They are created and opened in the application and in each worker, and used in the workers.
    """
    import subprocess

    output_port, input_port = find_ports(2)
    games = [subprocess.Popen([sys.executable, COMMAND[1], str(output_port + i),
                               str(input_port + i)]) for i in range(2)]
    try:
        text = PLAYERS.replace('{output_port}', str(output_port)).replace(
            '{input_port}', str(input_port))
        result = (4, [[0] * 8 + [9]])
        assert script.output(text) == f'{ {0: result, 1: result} }\n' * 2
    finally:
        for game in games:
            game.kill()
            game.wait()


def test_the_names_of_the_original():
    import unityremote.core
    import unityremote.gmproc

    assert unityremote.gmproc.ClientServer is gmproc.ClientServer
    assert unityremote.core.RemoteEnv.__module__ == 'gmproc.unityremote'
