"""The average of a network's weights over epochs."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.training.averaging import MOST_BLOCKS, WeightAverage
from forecastle.algorithms.deepar.training.train import train
from forecastle.contract.artifact import read_artifact
from tests.algorithms.deepar.training.test_job import SMALL, log_of
from tests.algorithms.deepar.waves import Recorded, after, needs_mxnet, never, settings, waves
from tests.training.tree import write_job


@pytest.fixture(params=["native", pytest.param("mxnet", marks=needs_mxnet)])
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def mean_of(networks: Sequence[Network]) -> dict[str, Any]:
    arrays = [network.arrays() for network in networks]
    return {name: np.mean([each[name] for each in arrays], axis=0, dtype=np.float64) for name in arrays[0]}


def assert_close(network: Network, arrays: dict[str, Any]) -> None:
    for name, array in network.arrays().items():
        np.testing.assert_allclose(array, arrays[name], atol=1e-6)


def after_epochs(count: int, engine: str = "native", **given: Any) -> Network:
    """The weights after so many epochs of a training: those before are the same whatever their number."""
    return train(waves(), settings(epochs=count, **given), Recorded(), never, engine=engine).network


def test_a_training_gives_the_mean_of_the_last_quarter_s_weights(engine: str) -> None:
    plain, averaged = Recorded(), Recorded()
    last = train(waves(), settings(epochs=8), plain, never, engine=engine)
    done = train(waves(), settings(epochs=8, average_weights=0.25), averaged, never, engine=engine)
    assert done.averaged == (6, 7)
    assert_close(done.network, mean_of([after_epochs(7, engine), last.network]))
    assert averaged.epochs == plain.epochs  # the same losses
    assert (done.loss, done.epoch, last.averaged) == (last.loss, last.epoch, None)


def test_early_stopping_averages_the_epochs_around_the_best() -> None:
    given: dict[str, Any] = {"learning_rate": 0.5, "seed": 1}
    done = train(
        waves(), settings(epochs=20, early_stopping_patience=3, average_weights=1.0, **given), Recorded(), never
    )
    best, (first, last) = done.losses.index(min(done.losses)), done.averaged or (0, 0)
    assert first < done.epoch == best < last == min(len(done.losses) - 1, best + (best + 1) // 2)
    assert last - first == best
    assert_close(done.network, mean_of([after_epochs(epoch + 1, **given) for epoch in range(first, last + 1)]))


def test_an_interrupted_training_continues_to_the_same_average(tmp_path: Path, engine: str) -> None:
    given = settings(epochs=5, average_weights=0.6)
    whole = train(waves(), given, Recorded(), never, engine=engine)
    stopping = after(35)
    first = train(waves(), given, Recorded(), lambda: next(stopping), engine=engine, checkpoints=tmp_path)
    assert first.stopped
    assert 2 <= len(first.losses) < 5
    second = train(waves(), given, Recorded(), never, engine=engine, checkpoints=tmp_path)
    assert second.averaged == whole.averaged == (2, 4)
    for name, array in whole.network.arrays().items():
        assert np.array_equal(array, second.network.arrays()[name])


def test_sigterm_gives_the_average_of_the_last_epochs_that_are_complete() -> None:
    stopping = after(45)
    done = train(waves(), settings(epochs=400, average_weights=0.5), Recorded(), lambda: next(stopping))
    epochs = len(done.losses)
    assert done.stopped
    assert epochs >= 3
    assert done.averaged == (epochs - round(epochs / 2), epochs - 1)
    assert_close(done.network, mean_of([after_epochs(epoch + 1) for epoch in range(done.averaged[0], epochs)]))


@pytest.mark.parametrize("share", [0.1, 0.25, 1.0])
@pytest.mark.parametrize("patient", [False, True])
def test_however_long_a_training_is_few_sums_are_kept(share: float, patient: bool) -> None:
    rng = np.random.default_rng(0)
    losses: list[float] = []
    average = WeightAverage(share, patient)
    for epoch in range(500):
        losses.append(float(rng.normal() - epoch / 50))
        average.add({"weight": np.full(3, epoch, np.float32)}, losses)
        if epoch % 97 == 0:  # as from a checkpoint
            state, average = average.state(), WeightAverage(share, patient)
            average.restore(state)
        found = average.average(losses)
        assert found is not None
        assert len(average.state()["spans"]) <= MOST_BLOCKS
        assert found.arrays["weight"] == pytest.approx((found.first + found.last) / 2)
        best = losses.index(min(losses)) if patient else epoch
        wanted = share * (best + 1)
        assert found.first <= best <= found.last <= min(epoch, best + wanted / 2 + 1 + epoch / 8)
        assert found.last - found.first + 1 == pytest.approx(wanted, abs=1 + epoch / 6)


def test_a_model_says_which_epochs_are_averaged(tmp_path: Path) -> None:
    data = {"train/a.json": "".join(json.dumps(record) + "\n" for record in _records())}
    plain = write_job(tmp_path / "plain", SMALL | {"epochs": "4", "average_weights": "0"}, data)
    averaged = write_job(tmp_path / "averaged", SMALL | {"epochs": "4", "average_weights": "0.5"}, data)
    assert "average" not in log_of(plain).split("Final configuration")[1].partition("\n")[2]
    assert "The model has the average weights of epochs 2 to 3.\n" in log_of(averaged)
    parameters = [read_artifact(tree.model).parameters for tree in (plain, averaged)]
    assert [each.get("averaged_epochs") for each in parameters] == [None, [2, 3]]


def _records() -> list[dict[str, Any]]:
    return [{"start": "2024-01-01", "target": [float(value) for value in each.target]} for each in waves()]
