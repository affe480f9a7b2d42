"""The Monte Carlo error of quantiles beside plain sampling's, on trained networks, and what it costs.

    python -m benchmarks.monte_carlo [--json] [--runs 5] [--only customer,m4_hourly,weekly,exchange,ar1,…]

Each run trains a network by `native` for 100 epochs, with its own seed; then series that it was trained on are
forecast with 100 paths, 16 times. The error is the root mean square, over all of that, of a quantile's distance from
that of 20,000 paths, over the width of the 80 % band. Plain sampling takes the quantiles of 100 of those paths, chosen
at random; rows named `samples` take those of `samples`. Ratios are ours over plain sampling's, lower is better.

`customer`: a customer of the electricity data, every two hours, a week ahead. `m4_hourly`: M4's hourly series, 48 hours
ahead. `weekly`: 200 generated series of the kind of M4's weekly ones, a random walk and a season in the logarithm, 13
weeks ahead. `exchange`: eight generated exchange rates, random walks of the logarithm, 30 days ahead. `ar1`: 100
generated series, y[t] = 0.9 y[t-1] + a normal number, around 20, 30 days ahead. `likelihoods`: the customer with the
other likelihoods, and the time of a forecast beside student-T's. `gluonts` (needs the extra `mxnet`): how many times
longer GluonTS' predictor takes for the same error. Its error is that of independent paths and falls with the root of
time; its time does not depend on its weights, so it is trained for one epoch.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_speed import Clock, settings_of
from benchmarks.gluonts_mxnet import Asked
from benchmarks.real_series import ELECTRICITY_START, M4_START, electricity, m4_hourly
from benchmarks.report import Row, report
from benchmarks.timing import in_turn
from forecastle.algorithms.deepar.inference.forecast import Forecast, forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.train import train

LEVELS = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
OTHERS = ("gaussian", "beta", "negative-binomial")
EPOCHS, PATHS, EXACT_PATHS = 100, 100, 20_000
REPETITIONS = 16  # of each forecast
FORECAST = 4  # series

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Task:
    """What is learned, and what is then forecast."""

    asked: Asked
    train: Sequence[Series]
    known: Sequence[Series]


def main() -> None:
    os.environ |= {"OMP_NUM_THREADS": "1", "MXNET_OMP_MAX_THREADS": "1"}  # read as MXNet is imported
    report(__doc__, PARTS, {})


def rows_of(name: str, runs: int) -> Iterator[Row]:
    """The errors of p10, p50 and p90 of student-T networks."""
    task = TASKS[name]()
    networks = [trained(task, "student-T", seed) for seed in range(runs)]
    yield from _rows(name, networks, task.known)


def likelihood_rows(runs: int) -> Iterator[Row]:
    """The errors with the customer's other likelihoods, and the time of a forecast beside student-T's."""
    task, levels = customer_task(), [tenth / 10 for tenth in range(1, 10)]
    reference = trained(task, "student-T", 0)

    def once(network: Network, one: Series) -> None:
        forecast(network, [one], num_samples=PATHS, quantiles=levels, seed=0, want_samples=True, threads=1)

    for likelihood in OTHERS:
        known = [replace(one, target=_suited(one.target, likelihood)) for one in task.known]
        networks = [trained(task, likelihood, seed) for seed in range(runs)]
        yield from _rows(f"customer_{likelihood}", networks, known)
        pair = in_turn(lambda: once(networks[0], known[0]), lambda: once(reference, task.known[0]), max(runs, 3))
        what = "ms: this likelihood, student-T"
        yield f"{likelihood}_time_over_student_t", what, 1e3 * pair.ours, 1e3 * pair.theirs, 1 / pair.ratio


def _rows(name: str, networks: Sequence[Network], known: Sequence[Series]) -> Iterator[Row]:
    squares = [errors(network, known, PATHS, REPETITIONS) ** 2 for network in networks]
    own, samples, plain = np.sqrt(np.mean(squares, axis=0))
    what = f"RMSE over the 80 % band, {PATHS} paths"
    for level, mine, other in zip(LEVELS, own, plain):
        yield f"{name}_{level}_error_over_plain", what, mine, other, mine / other
    for level, mine, other in zip(LEVELS, samples, plain):
        yield f"{name}_samples_{level}_over_plain", what, mine, other, mine / other


def gluonts_rows(runs: int) -> Iterator[Row]:
    """The time that plain sampling takes for our error: GluonTS' time, times the square of the quotient of errors."""
    from benchmarks import gluonts_mxnet

    task, levels = customer_task(), list(LEVELS.values())
    predictor, _ = gluonts_mxnet.train(task.train, replace(task.asked, epochs=1))
    network, known = trained(task, "student-T", 0), task.known[:1]
    own, _, plain = errors(network, known, PATHS, REPETITIONS)

    def ours() -> None:
        forecast(network, known, num_samples=PATHS, quantiles=levels, seed=0, want_samples=True, threads=1)

    def theirs() -> None:
        gluonts_mxnet.predict(predictor, known, task.asked.freq, PATHS, levels)

    pair = in_turn(ours, theirs, max(runs, 5))
    mine = 1e3 * pair.ours
    yield "gluonts_time_over_ours", f"ms: {PATHS} paths", mine, 1e3 * pair.theirs, pair.ratio
    for level, factor in zip(LEVELS, pair.ratio * (plain / own) ** 2):
        yield f"gluonts_{level}_for_error_over_ours", "ms: for the same error", mine, factor * mine, factor


def errors(network: Network, series: Sequence[Series], num_samples: int, repetitions: int) -> NDArray[np.float64]:
    """Errors of each of `LEVELS`: ours, those of `samples` and those of independent paths, (3, levels)."""
    levels, generator = list(LEVELS.values()), np.random.default_rng(0)

    def of(forecasts: Sequence[Forecast]) -> Floats:
        """Their quantiles, (levels, series × steps)."""
        return np.hstack([one.quantiles for one in forecasts])

    def of_paths(paths: Sequence[Floats]) -> Floats:
        return np.hstack([np.quantile(each, levels, axis=0) for each in paths])

    many = forecast(network, series, num_samples=EXACT_PATHS, quantiles=levels, seed=2**40, want_samples=True)
    exact, population = of(many), [_samples(one) for one in many]
    squares = []
    for seed in range(repetitions):
        few = forecast(network, series, num_samples=num_samples, quantiles=levels, seed=seed, want_samples=True)
        plain = [generator.choice(paths, num_samples, replace=False) for paths in population]
        found = np.stack([of(few), of_paths([_samples(one) for one in few]), of_paths(plain)])
        squares.append(((found - exact) ** 2 / (exact[-1] - exact[0]) ** 2).mean(axis=2))
    roots: NDArray[np.float64] = np.sqrt(np.mean(squares, axis=0))
    return roots


def _samples(one: Forecast) -> Floats:
    assert one.samples is not None
    return one.samples


@cache
def customer_task() -> Task:
    load, start, week = electricity().astype(np.float32), _time(ELECTRICITY_START), 84
    known = [Series(start, load[: len(load) - weeks * week]) for weeks in range(FORECAST, 0, -1)]
    return Task(Asked("2H", week, week, EPOCHS), known[:1], known)


def m4_task() -> Task:
    given, _ = m4_hourly()
    series = [Series(_time(M4_START), values.astype(np.float32)) for values in given]
    return Task(Asked("H", 48, 48, EPOCHS), series, series[:: len(series) // FORECAST][:FORECAST])


def weekly_task() -> Task:
    rng, series = np.random.default_rng(2), []
    for _ in range(200):
        weeks = int(rng.integers(150, 900))
        level = np.cumsum(0.02 * rng.normal(size=weeks)) + np.log(rng.uniform(500, 5000))
        season = rng.uniform(0.02, 0.2) * np.sin(2 * np.pi * (np.arange(weeks) / 52.18 + rng.random()))
        values = np.exp(level + season + 0.03 * rng.standard_t(5, size=weeks))
        series.append(Series(_time("2000-01-03"), values.astype(np.float32)))
    return Task(Asked("W", 26, 13, EPOCHS), series, series[:: len(series) // FORECAST])


def exchange_task() -> Task:
    rng, series = np.random.default_rng(1), []
    for _ in range(8):
        spread, first = rng.uniform(0.003, 0.01), rng.uniform(0.3, 2)
        values = first * np.exp(np.cumsum(spread * rng.standard_t(5, size=3000)))
        series.append(Series(_time("2000-01-03"), values.astype(np.float32)))
    return Task(Asked("D", 30, 30, EPOCHS), series, series[:FORECAST])


def ar1_task() -> Task:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(100, 600))
    values = np.zeros_like(noise)
    for step in range(1, noise.shape[1]):
        values[:, step] = 0.9 * values[:, step - 1] + noise[:, step]
    series = [Series(_time("2020-01-01"), (20 + row).astype(np.float32)) for row in values[:, 100:]]
    return Task(Asked("D", 60, 30, EPOCHS), series, series[:FORECAST])


def trained(task: Task, likelihood: str, seed: int) -> Network:
    series = [replace(one, target=_suited(one.target, likelihood)) for one in task.train]
    settings = settings_of(task.asked, series, seed, likelihood=likelihood)
    return train(series, settings, Clock(), lambda: False).network


def _suited(target: NDArray[np.float32], likelihood: str) -> NDArray[np.float32]:
    """The values as the likelihood could have drawn them."""
    if likelihood == "beta":
        return target / np.float32(1.05 * np.nanmax(target))
    return np.round(target) if likelihood == "negative-binomial" else target


def _time(text: str) -> np.datetime64:
    return np.datetime64(text.replace(" ", "T"), "s")


TASKS: dict[str, Callable[[], Task]] = {
    "customer": customer_task,
    "m4_hourly": m4_task,
    "weekly": weekly_task,
    "exchange": exchange_task,
    "ar1": ar1_task,
}
PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    **{name: partial(rows_of, name) for name in TASKS},
    "likelihoods": likelihood_rows,
    **({"gluonts": gluonts_rows} if find_spec("mxnet") else {}),
}

if __name__ == "__main__":
    main()
