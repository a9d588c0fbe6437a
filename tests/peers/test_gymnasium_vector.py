# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""gmproc.gymnasium.VectorEnv: like Gymnasium's own, and beyond it."""

import copy
import multiprocessing
import os
import pathlib
import pickle
import re
import signal
import sys
import time

import gymnasium
import numpy as np
import pytest
from gymnasium.spaces import Box, Dict, Discrete, Text, Tuple
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import gmproc.gymnasium
from gmproc import WorkerError
from gmproc.gymnasium import StepTimeout, VectorEnv

CHAPTER = pathlib.Path(__file__).parents[2] / 'docs' / 'how-to-reinforcement-learning.md'
PROGRAM = re.compile(r'^```python\n(.*?)^```\n+^```text\n(.*?)^```$', re.M | re.DOTALL)
CALM, RAISE, CRASH, HANG, SLEEP, STUBBORN = range(6)


class Moody(gymnasium.Env):
    """Counts its steps, and follows commands."""

    observation_space = Box(0, np.inf, (2,), np.float32)
    action_space = Discrete(6)

    def __init__(self, length=1000):
        self.length = length

    def observe(self):
        return np.array([os.getpid(), self.n], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.n = 0
        return self.observe(), {'pid': os.getpid()}

    def step(self, action):
        self.n += 1
        if action == RAISE:
            raise KeyError('in a bad mood')
        if action == CRASH:
            print('the last words', file=sys.stderr, flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if action == STUBBORN:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        if action in (HANG, STUBBORN):
            time.sleep(1000)
        if action == SLEEP:
            time.sleep(0.3)
        return self.observe(), 1.0, self.n == self.length, False, {}

    def describe(self, **properties):
        return properties


class Nested(Moody):
    """Observes several things."""

    observation_space = Dict({'count': Discrete(1000), 'text': Text(5),
                              'pair': Tuple((Moody.observation_space,) * 2)})

    def observe(self):
        return {'count': self.n, 'text': 'abcde'[:self.n + 1], 'pair': (super().observe(),) * 2}


class Nothing(gymnasium.Space):
    """A space of one's own, whose only element is None."""

    def sample(self, mask=None, probability=None):
        return None

    def contains(self, x):
        return x is None

    def __eq__(self, other):
        return isinstance(other, Nothing)


class Blind(Moody):
    """Observes nothing, and has no infos."""

    observation_space = Nothing()

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return None, {}

    def observe(self):
        return None


@pytest.fixture
def make():
    made = []

    def make(env_fns, **kwargs):
        made.append(VectorEnv(env_fns, **kwargs))
        return made[-1]
    yield make
    while made:
        made.pop().close(terminate=True)


@pytest.mark.parametrize('mode', list(AutoresetMode)[:2])
@pytest.mark.parametrize('name', ['CartPole-v1', 'Pendulum-v1', 'Blackjack-v1', 'FrozenLake-v1'])
@pytest.mark.parametrize('shared_memory', [True, False])
def test_same_as_gymnasium(make, name, mode, shared_memory):
    env_fns = [lambda: gymnasium.make(name)] * 3
    ours = make(env_fns, autoreset_mode=mode, shared_memory=shared_memory)
    theirs = SyncVectorEnv(env_fns, autoreset_mode=mode)
    assert ours.observation_space == theirs.observation_space
    assert ours.action_space == theirs.action_space
    assert ours.metadata == theirs.metadata
    check_same(ours.reset(seed=7), theirs.reset(seed=7))
    theirs.action_space.seed(1)
    for _ in range(100):
        actions = theirs.action_space.sample()
        check_same(ours.step(actions), theirs.step(actions))


def check_same(ours, theirs):
    if isinstance(theirs, dict):
        assert sorted(ours) == sorted(theirs)
        ours, theirs = tuple(ours[key] for key in theirs), tuple(theirs.values())
    if isinstance(theirs, tuple):
        assert len(ours) == len(theirs)
        for pair in zip(ours, theirs):
            check_same(*pair)
    elif isinstance(theirs, np.ndarray) and theirs.dtype == object:
        check_same(tuple(ours), tuple(theirs))
    else:
        assert np.array_equal(ours, theirs)
        assert getattr(ours, 'dtype', None) == getattr(theirs, 'dtype', None)


class Mixed(gymnasium.Env):
    observation_space = Dict({'text': Text(5, min_length=0),
                              'pair': Tuple((Discrete(9), Box(0, 1, (), np.float16)))})
    action_space = Dict({'a': Discrete(9), 'b': Box(-1, 1, (3,))})

    def reset(self, *, seed=None, options=None):
        return {'text': 'begin', 'pair': (3, np.float16(0.5))}, {}

    def step(self, action):
        assert self.action_space.contains(action)
        return {'text': 'ab', 'pair': (action['a'], np.float16(1))}, 0.0, False, False, {}


def test_spaces_in_spaces(make):
    envs = make([Mixed] * 2)
    observations, _ = envs.reset()
    assert observations['text'] == ('begin', 'begin')
    actions = {'a': np.array([4, 5]), 'b': np.zeros((2, 3), np.float32)}
    observations, *_ = envs.step(actions)
    assert observations['text'] == ('ab', 'ab')
    assert observations['pair'][0].tolist() == [4, 5]


@pytest.mark.parametrize('mode', list(AutoresetMode))
def test_observations_that_are_none(make, mode):
    envs = make([Blind] * 2, shared_memory=False, autoreset_mode=mode)
    assert envs.reset(seed=1) == ((None, None), {})
    for _ in range(2):
        assert envs.step([CALM, CALM])[0] == (None, None)
    envs.async_reset()
    observations, *_, infos = envs.recv()
    assert observations == (None, None) and infos['env_id'].tolist() == [0, 1]
    envs.send([CALM], [1])
    assert envs.recv()[0] == (None,)


@pytest.mark.parametrize('duplicate', [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_not_copied(make, duplicate):
    envs = make([Moody])
    with pytest.raises(TypeError, match='VectorEnv cannot be pickled or copied'):
        duplicate(envs)
    envs.reset()


def test_copies_stay_and_views_change(make):
    for copy in True, False:
        envs = make([Moody] * 2, copy=copy)
        first, _ = envs.reset()
        envs.step(np.array([CALM, CALM]))
        assert (first[0, 1] == 0) == copy


def test_no_environment_in_the_application(make):
    _, infos = make([Moody] * 2).reset()
    assert os.getpid() not in infos['pid'] and len(set(infos['pid'])) == 2


def test_arguments_of_methods_have_any_names(make):
    arguments = {'start': 1, 'wait': 2, 'timeout': 3, 'args': 4}
    envs = make([Moody] * 2)
    assert envs.call('describe', **arguments) == (arguments, arguments)


def test_a_crash_is_an_error_that_says_what_is_known(make):
    envs = make([Moody] * 3)
    envs.reset()
    with pytest.warns(UserWarning, match='Worker-1'), pytest.raises(WorkerError) as caught:
        envs.step(np.array([CALM, CRASH, CALM]))
    assert caught.value.id == 1 and caught.value.signal == signal.SIGKILL
    assert 'the last words' in str(caught.value)
    envs.close()


def test_an_exception_comes_as_it_was(make):
    envs = make([Moody] * 2)
    envs.reset()
    with pytest.warns(UserWarning), pytest.raises(KeyError, match='in a bad mood') as caught:
        envs.step(np.array([RAISE, CALM]))
    assert 'Environment 0' in caught.value.__notes__[0]


@pytest.mark.parametrize('action', [RAISE, CRASH])
@pytest.mark.parametrize('mode', list(AutoresetMode))
def test_a_restart_is_a_truncation(make, action, mode):
    envs = make([Moody] * 2, restart='on-failure', autoreset_mode=mode)
    _, before = envs.reset()
    envs.step(np.array([CALM, CALM]))
    observations, rewards, terminations, truncations, infos = envs.step(np.array([CALM, action]))
    assert observations[0, 1] == 2 and observations[1, 1] == 0
    assert rewards.tolist() == [1, 0] and not terminations.any()
    assert truncations.tolist() == [False, True]
    assert infos['restarted'].tolist() == [False, True]
    assert infos['pid'][1] != before['pid'][1]
    if mode == AutoresetMode.SAME_STEP:
        assert infos['final_obs'][1][1] == 1  # the last known observation
    if mode == AutoresetMode.DISABLED:
        envs.reset(options={'reset_mask': truncations})
    observations, *_, truncations, _ = envs.step(np.array([CALM, CALM]))
    # The next step begins the episode, or is its first one, depending on the mode.
    assert observations[:, 1].tolist() == [3, 0 if mode == AutoresetMode.NEXT_STEP else 1]
    assert not truncations.any()


def test_the_last_observation_of_a_space_of_spaces(make):
    envs = make([Nested] * 2, restart='on-failure', autoreset_mode=AutoresetMode.SAME_STEP)
    _, before = envs.reset()
    envs.step(np.array([CALM, CALM]))
    observations, *_, infos = envs.step(np.array([CALM, CRASH]))
    last = infos['final_obs'][1]
    assert observations['count'].tolist() == [2, 0] and observations['text'] == ('abc', 'a')
    assert last['count'] == 1 and last['text'] == 'ab'
    assert [array.tolist() for array in last['pair']] == [[before['pid'][1], 1]] * 2


@pytest.mark.parametrize('action', [HANG, STUBBORN])
def test_what_hangs_is_restarted(make, action):
    envs = make([Moody] * 2, restart='on-failure', step_timeout=0.5)
    envs.reset()
    *_, truncations, infos = envs.step(np.array([CALM, action]))
    assert truncations.tolist() == infos['restarted'].tolist() == [False, True]


def test_a_death_between_steps(make):
    envs = make([Moody] * 2, restart='on-failure')
    _, infos = envs.reset()
    os.kill(infos['pid'][0], signal.SIGKILL)
    *_, truncations, _ = envs.step(np.array([CALM, CALM]))
    if not truncations.any():  # the call returned before the signal
        *_, truncations, _ = envs.step(np.array([CALM, CALM]))
    assert truncations.tolist() == [True, False]
    os.kill(infos['pid'][1], signal.SIGKILL)
    assert envs.call('length') == (1000, 1000)


def test_restarts_have_an_end(make):
    envs = make([Moody] * 2, restart='on-failure', max_restarts=1)
    envs.reset()
    envs.step(np.array([CRASH, CALM]))
    with pytest.warns(UserWarning), pytest.raises(WorkerError):
        for _ in range(3):
            envs.step(np.array([CRASH, CALM]))


def test_the_first_that_are_done(make):
    envs = make([Moody] * 4, batch_size=2)
    envs.async_reset(seed=1)
    seen = set()
    for _ in range(2):
        observations, rewards, terminations, truncations, infos = envs.recv()
        assert observations.shape == (2, 2) and rewards.tolist() == [0, 0]
        assert (infos['pid'] == observations[:, 0]).all()
        seen.update(infos['env_id'])
    assert seen == set(range(4))
    envs.send([SLEEP, CALM, CALM, SLEEP], range(4))
    *_, infos = envs.recv()
    assert infos['env_id'].tolist() == [1, 2]
    with pytest.raises(StepTimeout):
        envs.recv(timeout=0.01)
    with pytest.raises(ValueError, match='Environment 0 waits for no action'):
        envs.send([CALM], [0])
    envs.send([CALM, CALM], infos['env_id'])
    *_, infos = envs.recv()
    assert infos['env_id'].tolist() == [1, 2]
    *_, infos = envs.recv()
    assert infos['env_id'].tolist() == [0, 3]


class Gated(Moody):
    """Waits in its first step until somebody writes to a named pipe."""

    def __init__(self, gate):
        super().__init__()
        self.gate = gate

    def step(self, action):
        if self.n == 0:
            open(self.gate).close()
        return super().step(action)


def test_a_time_out_and_what_comes_after_it(make, tmp_path):
    gate = tmp_path / 'gate'
    os.mkfifo(gate)
    envs = make([lambda: Gated(gate), Moody])
    envs.reset()
    envs.step_async(np.array([CALM, CALM]))
    with pytest.raises(multiprocessing.TimeoutError):
        envs.step_wait(timeout=0.05)
    open(gate, 'w').close()
    observations, *_ = envs.step(np.array([CALM, CALM]))
    assert observations[:, 1].tolist() == [2, 2]


def test_make_vec():
    gmproc.gymnasium.register('CartPole-v1')
    envs = gymnasium.make_vec('CartPole-v1', num_envs=2, vectorization_mode='vector_entry_point',
                              restart='on-failure', sutton_barto_reward=True)
    assert isinstance(envs, VectorEnv) and envs.spec.id == 'CartPole-v1'
    envs.reset(seed=1)
    assert envs.step(envs.action_space.sample())[1].tolist() == [0, 0]
    envs.close()


@pytest.mark.parametrize('name, value, words', [
    ('step_timeout', 'x', "step_timeout: it should be a number, not 'x'"),
    ('step_timeout', -1, 'step_timeout is -1: it should be at least 0'),
    ('startup_timeout', -1, 'startup_timeout is -1: it should be at least 0'),
    ('restart', 'now', "restart: it should be 'never'"),
    ('batch_size', 1.5, 'batch_size should be a whole number, not 1.5'),
    ('step_timout', 1, "VectorEnv() has no option 'step_timout': did you mean 'step_timeout'?"),
    ('on_failed', print, "VectorEnv() has no option 'on_failed'"),
    ('server', None, "VectorEnv() has no option 'server'"),
    ('launcher', 'slurm', "launcher is 'slurm': environments share memory with this process"),
])
def test_an_option_that_cannot_be(name, value, words):
    with pytest.raises((TypeError, ValueError)) as caught:
        VectorEnv([Moody] * 2, **{name: value})
    assert words in str(caught.value)


def test_nonsense():
    with pytest.raises(ValueError, match='batch_size'):
        VectorEnv([Moody] * 2, batch_size=3)
    with pytest.raises(ValueError, match='env_fns is empty'):
        VectorEnv([])
    with pytest.raises(ValueError):
        VectorEnv([Moody] * 2, autoreset_mode='never')
    with pytest.raises(RuntimeError, match='environment 1'):
        VectorEnv([Moody, lambda: gymnasium.wrappers.TransformAction(
            Moody(), lambda action: action, Discrete(3))])
    with pytest.raises(TypeError):
        VectorEnv([Moody] * 2, no_such_option=1)


@pytest.mark.parametrize('program, output', PROGRAM.findall(CHAPTER.read_text()))
def test_the_programs_of_the_chapter(script, program, output):
    assert script.output(program) == output


PROGRAM_FOR_CTRL_C = '''
import os, signal, sys, threading
sys.path.insert(0, {folder!r})
from test_gymnasium_vector import Moody, SLEEP
from gmproc.gymnasium import VectorEnv

if __name__ == '__main__':
    envs = VectorEnv([Moody] * 2)
    envs.reset()
    threading.Timer(0.45, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    try:
        while True:
            envs.step([SLEEP, SLEEP])
    except KeyboardInterrupt:
        print('stopped')
    envs.close()
'''


def test_ctrl_c_in_a_step(script):
    program = PROGRAM_FOR_CTRL_C.format(folder=str(pathlib.Path(__file__).parent))
    assert script.output(program) == 'stopped\n'


@pytest.mark.parametrize('owner', ['builtins', 'gymnasium'])
def test_one_that_lives_at_the_end_of_the_program(script, owner):
    """It is dropped when modules have lost their names."""
    assert script.output(f'''
import builtins
import gymnasium
from gmproc.gymnasium import VectorEnv

if __name__ == '__main__':
    {owner}.envs = VectorEnv([lambda: gymnasium.make('CartPole-v1')] * 2)
    {owner}.envs.reset()
''') == ''


def test_what_an_environment_loads_is_loaded_once(script):
    """A fork server loads it for later environments. It may be ready after some of them."""
    script.write('import os\nPID = os.getpid()\n', 'site-packages/heavy.py')
    text = '''
import os, sys
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'site-packages'))
import gymnasium
from gmproc.gymnasium import VectorEnv

def make():
    import heavy
    env = gymnasium.make('CartPole-v1')
    env.unwrapped.has_loaded = heavy.PID == os.getpid()
    return env

def has_loaded():
    envs = VectorEnv([make])
    result, = envs.call('has_loaded')
    envs.close()
    return result

if __name__ == '__main__':
    print(has_loaded(), not all(has_loaded() for _ in range(50)))
'''
    assert script.output(text) == 'True True\n'
