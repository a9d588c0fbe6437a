# gymnasium_suite.py: Gymnasium's own tests, with our vector environment in place of theirs
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""Usage: gymnasium_suite.py SOURCE [PYTEST_ARGUMENT]...

SOURCE is a checkout of Gymnasium, of the version that is installed. Its tests of vector envs run
with AsyncVectorEnv, and again with gmproc.gymnasium.VectorEnv; what fails only then is listed.
"""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

TESTS = ['tests/vector', 'tests/wrappers/vector']
FAILED = re.compile(r'^(?:FAILED|ERROR) (\S.*?)(?: - .*)?$', re.M)


def pytest_configure() -> None:
    """This module is also the plugin."""
    import gymnasium.vector

    from gmproc.gymnasium import VectorEnv

    gymnasium.vector.AsyncVectorEnv = VectorEnv  # type: ignore[misc, assignment]
    gymnasium.vector.async_vector_env.AsyncVectorEnv = VectorEnv  # type: ignore[misc, assignment]


def run(source: str, arguments: list[str]) -> tuple[str, set[str]]:
    folder = str(pathlib.Path(__file__).parent)
    path = os.pathsep.join([folder, os.environ.get('PYTHONPATH', '')])
    done = subprocess.run([sys.executable, '-m', 'pytest', '-q', '-p', 'no:cacheprovider',
                           *arguments, *TESTS], cwd=source, text=True, stdout=subprocess.PIPE,
                          env={**os.environ, 'PYTHONPATH': path})
    return done.stdout.strip().rsplit('\n', 1)[-1], set(FAILED.findall(done.stdout))


def main(source: str, *arguments: str) -> int:
    theirs, their_failures = run(source, [*arguments])
    print(f'AsyncVectorEnv: {theirs}', flush=True)
    ours, failures = run(source, ['-p', 'gymnasium_suite', *arguments])
    print(f'gmproc:         {ours}')
    for name in sorted(failures - their_failures):
        print(f'only with gmproc: {name}')
    return 1 if failures - their_failures else 0


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]) if len(sys.argv) > 1 else __doc__)
