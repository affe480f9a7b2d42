"""The Monte Carlo error of our quantiles, for each likelihood beside plain sampling's, and what the draws cost."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_speed import Clock, settings_of
from benchmarks.gluonts_mxnet import Asked
from benchmarks.report import Row
from benchmarks.timing import in_turn
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.engine import train

TAILS = [0.1, 0.9]
OTHERS = ("gaussian", "beta", "negative-binomial")

Quantiles = NDArray[Any]


def errors(
    network: Network,
    series: Series,
    num_samples: int,
    repetitions: int,
    peer: Callable[[], Quantiles] | None = None,
) -> NDArray[np.float64]:
    """Errors of p10 and p90, ours and the peer's, (2, 2): root mean squares over steps and repetitions, over the band.

    The band is that of 80 %. The peer gives quantiles, (2, steps); by default those of our samples: plain sampling.
    """
    (exact,) = forecast(network, [series], num_samples=100_000, quantiles=TAILS, seed=2**40, threads=2)
    band = exact.quantiles[1] - exact.quantiles[0]
    mine, other = [], []
    for seed in range(repetitions):
        (one,) = forecast(
            network, [series], num_samples=num_samples, quantiles=TAILS, seed=seed, want_samples=True, threads=1
        )
        assert one.samples is not None
        mine.append(one.quantiles)
        other.append(np.quantile(one.samples, TAILS, axis=0) if peer is None else peer())
    return np.array([_error(np.stack(found), exact.quantiles, band) for found in (mine, other)])


def _error(found: Quantiles, exact: Quantiles, band: Quantiles) -> NDArray[np.float64]:
    squares: NDArray[np.float64] = ((found - exact) / band) ** 2
    return np.asarray(np.sqrt(squares.mean(axis=(0, 2))))


def other_likelihoods(
    series: Sequence[Series], asked: Asked, num_samples: int, runs: int, student_t: Callable[[], object]
) -> Iterator[Row]:
    """Networks of a few epochs: their error beside plain sampling's, and their time beside that of `student_t`."""
    for likelihood in OTHERS:
        suited = [replace(one, target=_suited(one.target, likelihood)) for one in series]
        settings = replace(settings_of(asked, suited), likelihood=likelihood)
        network = train(suited, settings, Clock(), lambda: False).network
        own, plain = errors(network, suited[0], num_samples, 5 * runs).mean(axis=1)
        yield f"{likelihood}_error_over_plain", "RMSE of p10 and p90 over the 80 % band", own, plain, own / plain
        levels = [tenth / 10 for tenth in range(1, 10)]

        def once(network: Network = network, one: Series = suited[0]) -> None:
            forecast(network, [one], num_samples=num_samples, quantiles=levels, seed=0, want_samples=True, threads=1)

        pair = in_turn(once, student_t, runs)
        what = "ms: this likelihood, student-T"
        yield f"{likelihood}_time_over_student_t", what, 1e3 * pair.ours, 1e3 * pair.theirs, 1 / pair.ratio


def _suited(target: NDArray[np.float32], likelihood: str) -> NDArray[np.float32]:
    """The values as the likelihood could have drawn them."""
    if likelihood == "beta":
        return target / np.float32(1.05 * np.nanmax(target))
    return np.round(target) if likelihood == "negative-binomial" else target
