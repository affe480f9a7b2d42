"""The Monte Carlo error of our quantiles beside plain sampling's, on trained networks, and what the draws cost.

    python -m benchmarks.monte_carlo [--json] [--runs 5] [--only customer,m4_hourly,ar1,likelihoods]

Each run trains a network by `native` for 100 epochs, with its own seed; then series that it was trained on are
forecast with 100 paths, 16 times. The error is the root mean square, over all of that, of a quantile's distance from
that of 100,000 paths, over the width of the 80 % band. Plain sampling takes the quantiles of the same paths, `samples`.
Ratios are ours over plain sampling's, lower is better, for p10, p50 and p90. How far they are below 1 depends on the
network: the draws take out the noise within a step, and leave what a path carries from one step to the next.

`customer`: a customer of the electricity data, every two hours, a week ahead. `m4_hourly`: M4's hourly series, 48 hours
ahead. `ar1`: 100 generated series, y[t] = 0.9 y[t-1] + a normal number, around 20, 30 days ahead. `likelihoods`: the
customer with the other likelihoods, and the time of a forecast beside student-T's.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.engine_speed import Clock, settings_of
from benchmarks.gluonts_mxnet import Asked
from benchmarks.real_series import ELECTRICITY_START, M4_START, electricity, m4_hourly
from benchmarks.report import Row, report
from benchmarks.timing import in_turn
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.train import train

LEVELS = {"p10": 0.1, "p50": 0.5, "p90": 0.9}
OTHERS = ("gaussian", "beta", "negative-binomial")
EPOCHS, PATHS, EXACT_PATHS = 100, 100, 100_000
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
    own, plain = np.sqrt(np.mean(squares, axis=0))
    for level, mine, other in zip(LEVELS, own, plain):
        yield f"{name}_{level}_error_over_plain", f"RMSE over the 80 % band, {PATHS} paths", mine, other, mine / other


def errors(network: Network, series: Sequence[Series], num_samples: int, repetitions: int) -> NDArray[np.float64]:
    """Errors of each of `LEVELS`, ours and those of plain sampling, (2, levels)."""
    levels = list(LEVELS.values())

    def quantiles(paths: int, seed: int, samples: bool) -> tuple[Floats, Floats]:
        """Ours, and those of our paths; each (levels, series × steps)."""
        found = forecast(network, series, num_samples=paths, quantiles=levels, seed=seed, want_samples=samples)
        plain = [np.quantile(one.samples, levels, axis=0) for one in found if one.samples is not None]
        return np.hstack([one.quantiles for one in found]), np.hstack(plain) if plain else np.empty(0)

    exact, _ = quantiles(EXACT_PATHS, 2**40, False)
    pairs = [quantiles(num_samples, seed, True) for seed in range(repetitions)]
    squares = [(np.stack(found) - exact) ** 2 / (exact[-1] - exact[0]) ** 2 for found in zip(*pairs)]
    return np.sqrt([each.mean(axis=(0, 2)) for each in squares])


@cache
def customer_task() -> Task:
    load, start, week = electricity().astype(np.float32), _time(ELECTRICITY_START), 84
    known = [Series(start, load[: len(load) - weeks * week]) for weeks in range(FORECAST, 0, -1)]
    return Task(Asked("2H", week, week, EPOCHS), known[:1], known)


def m4_task() -> Task:
    given, _ = m4_hourly()
    series = [Series(_time(M4_START), values.astype(np.float32)) for values in given]
    return Task(Asked("H", 48, 48, EPOCHS), series, series[:: len(series) // FORECAST][:FORECAST])


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


TASKS: dict[str, Callable[[], Task]] = {"customer": customer_task, "m4_hourly": m4_task, "ar1": ar1_task}
PARTS: dict[str, Callable[[int], Iterator[Row]]] = {
    **{name: partial(rows_of, name) for name in TASKS},
    "likelihoods": likelihood_rows,
}

if __name__ == "__main__":
    main()
