"""Zoneout, exactly: each state of each cell keeps its old value with the probability `dropout_rate`, by itself.

The networks here are so small that every way in which their states can be zoned out is computed; the loss of a window
tells which way it went, and the gradient must be the one of that way. Those of SageMaker's kind also start within their
window, where states are reset, and have a value that is missing, which is the network's own mean.
"""

import itertools
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.windows import Windows, WindowSource
from tests.algorithms.deepar.training.native.test_learner import gradients_of, set_to
from tests.algorithms.deepar.waves import learner_of, needs_mxnet, settings

Arrays = dict[str, NDArray[Any]]
PRECISION = 5e-6  # of a loss in single precision; different ways lie further apart


@dataclass(frozen=True, slots=True)
class Small:
    """Layers, cells and steps of which every way of zoning out can be computed."""

    layers: int
    cells: int
    steps: int
    weights: int  # a seed, of such as tell all ways apart
    padded: int = 0  # steps before the series' start; the first value after it is missing then

    @property
    def first(self) -> int:
        """The first step whose states the next one takes."""
        return max(self.padded - 1, 0)

    @property
    def bits(self) -> int:
        """What is zoned out or not: two states, after each of these steps but the last."""
        return 2 * self.layers * self.cells * (self.steps - 1 - self.first)

    def __str__(self) -> str:
        before = f"_{self.padded}_padded" if self.padded else ""
        return f"{self.layers}_layers_{self.cells}_cells_{self.steps}_steps{before}"


SMALL = [Small(1, 1, 3, 3), Small(1, 2, 2, 15), Small(2, 1, 2, 13), Small(2, 1, 3, 76)]
SAGEMAKERS = [Small(1, 1, 5, 667, padded=2), Small(2, 1, 4, 1493, padded=2), Small(1, 2, 4, 959, padded=2)]
CELLS = 10  # where it matters which ones are zoned out together
PROBLEMS = [
    *(pytest.param(small, "mxnet", marks=needs_mxnet, id=f"{small}-mxnet") for small in SMALL),
    *(pytest.param(small, "native", id=f"{small}-native") for small in SMALL + SAGEMAKERS),
]


@pytest.mark.parametrize("rate", [0.1, 0.5])
@pytest.mark.parametrize(("small", "engine"), PROBLEMS)
def test_every_way_of_zoning_out_is_as_likely_as_it_should_be(small: Small, rate: float, engine: str) -> None:
    given, weights, window = problem(small, rate, windows=4096)
    learner = learner_of(engine, given)
    set_to(learner, engine, weights)
    losses = np.concatenate([learner.step(repeated(window, 4096), 0.0, seed) for seed in range(5)])
    found = np.bincount(ways_of(losses, small), minlength=1 << small.bits)
    zoned = np.array([bin(way).count("1") for way in range(1 << small.bits)])
    expected = len(losses) * rate**zoned * (1 - rate) ** (small.bits - zoned)
    often = expected >= 5  # what is expected more rarely is counted together
    pairs = [(found[often], expected[often])]
    if not often.all():
        pairs.append((found[~often].sum(keepdims=True), expected[~often].sum(keepdims=True)))
    counted, wanted = (np.concatenate(parts) for parts in zip(*pairs))
    assert stats.chisquare(counted, wanted).pvalue > 1e-4


@pytest.mark.parametrize(("small", "engine"), PROBLEMS)
def test_the_gradient_goes_through_what_was_zoned_out(small: Small, engine: str) -> None:
    given, weights, window = problem(small, 0.5, windows=6)
    gradients = gradients_of_ways(small)
    seen = set()
    for seed in range(8):
        learner = learner_of(engine, given)
        set_to(learner, engine, weights)
        ways = ways_of(learner.step(repeated(window, 6), 0.001, seed), small)
        for name, found in gradients_of(learner, engine).items():
            expected = gradients[name][ways].mean(axis=0)
            assert np.abs(found - expected).max() < 1e-5 * max(np.abs(gradients[name]).max(), 0.1), name
        seen |= set(ways.tolist())
    assert len(seen) > min(10, 1 << small.bits - 1)


def test_no_two_cells_hang_together() -> None:
    small = SMALL[1]
    given, weights, window = problem(small, 0.5, windows=4096)
    learner = learner_of("native", settings(**given.record() | {"num_cells": CELLS}))
    for pair in itertools.combinations(range(CELLS), 2):
        set_to(learner, "native", among_others(weights, pair))
        found = np.bincount(ways_of(learner.step(repeated(window, 4096), 0.0, 1), small), minlength=16)
        assert stats.chisquare(found).pvalue > 1e-5, pair


def among_others(weights: Arrays, places: tuple[int, int]) -> Arrays:
    """The weights of a layer with these cells in these places among `CELLS`, of which the others are always 0."""
    gates = np.ravel([[gate * CELLS + place for place in places] for gate in range(4)])
    larger = {name: np.zeros((4 * CELLS, *array.shape[1:]), np.float32) for name, array in weights.items()}
    larger |= {"embedding0": weights["embedding0"], "projection_bias": weights["projection_bias"]}
    larger["layer0_hidden_weight"] = np.zeros((4 * CELLS, CELLS), np.float32)
    larger["projection_weight"] = np.zeros((2, CELLS), np.float32)
    for name in ("layer0_input_weight", "layer0_input_bias", "layer0_hidden_bias"):
        larger[name][gates] = weights[name]
    larger["layer0_hidden_weight"][np.ix_(gates, np.array(places))] = weights["layer0_hidden_weight"]
    larger["projection_weight"][:, places] = weights["projection_weight"]
    return larger


def ways_of(losses: NDArray[np.float32], small: Small) -> NDArray[np.int64]:
    """Which way each of these losses tells of."""
    distances = np.abs(losses[:, None] - losses_of_ways(small))
    ways: NDArray[np.int64] = distances.argmin(axis=1)
    assert distances.min(axis=1).max() < PRECISION, "a loss of no way that there is"
    return ways


@cache
def losses_of_ways(small: Small) -> NDArray[np.float64]:
    given, weights, window = problem(small, 0.5, windows=1)
    losses = computed(given, {name: weight.astype(complex) for name, weight in weights.items()}, window, small).real
    assert np.diff(np.sort(losses)).min() > 2 * PRECISION, "take other weights: two ways cannot be distinguished"
    return losses


@cache
def gradients_of_ways(small: Small) -> Arrays:
    """(ways, *shape) for each weight, by a step into the complex plane: exact, as nothing is subtracted."""
    given, weights, window = problem(small, 0.5, windows=1)
    gradients = {name: np.empty((1 << small.bits, *weight.shape)) for name, weight in weights.items()}
    for name, weight in weights.items():
        for place in np.ndindex(weight.shape):
            moved = {other: array.astype(complex) for other, array in weights.items()}
            moved[name][place] += 1e-30j
            gradients[name][(slice(None), *place)] = computed(given, moved, window, small).imag / 1e-30
    return gradients


def computed(given: Settings, weights: Arrays, window: Windows, small: Small) -> NDArray[Any]:
    """The loss of the window in every way of zoning out, (ways,), under the gaussian likelihood."""
    ways = np.arange(1 << small.bits)
    zoned = (ways[:, None] >> np.arange(small.bits) & 1).astype(bool)
    zoned = zoned.reshape(len(ways), small.steps - 1 - small.first, small.layers, 2, small.cells)
    state = np.zeros((small.layers, 2, len(ways), small.cells), complex)
    known, values, scale = seen_by_the_network(given, weights, window)
    values = np.repeat(values.astype(complex)[None] / scale, len(ways), axis=0)
    history, lags = window.past.shape[1] - given.given.context_length, np.array(given.given.time_freq.lags)
    loss = np.zeros(len(ways), complex)
    for step in range(small.steps):
        if step < small.padded:
            state[:] = 0
        outputs = np.concatenate([values[:, history + step - lags], np.tile(known[step], (len(ways), 1))], axis=1)
        for layer in range(small.layers):
            hidden, memory = state[layer]
            gates = (
                outputs @ weights[f"layer{layer}_input_weight"].T + hidden @ weights[f"layer{layer}_hidden_weight"].T
            )
            gates = gates + weights[f"layer{layer}_input_bias"] + weights[f"layer{layer}_hidden_bias"]
            enter, forget, candidate, leave = np.split(gates, 4, axis=1)
            new_memory = sigmoid(forget) * memory + sigmoid(enter) * np.tanh(candidate)
            new_hidden = sigmoid(leave) * np.tanh(new_memory)
            outputs = new_hidden + outputs if layer else new_hidden
            if small.first <= step < small.steps - 1:
                bits = zoned[:, step - small.first, layer]
                state[layer, 0] = np.where(bits[:, 0], hidden, new_hidden)
                state[layer, 1] = np.where(bits[:, 1], memory, new_memory)
        mu, raw = (outputs @ weights["projection_weight"].T + weights["projection_bias"]).T
        if small.padded and step <= small.padded:
            if step == small.padded:
                values[:, history + step] = mu
            continue
        sigma = np.log1p(np.exp(raw))
        loss += np.log(sigma) + 0.5 * np.log(2 * np.pi) + 0.5 * ((values[:, history + step] - mu) / sigma) ** 2
        loss += np.log(scale)
    return loss / (small.steps - (small.padded + 1 if small.padded else 0))


def seen_by_the_network(
    given: Settings, weights: Arrays, window: Windows
) -> tuple[NDArray[Any], NDArray[np.float64], float]:
    """All inputs but the lags, (steps, inputs), the whole history and future, and the scale of a window."""
    context = given.given.context_length
    sequence = np.concatenate([window.past[0], window.future[0]]).astype(float)
    observed = window.past_observed[0, -context:] > 0
    scale = float(np.abs(window.past[0, -context:][observed]).mean()) if observed.any() else given.data.mean_magnitude
    features = np.concatenate([window.past_features[0, -context:], window.future_features[0]]).astype(float)
    rows = [np.concatenate([known, weights["embedding0"][0], [0.0, np.log(scale)]]) for known in features]
    return np.array(rows), sequence, scale


def sigmoid(x: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(1 / (1 + np.exp(-x)))


def problem(small: Small, rate: float, windows: int) -> tuple[Settings, Arrays, Windows]:
    """Settings, weights, and a batch of one window."""
    given = settings(
        time_freq="M",
        context_length=small.steps - 1,
        prediction_length=1,
        likelihood="gaussian",
        num_cells=small.cells,
        num_layers=small.layers,
        dropout_rate=rate,
        mini_batch_size=windows,
        network="sagemaker" if small.padded else "gluonts",
    )
    rng = np.random.default_rng(small.weights)
    target = (5 + rng.random(60)).astype(np.float32)
    cut = 50
    if small.padded:
        target[0], cut = np.nan, small.steps - 1 - small.padded
    window = WindowSource([Series(np.datetime64("2024-01-01", "s"), target)], given).batch(np.array([[0, cut]]))
    frequency, cells = Frequency.parse("M"), small.cells
    width = len(frequency.lags) + len(frequency.features) + 4

    def drawn(*shape: int) -> NDArray[np.float32]:
        return rng.uniform(-1, 1, shape).astype(np.float32)

    weights: Arrays = {}
    for layer in range(small.layers):
        inputs = drawn(4 * cells, cells) if layer else drawn(4 * cells, width) / 4
        weights[f"layer{layer}_input_weight"] = inputs
        weights[f"layer{layer}_hidden_weight"] = 3 * drawn(4 * cells, cells)
        weights[f"layer{layer}_input_bias"] = drawn(4 * cells)
        weights[f"layer{layer}_hidden_bias"] = drawn(4 * cells)
    weights |= {"embedding0": drawn(1, 1), "projection_weight": 2 * drawn(2, cells), "projection_bias": drawn(2)}
    return given, weights, window


def repeated(window: Windows, count: int) -> Windows:
    return replace(window, **{each.name: np.repeat(getattr(window, each.name), count, 0) for each in fields(Windows)})
