# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

"""The examples in Python work on real data."""

from __future__ import annotations

import os
import pathlib
import re
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).parents[2] / 'examples' / 'python'


def run(name, *arguments, cwd=None):
    return subprocess.run([sys.executable, str(EXAMPLES / name), *arguments], cwd=cwd,
                          capture_output=True, text=True)


def test_shared_network_learns():
    result = run('shared_network.py')
    assert (result.stderr, result.returncode) == ('', 0)
    xor, heart = result.stdout.splitlines()
    loss, accuracy = re.fullmatch(r'XOR: loss ([\d.]+), accuracy (\d+)%', xor).groups()
    assert float(loss) < 0.1
    assert accuracy == '100'
    loss, seen, unseen = re.fullmatch(
        r'heart disease: loss ([\d.]+), accuracy (\d+)%, of 70 unseen patients (\d+)%',
        heart).groups()
    # Guessing gives 0.69 nats and 56 %.
    assert float(loss) < 0.4
    assert int(seen) >= 82
    assert int(unseen) >= 65


def test_gradients_are_those_of_the_loss():
    sys.path.insert(0, str(EXAMPLES))
    try:
        import numpy as np
        import shared_network
    finally:
        sys.path.pop(0)
    rng = np.random.default_rng(5)
    weights = shared_network.new_weights(3, 4, rng)
    inputs = rng.normal(size=(10, 3))
    labels = (rng.random(10) > 0.5).astype(float)
    found = shared_network.gradients(weights, inputs, labels)
    for i, weight in enumerate(weights):
        for place in np.ndindex(weight.shape):
            step = np.zeros(weight.shape)
            step[place] = 1e-6
            beyond, before = ([*weights[:i], weight + sign * step, *weights[i + 1:]]
                              for sign in (1, -1))
            slope = (shared_network.loss(beyond, inputs, labels)
                     - shared_network.loss(before, inputs, labels)) / 2e-6
            assert abs(slope - np.asarray(found[i])[place]) < 1e-6


def test_executor():
    result = run('executor.py')
    assert (result.stderr, result.returncode) == ('', 0)
    assert result.stdout == '3245\nTrue\nTrue\nTrue\n25\n'


def test_thumbnails(tmp_path):
    # Each pixel contains its position.
    pixels = b''.join(bytes([x, y, 0]) for y in range(100) for x in range(200))
    (tmp_path / 'wide.ppm').write_bytes(b'P6\n# a comment\n200 100 255\n' + pixels)
    (tmp_path / 'short.ppm').write_bytes(b'P6 200 100 255\n' + pixels[:-1])
    (tmp_path / 'small').mkdir()
    result = run('thumbnails.py', 'small', 'wide.ppm', 'short.ppm', 'missing.ppm', cwd=tmp_path)
    assert result.stdout == 'wide.ppm: 50 x 25\n'
    assert 'short.ppm: the file ends too soon' in result.stderr
    assert 'missing.ppm: [Errno 2]' in result.stderr
    assert result.returncode == 1
    small = (tmp_path / 'small' / 'wide.ppm').read_bytes()
    assert small == b'P6 50 25 255\n' + b''.join(bytes([x, y, 0]) for y in range(0, 100, 4)
                                                for x in range(0, 200, 4))


def write_files(folder):
    (folder / 'sub').mkdir()
    (folder / 'empty').write_bytes(b'')
    (folder / 'plain').write_bytes(b'one two\nthree\tfour\r\n  five')
    (folder / 'unicode').write_text('eins zwei\u3000drei vier\nf\u00fcnf \u4e2d\u6587\n', 'utf-8')
    (folder / 'sub' / 'long').write_text('word ' * 300000, 'utf-8')
    (folder / 'sub' / 'with space').write_text('a b c\n', 'utf-8')


def test_word_count_equals_wc(tmp_path):
    write_files(tmp_path)
    result = run('word_count.py', '.', cwd=tmp_path)
    files = sorted(line.split(' ', 1)[1] for line in result.stdout.splitlines()[:-1])
    wc = subprocess.run(['wc', '-w', *files], cwd=tmp_path, capture_output=True, text=True,
                        env={**os.environ, 'LC_ALL': 'C.UTF-8'}, check=True)
    expected = [line.split(maxsplit=1) for line in wc.stdout.splitlines()]
    counted = [line.split(maxsplit=1) for line in result.stdout.splitlines()]
    assert (result.stderr, result.returncode) == ('', 0)
    assert len(files) == 5
    assert sorted(counted) == sorted(expected)


def test_word_count_of_what_is_not_there(tmp_path):
    (tmp_path / 'here').write_text('one two\n', 'utf-8')
    result = run('word_count.py', 'here', 'missing', cwd=tmp_path)
    assert result.stdout.splitlines()[0] == '2 here'
    assert result.stderr == 'word_count.py: missing: No such file or directory\n'
    assert result.returncode == 1


def test_pi_gets_better():
    result = run('pi.py')
    assert (result.stderr, result.returncode) == ('', 0)
    *turns, end = result.stdout.splitlines()
    n_points = [int(re.fullmatch(r' *(\d+) points: [\d.]+', turn)[1]) for turn in turns]
    assert n_points == [20_000 * (i + 1) for i in range(20)]
    # The error of this many points is 0.003, in one case of twenty 0.005.
    assert abs(float(end.removeprefix('pi is about ')) - 3.1416) < 0.01
