#!/usr/bin/python3
# shared_network.py: several clients train one network, each on its share of the data
#
# SPDX-FileCopyrightText: 2026 The gmproc authors
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Asynchronous gradient sharing.

The server holds the weights of a small network. A client asks with the gradients of the loss on a
part of its own data, and gets the new weights; its first request is None, for it has no weights
yet. No client waits for another: a gradient may be of weights that others have changed meanwhile,
as in the asynchronous actor-critic programs (A3C: Mnih et al., 2016) that this way of working comes
from.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gmproc import ClientServer, ClientWorker, ServerWorker

Weights = list[np.ndarray]  # hidden (n_inputs, n_hidden), its bias, output (n_hidden,), its bias

N_CLIENTS = 4


def new_weights(n_inputs: int, n_hidden: int, rng: np.random.Generator) -> Weights:
    return [
        rng.normal(scale=1 / np.sqrt(n_inputs), size=(n_inputs, n_hidden)),
        np.zeros(n_hidden),
        rng.normal(scale=1 / np.sqrt(n_hidden), size=n_hidden),
        np.zeros(()),
    ]


def predict(weights: Weights, inputs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The hidden layer, (n, n_hidden), and the probability of class 1, (n,)."""
    hidden = np.tanh(inputs @ weights[0] + weights[1])
    return hidden, 1 / (1 + np.exp(-(hidden @ weights[2] + weights[3])))


def loss(weights: Weights, inputs: np.ndarray, labels: np.ndarray) -> float:
    """The cross entropy, in nats."""
    probability = predict(weights, inputs)[1].clip(1e-9, 1 - 1e-9)
    return float(-np.mean(labels * np.log(probability) + (1 - labels) * np.log(1 - probability)))


def accuracy(weights: Weights, inputs: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean((predict(weights, inputs)[1] > 0.5) == labels))


def gradients(weights: Weights, inputs: np.ndarray, labels: np.ndarray) -> Weights:
    """Those of the loss, by the chain rule, in the shapes of the weights."""
    hidden, probability = predict(weights, inputs)
    d_output = (probability - labels) / len(labels)
    d_hidden = np.outer(d_output, weights[2]) * (1 - hidden**2)
    return [inputs.T @ d_hidden, d_hidden.sum(axis=0), hidden.T @ d_output, d_output.sum()]


class Server(ServerWorker):
    """Holds the weights, and applies gradients to them: Adam (Kingma and Ba, 2014)."""

    def start(self, params: dict) -> None:
        self.weights: Weights = params["weights"]
        self.rate: float = params["rate"]
        self.mean = [np.zeros_like(w) for w in self.weights]
        self.square = [np.zeros_like(w) for w in self.weights]
        self.n_updates = 0

    def process(self, id: int, msg: Weights | None) -> Weights:
        if msg is not None:
            self.apply(msg)
        return self.weights

    def apply(self, grads: Weights) -> None:
        self.n_updates += 1
        for i, grad in enumerate(grads):
            self.mean[i] = 0.9 * self.mean[i] + 0.1 * grad
            self.square[i] = 0.999 * self.square[i] + 0.001 * grad**2
            mean = self.mean[i] / (1 - 0.9**self.n_updates)
            square = self.square[i] / (1 - 0.999**self.n_updates)
            self.weights[i] = self.weights[i] - self.rate * mean / (np.sqrt(square) + 1e-8)


class Client(ClientWorker):
    """Computes gradients on batches of its share of the data."""

    def __init__(self, name: int) -> None:
        super().__init__()
        self.name = name
        self.weights: Weights | None = None

    def start(self, params: dict) -> None:
        self.inputs = params["inputs"][self.name :: N_CLIENTS]
        self.labels = params["labels"][self.name :: N_CLIENTS]
        self.n_left = params["n_steps"]
        self.rng = np.random.default_rng([params["seed"], self.name])

    def done(self) -> bool:
        return self.n_left == 0

    def process(self) -> Weights | None:
        if self.weights is None:
            return None
        self.n_left -= 1
        batch = self.rng.choice(len(self.labels), size=min(16, len(self.labels)), replace=False)
        return gradients(self.weights, self.inputs[batch], self.labels[batch])

    def update(self, response: Weights) -> None:
        self.weights = response

    def finish(self) -> Weights:
        return self.weights


def train(inputs: np.ndarray, labels: np.ndarray, n_steps: int, seed: int = 1) -> Weights:
    """Trains a new network with N_CLIENTS clients and n_steps gradients each."""
    weights = new_weights(inputs.shape[1], 8, np.random.default_rng(seed))
    application = ClientServer(Server)
    application.add_clients(
        N_CLIENTS,
        Client,
        params={"inputs": inputs, "labels": labels, "n_steps": n_steps, "seed": seed},
    )
    finals = application.run(params={"weights": weights, "rate": 0.02})
    # Each is what the server had at a client's end; the last one to end has all gradients in it.
    return min(finals.values(), key=lambda final: loss(final, inputs, labels))


def read_heart() -> tuple[np.ndarray, np.ndarray]:
    """270 patients: 13 measurements, (270, 13), and whether they were found ill, (270,)."""
    lines = (Path(__file__).parent / "data" / "heart_scale.txt").read_text().splitlines()
    inputs = np.zeros((len(lines), 13))
    labels = np.zeros(len(lines))
    for row, line in enumerate(lines):
        label, *cells = line.split()
        labels[row] = float(label) > 0
        for cell in cells:
            index, value = cell.split(":")
            inputs[row, int(index) - 1] = float(value)
    return inputs, labels


def learn_xor() -> None:
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], dtype=float)
    inputs = np.repeat(corners, 16, axis=0)
    labels = (inputs[:, 0] != inputs[:, 1]).astype(float)
    order = np.random.default_rng(0).permutation(len(labels))
    inputs, labels = inputs[order], labels[order]

    weights = train(inputs, labels, n_steps=200)
    print(f"XOR: loss {loss(weights, inputs, labels):.3f}", end=", ")
    print(f"accuracy {accuracy(weights, corners, corners[:, 0] != corners[:, 1]):.0%}")


def learn_heart() -> None:
    inputs, labels = read_heart()
    order = np.random.default_rng(0).permutation(len(labels))
    training, unseen = order[:200], order[200:]

    weights = train(inputs[training], labels[training], n_steps=100)
    seen_accuracy = accuracy(weights, inputs[training], labels[training])
    unseen_accuracy = accuracy(weights, inputs[unseen], labels[unseen])
    print(f"heart disease: loss {loss(weights, inputs[training], labels[training]):.3f}", end=", ")
    print(f"accuracy {seen_accuracy:.0%}, of {len(unseen)} unseen patients {unseen_accuracy:.0%}")


if __name__ == "__main__":
    learn_xor()
    learn_heart()
