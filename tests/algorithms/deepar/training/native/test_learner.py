"""The engine native: the gradients of autograd, MXNet's losses, and the same bytes on any number of threads.

The golden arrays are made by `golden/make.py`. The engine mxnet is held to them, too: that proves that they are
GluonTS'.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.training.checkpoint import FILE
from forecastle.algorithms.deepar.training.kind import GLUONTS
from forecastle.algorithms.deepar.training.learner import Learner, Trained
from forecastle.algorithms.deepar.training.train import new_learner, train
from forecastle.algorithms.deepar.training.windows import Windows, WindowSource
from forecastle.kernels.threads import available_cores
from tests.algorithms.deepar.waves import Recorded, after, learner_of, needs_mxnet, never, settings, waves

Arrays = Mapping[str, NDArray[Any]]

GOLDEN = sorted((Path(__file__).parents[2] / "golden" / "gradients").glob("*.npz"))
ENGINES = ["native", pytest.param("mxnet", marks=needs_mxnet)]
BETA1, BETA2, EPSILON, CLIP = 0.9, 0.999, 1e-8, 10.0  # of Adam, and of what comes before it


def set_to(learner: Learner, engine: str, weights: Arrays, moments: Arrays | None = None, steps: int = 0) -> None:
    """Give the learner these weights, and Adam's moments (`mean …`, `variance …`): zeros where there are none."""
    named = {f"weight {name}": weight for name, weight in weights.items()}
    for kind in ("mean", "variance"):
        named |= {f"{kind} {name}": np.zeros_like(weight) for name, weight in weights.items()}
    named |= moments or {}
    if engine == "mxnet":
        named = dict(pair for name, array in named.items() for pair in as_in_mxnet(name, array))
    learner.restore({**named, "steps": np.array(steps)})


def kept(learner: Learner, engine: str, kind: str) -> dict[str, NDArray[Any]]:
    """What its state holds of a kind, by the names of `Network.arrays()`."""
    state = learner.state()
    if engine == "mxnet":
        weights = learner.network().arrays()
        return {name: stacked(state, kind, name, weight.shape) for name, weight in weights.items()}
    return {name.removeprefix(f"{kind} "): array for name, array in state.items() if name.startswith(f"{kind} ")}


MXNET_PARTS = {
    "input_weight": "i2h_weight",
    "hidden_weight": "h2h_weight",
    "input_bias": "i2h_bias",
    "hidden_bias": "h2h_bias",
}


def as_in_mxnet(name: str, array: NDArray[Any]) -> list[tuple[str, NDArray[Any]]]:
    """The arrays of the engine mxnet that make one of ours, by their names in the network that GluonTS builds."""
    kind, _, ours = name.partition(" ")
    if ours.startswith("layer"):
        layer, _, part = ours.removeprefix("layer").partition("_")
        # A cell lies in a residual connection, but for the first.
        return [
            (f"{kind} rnn.{layer}.{wrapped}{MXNET_PARTS[part]}", array)
            for wrapped in ("", "base_cell.", "base_cell." * 2)
        ]
    if ours.startswith("embedding"):
        return [(f"{kind} embedder.{ours.removeprefix('embedding')}.weight", array)]
    part = ours.removeprefix("projection_")
    return [(f"{kind} proj_distr_args.{head}.{part}", array[head : head + 1]) for head in range(len(array))]


def stacked(state: Arrays, kind: str, name: str, shape: Sequence[int]) -> NDArray[Any]:
    names = [other for other, _ in as_in_mxnet(f"{kind} {name}", np.empty(shape))]
    return np.concatenate([state[other] for other in names if other in state]).reshape(shape)


class Golden:
    """A file of golden arrays."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as arrays:
            stored = dict(arrays)
        self.settings = settings(**json.loads(str(stored["settings"])))
        self.windows = Windows(**{field.name: stored[f"window {field.name}"] for field in fields(Windows)})
        self.losses = stored["losses"]
        self.weights = self._of(stored, "weight")
        self.gradients = self._of(stored, "gradient")

    @staticmethod
    def _of(stored: Arrays, kind: str) -> dict[str, NDArray[np.float32]]:
        return {name.removeprefix(f"{kind} "): array for name, array in stored.items() if name.startswith(f"{kind} ")}

    @property
    def gradient_scale(self) -> float:
        """What an absolute error's gradient is divided by, so that the clip is the same for series of any size."""
        return self.settings.data.mean_magnitude if self.settings.given.likelihood.point else 1.0


def gradients_of(learner: Learner, engine: str) -> dict[str, NDArray[Any]]:
    """What Adam was given in its first step, which the means of the gradients still tell."""
    return {name: mean / (1 - BETA1) for name, mean in kept(learner, engine, "mean").items()}


@pytest.mark.parametrize("path", GOLDEN, ids=lambda path: path.stem)
@pytest.mark.parametrize("engine", ENGINES)
def test_losses_and_gradients_are_those_of_autograd(engine: str, path: Path) -> None:
    golden = Golden(path)
    if engine == "mxnet" and golden.settings.kind is not GLUONTS:
        return  # SageMaker's network is trained by ours alone
    learner = learner_of(engine, golden.settings)
    set_to(learner, engine, golden.weights)
    losses = learner.step(golden.windows, 0.001, 0)
    np.testing.assert_allclose(losses, golden.losses, rtol=1e-5, atol=1e-6)
    found = gradients_of(learner, engine)
    assert found.keys() == golden.gradients.keys()
    for name, expected in golden.gradients.items():
        error = np.abs(found[name] * golden.gradient_scale - expected).max()
        assert error <= 1e-5 * np.abs(expected).max(), (name, error / np.abs(expected).max())


@pytest.mark.parametrize("engine", ENGINES)
def test_each_number_of_a_gradient_is_clipped_by_itself(engine: str) -> None:
    golden = Golden(next(path for path in GOLDEN if path.stem == "absolute"))
    learner = learner_of(engine, settings(**golden.settings.record() | {"default_scale": 0.25}))
    set_to(learner, engine, golden.weights)
    learner.step(golden.windows, 0.001, 0)
    found = gradients_of(learner, engine)
    clipped = 0
    for name, gradient in golden.gradients.items():
        expected = (gradient / 0.25).clip(-CLIP, CLIP)
        clipped += int((np.abs(expected) == CLIP).sum())
        np.testing.assert_allclose(found[name], expected, atol=4e-4)
    assert clipped > 0


@pytest.mark.parametrize("engine", ENGINES)
def test_a_step_is_one_of_adam_as_mxnet_has_it(engine: str) -> None:
    golden = Golden(next(path for path in GOLDEN if path.stem == "student_t"))
    rng, steps, rate = np.random.default_rng(0), 7, 0.01
    moments: dict[str, NDArray[Any]] = {}
    for name, weight in golden.weights.items():
        moments[f"mean {name}"] = rng.normal(size=weight.shape).astype(np.float32) / 100
        # Small ones among them, where it shows whether epsilon is added before or after the bias is corrected.
        moments[f"variance {name}"] = (10.0 ** rng.uniform(-16, -2, weight.shape)).astype(np.float32)
    learner = learner_of(engine, golden.settings)
    set_to(learner, engine, golden.weights, moments, steps)
    learner.step(golden.windows, rate, 0)
    corrected = rate * np.sqrt(1 - BETA2 ** (steps + 1)) / (1 - BETA1 ** (steps + 1))
    after_step = {kind: kept(learner, engine, kind) for kind in ("mean", "variance", "weight")}
    for name, gradient in golden.gradients.items():
        mean = BETA1 * moments[f"mean {name}"].astype(float) + (1 - BETA1) * gradient
        variance = BETA2 * moments[f"variance {name}"].astype(float) + (1 - BETA2) * gradient.astype(float) ** 2
        np.testing.assert_allclose(after_step["mean"][name], mean, atol=1e-6)
        np.testing.assert_allclose(after_step["variance"][name], variance, rtol=1e-3, atol=1e-12)
        # The step is made of the moments that were kept: their own error, where a gradient is nearly 0, is no matter.
        root = np.sqrt(after_step["variance"][name].astype(float))
        step = corrected * after_step["mean"][name].astype(float) / (root + EPSILON)
        np.testing.assert_allclose(after_step["weight"][name], golden.weights[name] - step, rtol=1e-5, atol=1e-6)
    assert int(learner.state()["steps"]) == steps + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_fresh_weights_are_glorots(engine: str) -> None:
    given = settings(num_cells=24, num_layers=2, cardinality=(5, 3))
    network = learner_of(engine, given).network()
    arrays = network.arrays()
    rows = len(network.projection_bias)
    for name, array in arrays.items():
        if name.endswith("bias"):
            assert not array.any(), name
            continue
        # Each row of the projection is a layer of its own in GluonTS.
        outputs, inputs = (1, array.shape[1]) if name == "projection_weight" else array.shape
        bound = np.sqrt(6 / (inputs + outputs))
        assert np.abs(array).max() <= bound, name
        if array.size >= rows * 24:
            assert np.abs(array).max() > 0.93 * bound, name
            assert abs(array.mean()) < 5 * bound / np.sqrt(3 * array.size), name
            assert array.std() == pytest.approx(bound / np.sqrt(3), rel=0.2), name
    assert learner_of(engine, settings()).network().embeddings[0] != 0


@needs_mxnet
@pytest.mark.parametrize("likelihood", ["student-T", "negative-binomial"])
def test_200_batches_have_the_losses_that_they_have_on_mxnet(likelihood: str) -> None:
    given = settings(likelihood=likelihood, dropout_rate=0.0, learning_rate=0.003)
    source = WindowSource(waves(likelihood=likelihood), given)
    ours, theirs = learner_of("native", given), learner_of("mxnet", given)
    set_to(theirs, "mxnet", ours.network().arrays())
    rng = np.random.default_rng(0)
    drawn = np.concatenate([source.draw(rng) for _ in range(25)])
    losses = []
    for batch in range(200):
        windows = source.batch(drawn[16 * batch : 16 * batch + 16])
        losses.append([learner.step(windows, given.given.learning_rate, 0).mean() for learner in (ours, theirs)])
    own, peer = np.array(losses).T
    assert own[-20:].mean() < own[:20].mean() - 0.5
    np.testing.assert_allclose(own, peer, atol=1e-3)


@pytest.mark.parametrize("count", [1, 7, 33])
def test_a_batch_of_any_size_is_learned_from_whatever_came_before(count: int) -> None:
    given = settings(mini_batch_size=16)
    source = WindowSource(waves(), given)
    drawn = source.draw(np.random.default_rng(0))[:40]
    windows = source.batch(drawn[:count])
    used, fresh = learner_of("native", given), learner_of("native", given)
    used.step(source.batch(drawn), 0.01, 3)
    set_to(used, "native", fresh.network().arrays())
    losses = used.step(windows, 0.01, 4)
    assert losses.shape == (count,)
    assert np.array_equal(losses, fresh.step(windows, 0.01, 4))
    assert same(used.state(), fresh.state())


def test_a_windows_loss_depends_on_nothing_else_in_its_batch() -> None:
    given = settings(dropout_rate=0.0)
    source = WindowSource(waves(), given)
    drawn = source.draw(np.random.default_rng(0))
    drawn = drawn[drawn[:, 1] > 0][:33]  # where nothing is known before, the scale is the batch's
    learner = learner_of("native", given)
    together = learner.step(source.batch(drawn), 0.0, 0)
    alone = np.concatenate([learner.step(source.batch(drawn[row : row + 1]), 0.0, 0) for row in range(33)])
    np.testing.assert_allclose(together, alone, rtol=1e-6)


def test_what_is_kept_has_the_names_of_the_networks_arrays() -> None:
    learner = learner_of("native", settings(cardinality=(2, 3), num_dynamic_feat=1, num_layers=3))
    arrays = learner.network().arrays()
    state = learner.state()
    assert state.keys() == {f"{kind} {name}" for kind in ("weight", "mean", "variance") for name in arrays} | {"steps"}
    for kind in ("weight", "mean", "variance"):
        assert {name: array.shape for name, array in kept(learner, "native", kind).items()} == {
            name: array.shape for name, array in arrays.items()
        }
    assert same(kept(learner, "native", "weight"), arrays)


def test_a_state_of_another_network_is_refused() -> None:
    learner, state = learner_of("native", settings()), learner_of("native", settings()).state()
    with pytest.raises(KeyError):
        learner.restore({name: array for name, array in state.items() if name != "mean layer1_hidden_bias"})
    with pytest.raises(ValueError):  # noqa: PT011 - numpy's own sentence
        learner.restore(learner_of("native", settings(num_cells=5)).state())


def test_what_was_kept_goes_on_to_the_same_bytes() -> None:
    given = settings()
    source = WindowSource(waves(), given)
    drawn = source.draw(np.random.default_rng(0))
    batches = [source.batch(drawn[16 * number : 16 * number + 16]) for number in range(6)]
    whole = learner_of("native", given)
    for seed, windows in enumerate(batches):
        whole.step(windows, 0.01, seed)
        if seed == 2:
            halfway = {name: array.copy() for name, array in whole.state().items()}
            untouched = whole.state()
    assert same(halfway, untouched)
    second = learner_of("native", replace(given, seed=99))
    second.restore(halfway)
    for seed in (3, 4, 5):
        second.step(batches[seed], 0.01, seed)
    assert same(whole.state(), second.state())
    assert same(whole.network().arrays(), second.network().arrays())


def test_a_batch_whose_loss_is_not_finite_changes_nothing() -> None:
    given = settings()
    source = WindowSource(waves(), given)
    windows = source.batch(source.draw(np.random.default_rng(0))[:16])
    learner = learner_of("native", given)
    learner.step(windows, 0.01, 0)
    before = {name: array.copy() for name, array in learner.state().items()}
    for broken in (np.inf, np.nan):
        spoilt = replace(windows, past=windows.past.copy())
        spoilt.past[3, -1] = broken
        losses = learner.step(spoilt, 0.01, 1)
        assert not np.isfinite(losses[3])
        assert np.isfinite(losses[[0, 1, 2, 4]]).all()
        assert same(learner.state(), before)
    assert np.isfinite(learner.step(windows, 0.01, 2)).all()


@pytest.mark.parametrize("count", [5, 100])
def test_a_step_has_the_same_bytes_on_any_number_of_threads(count: int) -> None:
    given = settings(likelihood="negative-binomial", num_cells=10, cardinality=(2,))
    source = WindowSource(waves(likelihood=given.given.likelihood.name, cat=True), given)
    windows = source.batch(source.draw(np.random.default_rng(0))[:count])
    states = []
    for threads in (1, 2, 3, 8):
        learner = new_learner("native", given, threads)
        for seed in range(3):
            learner.step(windows, 0.01, seed)
        states.append(learner.state())
    assert all(same(state, states[0]) for state in states[1:])


def test_a_seed_gives_the_same_model_on_any_number_of_threads(tmp_path: Path) -> None:
    if available_cores() < 2:
        pytest.skip("two threads need two cores")
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    with cores(1):
        first = trained(one)
    second = trained(two)
    assert same(first.network.arrays(), second.network.arrays())
    assert (one / FILE).read_bytes() == (two / FILE).read_bytes()
    assert not same(first.network.arrays(), trained(other, seed=6).network.arrays())


def test_an_interrupted_training_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    whole, stopping = trained(tmp_path / "whole"), after(15)
    first = trained(tmp_path / "halves", stopping=lambda: next(stopping))
    assert first.stopped
    assert len(first.losses) == 1
    watcher = Recorded()
    second = trained(tmp_path / "halves", watcher)
    assert watcher.first_epoch == 1
    assert second.losses == whole.losses
    assert same(second.network.arrays(), whole.network.arrays())
    assert (tmp_path / "whole" / FILE).read_bytes() == (tmp_path / "halves" / FILE).read_bytes()


@needs_mxnet
@pytest.mark.parametrize(("before", "now"), [("mxnet", "native"), ("native", "mxnet")])
def test_a_checkpoint_of_the_other_engine_is_left_aside(before: str, now: str, tmp_path: Path) -> None:
    train(waves(), settings(epochs=1), Recorded(), never, engine=before, checkpoints=tmp_path)
    watcher = Recorded()
    train(waves(), settings(epochs=1), watcher, never, engine=now, checkpoints=tmp_path)
    assert watcher.first_epoch == 0
    assert len(watcher.notices) == 1
    assert watcher.notices[0].endswith("training starts over.")


def trained(checkpoints: Path, watcher: Recorded | None = None, **changes: Any) -> Trained:
    """Of large batches, whose windows several threads share, the last of an epoch not full."""
    stopping = changes.pop("stopping", never)
    given = settings(**{"epochs": 2, "mini_batch_size": 100, "num_cells": 10} | changes)
    checkpoints.mkdir(exist_ok=True)
    return train(waves(), given, watcher or Recorded(), stopping, engine="native", checkpoints=checkpoints)


@contextmanager
def cores(count: int) -> Iterator[None]:
    """So many cores for this thread."""
    available = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(available)[:count])
    try:
        yield
    finally:
        os.sched_setaffinity(0, available)


def same(left: Arrays, right: Arrays) -> bool:
    return left.keys() == right.keys() and all(array.tobytes() == right[name].tobytes() for name, array in left.items())
