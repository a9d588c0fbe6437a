#!/usr/bin/python3
# pi.py: estimates pi in four processes, and shows how the estimate gets better
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A point of the unit square lies within the quarter circle with a probability of pi / 4."""

import random

from gmproc import Workers

N_TURNS = 5
N_POINTS = 20_000  # in each turn


def throw(n_turns):
    """Yields how many of the points so far lie within the circle, and how many points that is."""
    hits = 0
    for turn in range(1, n_turns + 1):
        for _ in range(N_POINTS):
            hits += random.random() ** 2 + random.random() ** 2 < 1
        yield hits, turn * N_POINTS


class Pi(Workers):
    def __init__(self, **options):
        super().__init__(**options)
        self.latest = {}

    def update(self, id, result):
        self.latest[id] = result
        n_points = sum(points for _hits, points in self.latest.values())
        print(f'{n_points:7} points: {self.estimate():.4f}')

    def estimate(self):
        hits, points = map(sum, zip(*self.latest.values()))
        return 4 * hits / points


if __name__ == '__main__':
    workers = Pi(seed=1)
    for id in range(4):
        workers.add(id, throw, N_TURNS)
    workers.run()
    print(f'pi is about {workers.estimate():.3f}')
