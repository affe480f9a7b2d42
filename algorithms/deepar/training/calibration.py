"""Calibration: a second network, trained without the end of each series, forecasts these ends, and the shares of values
in its bands are counted.

The model's own network is trained on all values, and so is the same as without a calibration.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

import numpy as np

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.inference.calibration import LOWER, Calibration
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.settings import Settings
from forecastle.algorithms.deepar.training.team import Team
from forecastle.algorithms.deepar.training.train import train
from forecastle.algorithms.interface import JobLog
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.place import Source

# In all, where series are long enough. More would be farther in the past, as would be what the second network knows: on
# single series, 40 windows told less of the future than 10.
FEWEST_WINDOWS = 10
MOST_SERIES = 1_000  # to forecast; they are evenly spread over the set
HELD_OUT_SHARE = 0.2  # of a series, at most, if more than one window of it is held out
SAMPLES = 100  # paths, as in a request that does not say
SEED = 0
STOPPED = "The training was stopped by SIGTERM."


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeldOut:
    """What the second network is trained on, and what it forecasts."""

    train: Sequence[Series]
    known: Sequence[Series]  # the series up to each window's forecast
    observed: Floats  # (windows, prediction_length), NaN where missing


@dataclass(frozen=True, slots=True)
class Uncalibrated:
    """Why there is no calibration, as a sentence or two."""

    reason: str


def hold_out(series: Sequence[Series], steps: int) -> HeldOut:
    """Hold out the last `steps` values of each series; more windows of each if there are few series.

    A series that would keep fewer than `steps` values for the training loses none. Raises `InvalidData` if nothing can
    be held out, or if no value of it or none before it is observed.
    """
    each = ceil(FEWEST_WINDOWS / len(series))
    counts = [_windows(len(one.target), steps, each) for one in series]
    train = [_until(one, len(one.target) - count * steps) for one, count in zip(series, counts)]
    some = [(one, count) for one, count in zip(series, counts) if count]
    if not some:
        expected = f"a series of at least {2 * steps} values, as calibrate holds out the last {steps}"
        got = f"at most {max(len(one.target) for one in series)}"
        raise InvalidData(place=(Source("Channel train"),), expected=expected, got=got)
    chosen = np.unique(np.linspace(0, len(some) - 1, min(MOST_SERIES, len(some))).astype(np.int64)).tolist()
    cuts = [
        (one, len(one.target) - left * steps)
        for one, count in (some[index] for index in chosen)
        for left in range(count, 0, -1)
    ]
    observed = np.array([one.target[cut : cut + steps] for one, cut in cuts], np.float32)
    if np.isnan(observed).all():
        expected = f"values at the ends of series, as calibrate holds out the last {steps}"
        raise InvalidData(place=(Source("Channel train"),), expected=expected, got="missing ones only")
    if all(np.isnan(one.target).all() for one in train):
        expected = f"values before the ends of series, as calibrate holds out the last {steps}"
        raise InvalidData(place=(Source("Channel train"),), expected=expected, got="missing ones only")
    return HeldOut(train, [_until(one, cut) for one, cut in cuts], observed)


def calibrate_by_training(
    held_out: HeldOut,
    settings: Settings,
    log: JobLog,
    stopping: Callable[[], bool],
    engine: str,
    threads: int,
    team: Team | None = None,
) -> Calibration | Uncalibrated:
    """Train the second network and count.

    The hosts of a `team` train it together.
    """
    watcher = _Quiet(log, settings.given.epochs)
    try:
        second = train(held_out.train, settings, watcher, stopping, engine=engine, threads=threads, team=team)
    except InvalidJob as error:  # it diverged: on all hosts of a team, which have the same losses
        return Uncalibrated(f"The network for the calibration could not be trained. {error.sentence}")
    calibration = None if second.stopped else calibrate(second.network, held_out, threads, stopping)
    return Uncalibrated(STOPPED) if calibration is None else calibration


def calibrate(network: Network, held_out: HeldOut, threads: int, stopping: Callable[[], bool]) -> Calibration | None:
    """Count the shares of values in the network's bands; None on SIGTERM."""
    inside, values = np.zeros(len(LOWER)), 0
    for first in range(0, len(held_out.known), _BATCH):
        if stopping():
            return None
        forecasts = forecast(
            network,
            held_out.known[first : first + _BATCH],
            num_samples=SAMPLES,
            quantiles=[*LOWER, *(1 - level for level in LOWER)],
            seed=SEED,
            positions=range(first, first + len(held_out.known[first : first + _BATCH])),
            threads=threads,
        )
        for one, observed in zip(forecasts, held_out.observed[first : first + _BATCH]):
            known = ~np.isnan(observed)
            low, high = np.split(one.quantiles[:, known], 2)  # (bands, values) each
            inside += ((low <= observed[known]) & (observed[known] <= high)).sum(axis=1)
            values += int(known.sum())
    return Calibration.of(inside / values)


class _Quiet:
    """A `Watcher` that shows progress, and logs nothing."""

    def __init__(self, log: JobLog, epochs: int) -> None:
        self._log, self._epochs = log, epochs

    def ready(self, epoch: int) -> None: ...

    def notice(self, sentence: str) -> None: ...

    def batch(self, epoch: int, batch: int, losses: Floats) -> None: ...

    def epoch(self, epoch: int, loss: float, windows: int, improved: bool) -> None:
        del loss, windows, improved
        note = f"calibration: epoch {epoch + 1} of {self._epochs}"
        self._log.progress(min((epoch + 1) / self._epochs, 0.999), note)


_BATCH = 256  # series in a call, between looks at `stopping`


def _windows(length: int, steps: int, wanted: int) -> int:
    """How many windows of `steps` values to hold out of a series."""
    most = max(1, int(HELD_OUT_SHARE * length) // steps)
    return min(wanted, most) if length >= 2 * steps else 0


def _until(series: Series, stop: int) -> Series:
    """The series before `stop`; its dynamic features remain, as a forecast needs those after its end."""
    return replace(series, target=series.target[:stop])
