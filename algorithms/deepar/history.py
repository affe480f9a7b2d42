"""How a model was trained, and on what: what the artifact keeps for the model's page."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import orjson

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series

FILE = "history.json"
EXAMPLE_SERIES = 6  # that are kept, at most
EXAMPLE_VALUES = 500  # of each, at most
EXAMPLE_NUMBERS = 5_000  # of all, with their features


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class History:
    """A training.

    Attributes
    ----------
    losses : the mean loss of each complete epoch.
    epoch : the one that the network is from, counted from 0.
    series, observations : the size of the training data, missing values not counted.
    instances : of a request, from the end of the test channel, or of the train channel if there is no other.
    actual : the values after each instance, prediction_length each.
    """

    losses: Sequence[float]
    epoch: int
    series: int
    observations: int
    instances: Sequence[Mapping[str, Any]] = ()
    actual: Sequence[Sequence[float | None]] = ()

    @classmethod
    def from_files(cls, files: Mapping[str, bytes]) -> "History | None":
        """The history among an artifact's files; None if there is none."""
        return cls(**orjson.loads(files[FILE])) if FILE in files else None

    def files(self) -> dict[str, bytes]:
        """The artifact's file."""
        return {FILE: orjson.dumps(asdict(self))}


def example_of(series: Sequence[Series], network: Network) -> dict[str, Any]:
    """`instances` and `actual` of a history: the ends of some series, evenly spread, as a request and what followed."""
    ahead = network.prediction_length
    long_enough = [each for each in series if len(each.target) > ahead]
    if not long_enough:
        return {}
    values = max(ahead + 1, min(EXAMPLE_VALUES, EXAMPLE_NUMBERS // (1 + network.num_dynamic_feat)))
    count = max(1, min(EXAMPLE_SERIES, EXAMPLE_NUMBERS // (values * (1 + network.num_dynamic_feat))))
    chosen = np.unique(np.linspace(0, len(long_enough) - 1, count).astype(np.int64)).tolist()
    ends = [_end(long_enough[index], network, values) for index in chosen]
    return {"instances": [instance for instance, _ in ends], "actual": [actual for _, actual in ends]}


def _end(series: Series, network: Network, values: int) -> tuple[dict[str, Any], list[float | None]]:
    """The last values of a series, as an instance of a request, and those that it lacks."""
    stop = len(series.target)
    first, ahead = max(0, stop - values), network.prediction_length
    start = network.frequency.times(series.start, first, 1)[0] if first else series.start
    instance: dict[str, Any] = {
        "start": str(start.astype("datetime64[s]")).replace("T", " "),
        "target": _numbers(series.target[first : stop - ahead]),
    }
    if series.cat:
        instance["cat"] = [int(value) for value in series.cat]
    if series.dynamic_feat is not None:
        instance["dynamic_feat"] = [_numbers(row) for row in series.dynamic_feat[:, first:stop]]
    return instance, _numbers(series.target[stop - ahead :])


def _numbers(values: Floats) -> list[float | None]:
    """Values in the fewest digits that give their float32; missing ones are None."""
    return [None if np.isnan(value) else float(str(value)) for value in np.asarray(values, np.float32)]
