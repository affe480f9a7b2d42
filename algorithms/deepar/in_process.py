"""Training, scoring and forecasting in the caller's process, without a server or a job's files.

All that the estimator uses of training and inference is imported here.
"""

import logging
import secrets
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.algorithm import ALGORITHM
from forecastle.algorithms.deepar.data.collection import Collection
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.inference.configuration import LIVE, SEEDS, configuration
from forecastle.algorithms.deepar.inference.instance import read_instance
from forecastle.algorithms.deepar.inference.request import Request
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.fields import OptionalFields, fields_of_test, fields_of_train, schema_of
from forecastle.algorithms.deepar.training.record import read_record
from forecastle.algorithms.interface import Job
from forecastle.contract.artifact import Artifact
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import text_of
from forecastle.kernels.threads import available_cores

LOGGER = logging.getLogger("forecastle.deepar")


def train(collection: Collection, given: DeepARHyperparameters, threads: int | None) -> DeepARModel:
    """Train on the series as a job with these hyperparameters does. Raises `UserError` with the place of the error."""
    series = _training_series(collection, fields_of_train(given), given)
    with _channel("train", series) as channel:
        return ALGORITHM.fit(_job(given, {"train": channel}, threads))


def score(
    model: DeepARModel, collection: Collection, given: DeepARHyperparameters, threads: int | None
) -> dict[str, float]:
    """The metrics of a test channel with the series, by SageMaker's names. Raises `UserError`."""
    network = model.network
    fields = fields_of_test(given, network.cardinality, network.num_dynamic_feat, "the training data")
    series = _training_series(collection, fields, given)
    with _channel("test", series) as channel:
        metrics = ALGORITHM.evaluate(model, _job(given, {"test": channel}, threads))
    return {name.removeprefix("test:"): value for name, value in metrics.items()}


def forecast(
    model: DeepARModel,
    collection: Collection,
    given: DeepARHyperparameters,
    *,
    quantiles: Sequence[float | str],
    num_samples: int,
    seed: int | None,
    calibrated: bool,
    threads: int | None,
) -> dict[str, NDArray[np.float64]]:
    """The forecasts that a server returns: mean and quantiles, (series, steps). Raises `UserError`."""
    asked = {
        "num_samples": _plain(num_samples),
        "quantiles": [_plain(level) for level in quantiles],
        "output_types": ["mean", "quantiles"] if len(quantiles) else ["mean"],
        "seed": _plain(seed),
        "calibrated": _plain(calibrated),
    }
    wanted = configuration(asked, LIVE, place=())
    model.require_calibration(wanted, place=())
    series = []
    for item in collection.items:
        record = item.record(model.network.prediction_length)
        if _off(given.cardinality):
            record.pop("cat", None)
        if _off(given.num_dynamic_feat):
            record.pop("dynamic_feat", None)
        series.append(read_instance(record, model.network, item.place))
    request = Request(tuple(series), wanted, secrets.randbelow(SEEDS) if wanted.seed is None else wanted.seed)
    (prediction,) = model.predict([request], threads or available_cores())
    forecasts, names = prediction.forecasts, list(wanted.quantiles) if len(quantiles) else []
    return {
        "mean": np.stack([one.mean for one in forecasts]).astype(np.float64),
        **{
            name: np.stack([one.quantiles[number] for one in forecasts]).astype(np.float64)
            for number, name in enumerate(names)
        },
    }


def load(artifact: Artifact) -> DeepARModel:
    """Load a model. Raises `InvalidData` if its arrays are no network."""
    return ALGORITHM.load(artifact, ALGORITHM.settings.from_environ({}))


def _training_series(collection: Collection, fields: OptionalFields, given: DeepARHyperparameters) -> list[Series]:
    """The series as a training job reads them. Raises `InvalidData` with the place of the error."""
    first = collection.items[0]
    schema = schema_of(text_of(first.place), first.record(0), fields, given.likelihood.support)
    series = []
    for item in collection.items:
        try:
            series.append(read_record(item.record(0), schema))
        except InvalidData as error:
            raise error.within(text_of(item.place)) from None
    return series


def _off(value: object) -> bool:
    return value in ("ignore", "")


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value


def _job(given: DeepARHyperparameters, channels: Mapping[str, Channel], threads: int | None) -> Any:
    return Job(
        hyperparameters=given,
        channels=channels,
        log=_Log(),
        stopping=lambda: False,
        settings=ALGORITHM.settings.from_environ({}),
        threads=threads or available_cores(),
    )


@contextmanager
def _channel(name: str, series: Sequence[Series]) -> Iterator[Channel]:
    """The series as a channel with one Parquet file, which stores float32 exactly."""
    import pyarrow
    from pyarrow import parquet

    numbers = pyarrow.list_(pyarrow.float32())
    columns = {
        "start": pyarrow.array([str(one.start) for one in series]),
        "target": pyarrow.array([one.target for one in series], numbers),
    }
    if any(one.cat for one in series):
        columns["cat"] = pyarrow.array([list(one.cat) for one in series], pyarrow.list_(pyarrow.int64()))
    if any(one.dynamic_feat is not None for one in series):
        rows = [None if one.dynamic_feat is None else list(one.dynamic_feat) for one in series]
        columns["dynamic_feat"] = pyarrow.array(rows, pyarrow.list_(numbers))
    with tempfile.TemporaryDirectory(prefix="forecastle-") as folder:
        path = Path(folder) / "data.parquet"
        parquet.write_table(pyarrow.table(columns), path, compression="none", use_dictionary=False)
        yield Channel(name, path)


class _Log:
    """A job's log on the logger `forecastle.deepar`; its warnings are Python warnings."""

    host = "localhost"

    def line(self, text: str) -> None:
        LOGGER.info("%s", text)

    def warning(self, text: str) -> None:
        warnings.warn(text, UserWarning, stacklevel=2)

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None:
        LOGGER.debug("%s took %.3f s: %s", operation, time.time() - since, dict(values))

    def progress(self, share: float, note: str = "") -> None:
        LOGGER.debug("%.0f %% %s", 100 * share, note)
