"""Variants of DeepAR's training for `deepar_parity`: other learning rates, scaled series, smaller batches.

Each wraps a learner, so that the trainer itself stays as it is. `plain` is the trainer. `cosine`: the learning rate
falls along half a cosine, to a hundredth. `constant`: it never falls. `double`: it begins twice as high. `warm`: it
rises in the first twentieth of the epochs. `scaled`: the trainer with scale_augmentation=1. `halved`: two batches of
half the size for each, so twice as many steps for the same windows.
"""

import math
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.training.learner import Learner
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.windows import Windows

Floats = NDArray[np.float32]


class Variant:
    """A learner that passes every step on; `progress` is the share of epochs that are done."""

    def __init__(self, learner: Learner, settings: Settings) -> None:
        self.learner, self.settings, self.progress = learner, settings, 0.0

    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        return self.learner.step(windows, learning_rate, seed)

    def state(self) -> dict[str, NDArray[Any]]:
        return self.learner.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.learner.restore(state)

    def network(self) -> Network:
        return self.learner.network()


class Cosine(Variant):
    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        del learning_rate
        share = 0.01 + 0.99 * (1 + math.cos(math.pi * self.progress)) / 2
        return self.learner.step(windows, self.settings.given.learning_rate * share, seed)


class Constant(Variant):
    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        del learning_rate
        return self.learner.step(windows, self.settings.given.learning_rate, seed)


class Double(Variant):
    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        return self.learner.step(windows, 2 * learning_rate, seed)


class Warm(Variant):
    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        return self.learner.step(windows, learning_rate * min(1.0, 0.05 + 20 * self.progress), seed)


class Halved(Variant):
    def step(self, windows: Windows, learning_rate: float, seed: int) -> Floats:
        middle = len(windows) // 2
        parts = [part(windows, 0, middle), part(windows, middle, len(windows))]
        return np.concatenate([self.learner.step(each, learning_rate, seed) for each in parts if len(each)])


def part(windows: Windows, start: int, stop: int) -> Windows:
    return Windows(*(np.ascontiguousarray(getattr(windows, field.name)[start:stop]) for field in fields(Windows)))


VARIANTS: dict[str, type[Variant]] = {
    "plain": Variant,
    "cosine": Cosine,
    "constant": Constant,
    "double": Double,
    "warm": Warm,
    "scaled": Variant,
    "halved": Halved,
}
