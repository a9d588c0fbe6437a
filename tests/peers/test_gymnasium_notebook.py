# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Environments that a notebook defines, and Ctrl-C as a terminal sends it."""

import pathlib

import nbclient
import nbformat

CELLS = ['''
import os, time
import gymnasium, numpy as np
from gmproc.gymnasium import VectorEnv

class Mine(gymnasium.Env):
    observation_space = gymnasium.spaces.Box(0, 9, (2,), np.float32)
    action_space = gymnasium.spaces.Discrete(3)

    def reset(self, *, seed=None, options=None):
        return np.zeros(2, np.float32), {}

    def step(self, action):
        if action == 1:
            os._exit(3)
        if action == 2:
            time.sleep(1000)
        return np.ones(2, np.float32), 1.0, False, False, {}

n = 3
''', '''
envs = VectorEnv([lambda: Mine() for _ in range(n)], restart='on-failure', step_timeout=1)
print(envs.reset()[0].shape)
print(envs.step(np.array([0, 1, 0]))[3])
print(envs.step(np.array([0, 0, 2]))[3])
envs.close()
''', '''
import _thread, threading
envs = VectorEnv([Mine] * 2)
envs.reset()
threading.Timer(0.5, _thread.interrupt_main).start()
try:
    envs.step(np.array([0, 2]))
except KeyboardInterrupt:
    print('interrupted')
envs.close(terminate=True)
''']


def print_notebook():
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [nbformat.v4.new_code_cell(text) for text in CELLS]
    nbclient.NotebookClient(notebook, timeout=120, kernel_name='python3').execute()
    for cell in notebook.cells:
        for output in cell.outputs:
            if output.get('name') == 'stdout':
                print(output['text'], end='')


NOTEBOOK = '''
import sys
sys.path.insert(0, {folder!r})
from test_gymnasium_notebook import print_notebook

print_notebook()
'''


def test_a_notebook(script):
    # The client of the notebook keeps sockets open until its process ends.
    done = script.run(NOTEBOOK.format(folder=str(pathlib.Path(__file__).parent)))
    assert done.stdout == ('(3, 2)\n[False  True False]\n[False False  True]\n'
                           'interrupted\n'), done.stderr


PROGRAM = '''
import os, signal, sys, threading
sys.path.insert(0, {folder!r})
from test_gymnasium_failures import Failing, VectorEnv, np

if __name__ == '__main__':
    os.setpgid(0, 0)
    envs = VectorEnv([Failing, lambda: Failing('step', 'hang')])
    envs.reset()
    threading.Timer(0.5, lambda: os.killpg(0, signal.SIGINT)).start()
    try:
        envs.step(np.zeros(2, int))
    except KeyboardInterrupt:
        print('interrupted')
    envs.close(timeout=0.5)
'''


def test_ctrl_c_for_an_environment_that_ignores_sigterm(script):
    program = PROGRAM.format(folder=str(pathlib.Path(__file__).parent))
    # It reports on standard error that it is about to hang.
    assert script.run(program).stdout == 'interrupted\n'
