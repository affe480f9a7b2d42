"""A client for forecasts: the predictor of SageMaker's notebooks, for one series or many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.data.collection import Collection
from forecastle.algorithms.deepar.data.reader import Reader
from forecastle.algorithms.deepar.data.spelling import frequency_of, spelling_of
from forecastle.algorithms.deepar.data.table import as_table
from forecastle.algorithms.deepar.exchange import (
    columns_of,
    configuration_of,
    instance_of,
    predictions_of,
    with_places,
)
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.opened_model import OpenedModel, open_model
from forecastle.client.endpoint import JSON, Endpoint
from forecastle.client.errors import PredictorError
from forecastle.client.pieces import in_pieces
from forecastle.client.sagemaker import SageMakerEndpoint
from forecastle.client.target import endpoint_of
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "deepar"
MINUTE = 60.0


class DeepARPredictor:
    """Forecasts of a DeepAR model, local or remote: the class that SageMaker's electricity notebook defines.

    Needs numpy; pandas is optional, and boto3 only for an endpoint of SageMaker's.

    Parameters
    ----------
    target : str, Path or DeepAR
        A server's URL, such as "http://127.0.0.1:8080"; a model's folder or `model.tar.gz`, which is loaded in this
        process; a fitted `forecastle.DeepAR`; or the name of an endpoint of SageMaker's, in AWS or a local region.
    session : default=None
        For an endpoint: a `boto3.Session`, a `sagemaker.Session` or a client of `sagemaker-runtime`; None takes boto3's
        defaults. SageMaker's SDK 2 passes it to a `predictor_cls`.
    freq : str, default=None
        The time between two values, such as "2h". None takes it from a model in this process, or else
        from the series' index.
    prediction_length : int, default=None
        The steps that the model forecasts. Known for a model in this process; otherwise needed only for dynamic
        features with times in their index that extend beyond the forecast.
    timeout : float, default=60
        Seconds to wait for a server's answer.
    patience : float, default=60
        Seconds in which a request is repeated that a server or an endpoint asks to send later (429, 503 with
        Retry-After, throttling, a model that is not ready).

    Examples
    --------
    >>> import numpy as np
    >>> from forecastle import DeepAR, DeepARPredictor
    >>> values = 20 + 5 * np.sin(np.arange(400) * 2 * np.pi / 7)
    >>> model = DeepAR(freq="D", prediction_length=7, epochs=1, num_cells=8, seed=1).fit(values, start="2024-01-01")
    >>> predictor = DeepARPredictor(model)
    >>> list(predictor.predict(("2024-01-01", values)).columns)
    ['0.1', '0.5', '0.9']
    """

    def __init__(
        self,
        target: Any,
        session: Any = None,
        *,
        freq: Any = None,
        prediction_length: int | None = None,
        timeout: float = MINUTE,
        patience: float = MINUTE,
    ) -> None:
        self._endpoint: Endpoint = endpoint_of(target, session, timeout=timeout, patience=patience, opened=_opened)
        self._network = self._endpoint.model.network if isinstance(self._endpoint, OpenedModel) else None
        self.prediction_length = prediction_length if self._network is None else self._network.prediction_length
        self._frequency: Frequency | None = None if self._network is None else self._network.frequency
        if freq is not None:
            self.set_frequency(freq)

    @property
    def endpoint_name(self) -> str | None:
        """The name of SageMaker's endpoint; None elsewhere."""
        return self._endpoint.name if isinstance(self._endpoint, SageMakerEndpoint) else None

    def set_frequency(self, freq: Any) -> None:
        """Set the time between two values, in SageMaker's or pandas' spelling. Raises `ValueError`."""
        spelling = spelling_of(freq)
        if spelling is None:
            raise ValueError(f"freq: expected M, W, D, H or min, or a multiple such as 15min, got {freq!r:.40}.")
        self._frequency = Frequency.parse(spelling)

    def predict(
        self,
        ts: Any,
        cat: Any = None,
        dynamic_feat: Any = None,
        num_samples: int = 100,
        return_samples: bool = False,
        quantiles: Sequence[float | str] = ("0.1", "0.5", "0.9"),
        *,
        seed: int | None = None,
        calibrated: bool = False,
        start: Any = None,
    ) -> Any:
        """Forecast the steps after the end of a series, or of several.

        ts : one series or several, in any form that `DeepAR.fit` takes: a pandas Series, a pair of start and values, a
            list or a dict of them, a wide or a long DataFrame. NaN is a missing value.
        cat : the category of the series, a number or a list; of several series a list or dict with an entry for each;
            of a long DataFrame the names of columns.
        dynamic_feat : a list of features, each of `len(ts) + prediction_length` values; of several series a list or
            dict of these; a DataFrame or Series with times in its index; of a long DataFrame the names of columns.
        num_samples : the paths that are drawn.
        return_samples : whether each path is returned, in columns `sample_0`, `sample_1`, …
        quantiles : levels in (0, 1), each of which becomes a column.
        seed : makes the forecast repeatable, for the same series in the same order, unless another limit splits them
            otherwise; forecastle's servers take it, SageMaker's do not.
        calibrated : whether the quantiles are corrected by what was held out in the model's training, which must have
            had the hyperparameter `calibrate`.
        start : the start of all series, where they are given as values alone.

        Returns a DataFrame on the times that follow; for several series on pairs of key and time; for a long DataFrame
        a long one. Without pandas it is a dict of arrays, (steps,) or (series, steps), with the times as `ds`.

        Raises `ValueError` with the place of an error in the arguments, and `PredictorError` if the model refuses the
        request or does not answer.
        """
        frequency = self.frequency_of(ts)
        collection = self.read(ts, frequency, cat, dynamic_feat, start)
        columns = self.forecasts(collection, num_samples, return_samples, quantiles, seed, calibrated)
        return as_table(collection, columns, frequency)

    def read(
        self, ts: Any, frequency: Frequency, cat: Any = None, dynamic_feat: Any = None, start: Any = None
    ) -> Collection:
        """The series as requests contain them. Raises `ValueError` with the place of the error."""
        reader = Reader(frequency, cat, dynamic_feat, start, self.prediction_length, "ts")
        try:
            return reader.read(ts)
        except InvalidData as error:
            raise ValueError(error.sentence) from None

    def frequency_of(self, ts: Any) -> Frequency:
        """The frequency of the predictor, or else of the series' index. Raises `ValueError` if it is unknown."""
        found = self._frequency or frequency_of(ts)
        if found is None:
            raise ValueError(
                "freq: expected the time between two values, which the series do not show: "
                'give it, as in DeepARPredictor(…, freq="2h").'
            )
        return found

    def forecasts(
        self,
        collection: Collection,
        num_samples: int = 100,
        return_samples: bool = False,
        quantiles: Sequence[float | str] = ("0.1", "0.5", "0.9"),
        seed: int | None = None,
        calibrated: bool = False,
    ) -> dict[str, NDArray[np.float64]]:
        """The quantiles and samples by the names of their columns, each (series, steps). Raises `PredictorError`."""
        names = [str(level) for level in quantiles]
        tail = b'],"configuration":' + configuration_of(names, num_samples, return_samples, seed, calibrated) + b"}"
        asked = 0

        def ask(piece: Sequence[bytes]) -> Sequence[dict[str, Any]]:
            nonlocal asked
            body = b'{"instances":[' + b",".join(piece) + tail
            places = [item.place for item in collection.items[asked : asked + len(piece)]]
            answer = predictions_of(self._asked(body, places), len(piece))
            asked += len(piece)
            return answer

        parts = [instance_of(item, self.prediction_length) for item in collection.items]
        predictions = in_pieces(parts, self._endpoint.most_bytes - len(tail), ask)
        return columns_of(predictions, names, return_samples)

    def plot(
        self,
        ts: Any,
        cat: Any = None,
        dynamic_feat: Any = None,
        *,
        forecast_date: Any = None,
        show_samples: bool = False,
        plot_history: int = 7 * 12,
        confidence: float = 80,
        num_samples: int = 100,
        seed: int | None = None,
        start: Any = None,
    ) -> Figure:
        """The notebook's picture: history, median, the band of `confidence` percent, and actual values.

        ts, cat, dynamic_feat, num_samples, seed, start : as in `predict`; at most 10 series, a panel each. Dynamic
            features are drawn below.
        forecast_date : the last time of the history; values after it are drawn as actual values. None
            forecasts from the series' end.
        show_samples : whether to draw sample paths as well.
        plot_history : the steps of history to draw.
        confidence : in percent, between 0 and 100.

        Returns matplotlib's figure. Raises as `predict` does, and `ImportError` if matplotlib is not installed.
        """
        from forecastle.algorithms.deepar.picture import Picture, figure_of

        picture = Picture(forecast_date, show_samples, plot_history, confidence, num_samples, seed)
        frequency = self.frequency_of(ts)
        collection = self.read(ts, frequency, cat, dynamic_feat, start)
        figure: Figure = figure_of(self.forecasts, collection, frequency, picture, self.prediction_length)
        return figure

    def delete_endpoint(self) -> None:
        """Delete SageMaker's endpoint and its configuration; otherwise do nothing."""
        if isinstance(self._endpoint, SageMakerEndpoint):
            self._endpoint.delete()

    def _asked(self, body: bytes, places: Sequence[Place]) -> bytes:
        try:
            return self._endpoint.ask(body, JSON)
        except PredictorError as error:
            raise type(error)(with_places(str(error), places), error.status) from None


def _opened(target: Any) -> OpenedModel:
    if hasattr(target, "get_params"):
        if not hasattr(target, "model_"):
            raise ValueError(f"target: expected a fitted DeepAR, got {type(target).__name__} that is not fitted.")
        return OpenedModel(target.model_, target.threads)
    return open_model(target, NAME)
