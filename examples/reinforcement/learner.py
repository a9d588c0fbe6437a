# learner.py: two environments and a learner, with numpy alone
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later

from __future__ import annotations

import math
from typing import Any

import numpy as np


class CartPole:
    """A pole to balance on a cart: pushed left (0) or right (1), 1 for each step, 200 at most."""

    n_inputs, n_actions, rate, entropy = 4, 2, 0.3, 0.0
    scale = np.array([1 / 2.4, 1 / 3, 1 / 0.2, 1 / 3], np.float32)

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def reset(self) -> np.ndarray:
        self.state = self.random.uniform(-0.05, 0.05, 4)
        self.n_steps = 0
        return self.state.astype(np.float32) * self.scale

    def step(self, action: int) -> tuple[np.ndarray, float, bool]:
        x, speed, angle, turn = self.state
        force = 10.0 if action == 1 else -10.0
        cosine, sine = math.cos(angle), math.sin(angle)
        pull = (force + 0.05 * turn * turn * sine) / 1.1
        bend = (9.8 * sine - cosine * pull) / (0.5 * (4 / 3 - 0.1 * cosine * cosine / 1.1))
        push = pull - 0.05 * bend * cosine / 1.1
        self.state = np.array([x + 0.02 * speed, speed + 0.02 * push, angle + 0.02 * turn,
                               turn + 0.02 * bend])
        self.n_steps += 1
        is_over = abs(self.state[0]) > 2.4 or abs(self.state[2]) > 0.2095 or self.n_steps == 200
        return self.state.astype(np.float32) * self.scale, 1.0, is_over


class Catch:
    """A ball that falls through 9 x 5 pixels, and a paddle in the last row: left, stay, right. The
    last step gives 1 for a ball that was caught, and -1 for one that was not."""

    n_inputs, n_actions, rate, entropy = 45, 3, 1.0, 0.2

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)

    def reset(self) -> np.ndarray:
        self.column, self.row, self.paddle = int(self.random.integers(5)), 0, 2
        return self._draw()

    def step(self, action: int) -> tuple[np.ndarray, float, bool]:
        self.paddle = min(4, max(0, self.paddle + int(action) - 1))
        self.row += 1
        is_over = self.row == 8
        reward = 0.0 if not is_over else 1.0 if self.paddle == self.column else -1.0
        return self._draw(), reward, is_over

    def _draw(self) -> np.ndarray:
        pixels = np.zeros((9, 5), np.uint8)
        pixels[self.row, self.column] = pixels[8, self.paddle] = 1
        return pixels


ENVIRONMENTS = {'cartpole': CartPole, 'catch': Catch}


class Learner:
    """A policy of one layer, which learns from whole episodes (REINFORCE) of many environments. A
    reward for the entropy of its chances (Williams and Peng, 1991) keeps it from settling early:
    without it, two of eight that learned to catch stayed below a mean return of 0.3.

    Attributes:
        returns: of all episodes, in the order in which they ended.
    """

    batch = 8  # episodes for each step of learning

    def __init__(self, name: str) -> None:
        kind = ENVIRONMENTS[name]
        self.n_actions = kind.n_actions
        self.rate = kind.rate
        self.entropy = kind.entropy
        self.weights = np.zeros((kind.n_inputs + 1, kind.n_actions))
        self.random = np.random.default_rng(1)
        self.under_way: dict[Any, tuple[list[Any], list[int], list[float]]] = {}
        self.episodes: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self.returns: list[float] = []

    def act(self, ids: list[Any], messages: list[Any]) -> list[int]:
        """The actions for what some environments have observed: one call for all of them.

        Args:
            ids: whose messages these are.
            messages: an observation, the reward of the last action, and whether that has ended the
                last episode.
        """
        inputs = np.stack([self._flatten(observation) for observation, _, _ in messages])
        chances = self._get_chances(inputs)
        picks = self.random.random((len(ids), 1))
        actions = (chances.cumsum(axis=1) < picks).sum(axis=1).clip(max=self.n_actions - 1)
        for id, message, row, action in zip(ids, messages, inputs, actions):
            self._note(id, message[1], message[2], row, int(action))
        if len(self.episodes) >= self.batch:
            self._learn()
        return [int(action) for action in actions]

    def forget(self, id: Any) -> None:
        """The environment has failed: its episode is of no use."""
        self.under_way.pop(id, None)

    def _flatten(self, observation: np.ndarray) -> np.ndarray:
        return np.append(observation.ravel(), 1.0)

    def _get_chances(self, inputs: np.ndarray) -> np.ndarray:
        logits = inputs @ self.weights
        powers = np.exp(logits - logits.max(axis=1, keepdims=True))
        return powers / powers.sum(axis=1, keepdims=True)

    def _note(self, id: Any, reward: float, is_over: bool, row: np.ndarray, action: int) -> None:
        inputs, actions, rewards = self.under_way.setdefault(id, ([], [], []))
        if inputs:
            rewards.append(reward)
        if is_over and inputs:
            self._end_episode(inputs, actions, rewards)
            inputs, actions, rewards = self.under_way[id] = [], [], []
        inputs.append(row)
        actions.append(action)

    def _end_episode(self, inputs: list[Any], actions: list[int], rewards: list[float]) -> None:
        self.returns.append(sum(rewards))
        to_come = np.array(rewards)
        for i in reversed(range(len(rewards) - 1)):
            to_come[i] += 0.98 * to_come[i + 1]
        self.episodes.append((np.array(inputs), np.array(actions), to_come))

    def _learn(self) -> None:
        inputs, actions, gains = (np.concatenate(parts) for parts in zip(*self.episodes))
        self.episodes.clear()
        gains = (gains - gains.mean()) / (gains.std() + 1e-6)
        chances = self._get_chances(inputs)
        errors = -chances
        errors[np.arange(len(actions)), actions] += 1
        logs = np.log(chances + 1e-9)
        spread = chances * ((chances * logs).sum(axis=1, keepdims=True) - logs)
        gradient = inputs.T @ (errors * gains[:, None] + self.entropy * spread) / len(actions)
        # By size it would crawl at first and leap later.
        self.weights += self.rate * gradient / (np.linalg.norm(gradient) + 1e-3)
