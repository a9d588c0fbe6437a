# vector_suite.py: other projects' tests of vector environments, with ours in place of theirs
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: vector_suite.py gymnasium|sb3 SOURCE [PYTEST_ARGUMENT]...

SOURCE is a checkout of Gymnasium or of stable-baselines3, of the version that is installed. Its
tests of vector envs run with its own class, and again with ours; what fails only then is listed.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys
from typing import Any

TESTS = {'gymnasium': ['tests/vector', 'tests/wrappers/vector'],
         'sb3': ['tests/test_vec_envs.py']}
# Tests that cannot pass with our class, and the reason.
EXCEPTIONS = {
    'tests/test_vec_envs.py::test_subproc_start_method':
        'it tests the start methods of multiprocessing, and workers of gmproc start in one way',
}
FAILED = re.compile(r'^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$', re.M)


def replace_in_gymnasium() -> None:
    import gymnasium.vector

    from gmproc.gymnasium import VectorEnv

    gymnasium.vector.AsyncVectorEnv = VectorEnv  # type: ignore[misc, assignment]
    gymnasium.vector.async_vector_env.AsyncVectorEnv = VectorEnv  # type: ignore[misc, assignment]


def replace_in_sb3() -> None:
    from stable_baselines3.common import vec_env

    from gmproc.sb3 import VecEnv

    class SubprocVecEnv(VecEnv):
        def __init__(self, env_fns: list[Any], start_method: str | None = None) -> None:
            super().__init__(env_fns)
    vec_env.SubprocVecEnv = SubprocVecEnv  # type: ignore[misc, assignment]


def pytest_configure() -> None:
    """This module is also the plugin."""
    {'gymnasium': replace_in_gymnasium, 'sb3': replace_in_sb3}[os.environ['VECTOR_SUITE']]()


def run(suite: str, source: str, arguments: list[str]) -> tuple[str, set[str]]:
    folder = str(pathlib.Path(__file__).parent)
    path = os.pathsep.join([folder, os.environ.get('PYTHONPATH', '')])
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
                           *arguments, *TESTS[suite]], cwd=source, text=True,
                          stdout=subprocess.PIPE,
                          env={**os.environ, 'PYTHONPATH': path, 'VECTOR_SUITE': suite})
    return done.stdout.strip().rsplit('\n', 1)[-1], set(FAILED.findall(done.stdout))


def main(suite: str, source: str, *arguments: str) -> int:
    theirs, their_failures = run(suite, source, [*arguments])
    print(f'with its own class: {theirs}', flush=True)
    ours, failures = run(suite, source, ['-p', 'vector_suite', *arguments])
    print(f'with gmproc:        {ours}')
    unexpected = failures - their_failures - EXCEPTIONS.keys()
    for name in sorted(failures - their_failures):
        reason = EXCEPTIONS.get(name)
        print(f'only with gmproc: {name}' + (f' ({reason})' if reason else ''))
    return 1 if unexpected else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 2 else __doc__)
