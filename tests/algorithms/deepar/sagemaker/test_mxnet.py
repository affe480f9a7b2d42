"""SageMaker's graph run by MXNet itself, where it is installed: our samples are drawn from the same distribution."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.series import Series
from tests.algorithms.deepar.sagemaker.genuine import DAILY, MONTHLY, needs_artifacts
from tests.algorithms.deepar.sagemaker.test_network import Doubles, inputs_of, network_in, series_in
from tests.algorithms.deepar.waves import needs_mxnet

pytestmark = [needs_artifacts, needs_mxnet, pytest.mark.filterwarnings("ignore")]  # MXNet's own

COPIES = 10  # of the series in a batch, each with the 100 paths of the graph


def samples_of_the_graph(folder: Path, inputs: dict[str, Doubles]) -> Doubles:
    """(paths, T), drawn by MXNet."""
    setattr(np, "bool", np.bool_)  # noqa: B010 - MXNet reads the name, which numpy 1.24 removed
    import mxnet as mx

    mx.random.seed(1)
    symbol = mx.sym.load(str(folder / "model_algo-1-symbol.json"))
    batch = {name: np.repeat(array, COPIES, axis=0).astype(np.float32) for name, array in inputs.items()}
    bound: Any = symbol.simple_bind(mx.cpu(), grad_req="null", **{name: each.shape for name, each in batch.items()})
    saved = mx.nd.load(str(folder / "model_algo-1-0000.params"))
    weights = {name.removeprefix("arg:"): array for name, array in saved.items()}
    bound.copy_params_from(weights, {}, allow_extra_params=True)
    (samples,) = bound.forward(is_train=False, **{name: mx.nd.array(each) for name, each in batch.items()})
    drawn: Doubles = samples.asnumpy().astype(float)
    return drawn.reshape(-1, drawn.shape[2])


def agrees(folder: Path, series: Series) -> None:
    """Means within the noise of both, and the values at each step of one distribution."""
    network = network_in(folder)
    (ours,) = forecast(network, [series], num_samples=2048, quantiles=[0.5], seed=2, want_samples=True)
    assert ours.samples is not None

    theirs = samples_of_the_graph(folder, dict(inputs_of(network, series)))

    variance = ours.samples.var(axis=0) / len(ours.samples) + theirs.var(axis=0) / len(theirs)
    assert ((ours.samples.mean(axis=0) - theirs.mean(axis=0)) ** 2 / variance).mean() < 4
    chances = [stats.ks_2samp(ours.samples[:, step], theirs[:, step]).pvalue for step in range(theirs.shape[1])]
    assert min(chances) > 1e-3 / theirs.shape[1]


@pytest.mark.parametrize(("length", "gaps"), [(None, ()), (None, (-12, -5, -1)), (7, ()), (0, ())])
def test_the_monthly_model(length: int | None, gaps: tuple[int, ...]) -> None:
    series = series_in((MONTHLY / "input_2017.jsonl").read_text().splitlines()[42], length)
    series.target[list(gaps)] = np.nan
    agrees(MONTHLY, series)


@pytest.mark.parametrize(("length", "gaps"), [(976, ()), (976, (-20, -7, -1)), (0, ())])
def test_the_daily_model(length: int, gaps: tuple[int, ...]) -> None:
    target = np.random.default_rng(1).normal(34_500, 3_000, length).astype(np.float32)
    target[list(gaps)] = np.nan
    agrees(DAILY, Series(np.datetime64("2020-05-01T00:00:00", "s"), target))
