"""DeepAR as an estimator after scikit-learn's conventions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from forecastle.algorithms.deepar import in_process
from forecastle.algorithms.deepar.data.collection import Collection
from forecastle.algorithms.deepar.data.reader import Reader
from forecastle.algorithms.deepar.data.table import as_table
from forecastle.algorithms.deepar.frequency import Frequency
from forecastle.algorithms.deepar.likelihood import DEFAULT
from forecastle.algorithms.deepar.parameters import hyperparameters_of, hyperparameters_of_model
from forecastle.algorithms.deepar.predictor import DeepARPredictor
from forecastle.algorithms.opened_model import artifact_of
from forecastle.contract.artifact import write_artifact
from forecastle.contract.errors import UserError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "deepar"


class DeepAR(BaseEstimator):  # type: ignore[misc]
    """Probabilistic forecasts of many time series from one recurrent network.

    One LSTM is trained on all series together. It learns what they have in common, such as the rhythm of day and week,
    and is given a series' own history, its level and its category when it forecasts. A forecast is a distribution:
    sample paths are drawn, and their mean and quantiles returned.

    It is SageMaker's built-in algorithm: the parameters are its hyperparameters, with its defaults. `save` writes the
    folder that `forecastle serve` serves, and a training job with the same data, hyperparameters and seed writes the
    same bytes.

    Parameters
    ----------
    freq : str
        The time from one value to the next: "M", "W", "D", "H" or "min", or a multiple such as "15min"; pandas'
        spellings are taken too: "h", "2h", "ME", "MS", "QE", "W-SUN". SageMaker calls it `time_freq`.
    prediction_length : int
        The steps to forecast.
    context_length : int, default=None
        The steps that the network sees before it forecasts, besides values of earlier seasons; None is
        `prediction_length`.
    epochs : int, default=100
        The most passes over the training data. SageMaker has no default.
    cardinality : "auto", "ignore" or list of int, default="auto"
        The number of categories of each feature in `cat`. "auto" takes it from the data; "ignore" uses no categories.
    num_dynamic_feat : "auto", "ignore" or int, default="auto"
        The number of dynamic features. "auto" takes it from the data; "ignore" uses none.
    embedding_dimension : int, default=10
        The size of each category's embedding vector.
    likelihood : {"student-T", "gaussian", "negative-binomial", "beta", "deterministic-L1"}, default="student-T"
        What a value is drawn from. "negative-binomial" is for counts, "beta" for values in (0, 1), "deterministic-L1"
        for a point forecast.
    num_cells, num_layers : int, default=40 and 2
        LSTM cells in a layer, and layers.
    dropout_rate : float, default=0.1
        The share of the state that a training step leaves as it was (zoneout).
    learning_rate : float, default=0.001
        Adam's, at first.
    mini_batch_size : int, default=128
        Windows in a step of training.
    early_stopping_patience : int, default=None
        Epochs without a better loss after which training ends and the best network is kept; None trains all epochs.
    num_eval_samples : int, default=100
        Paths drawn for each series in `evaluate`.
    test_quantiles : sequence of float, default=(0.1, 0.2, …, 0.9)
        The quantiles that `evaluate` measures.
    average_weights : float, default=0.25
        The share of the epochs whose weights are averaged: the last ones, or with `early_stopping_patience` those
        around the best one. 0 keeps the weights of the last or the best epoch, as SageMaker does.
    calibrate : bool, default=False
        Whether to train a second network, without the ends of the series, and store how its quantiles must be corrected
        there: for `predict(…, calibrated=True)`. SageMaker has no such hyperparameter.
    network : {"auto", "sagemaker", "gluonts"}, default="auto"
        The kind of network: "sagemaker" handles missing values, and the time before a series' start, as SageMaker's
        models do, "gluonts" as GluonTS does. "auto" is "sagemaker". SageMaker has no such hyperparameter.
    scale_augmentation : float, default=0.0
        The standard deviation of the logarithm of a random factor for each training window, so that the network learns
        from all magnitudes. For student-T and gaussian; SageMaker has no such hyperparameter.
    seed : int, default=None
        Makes training repeatable, with any number of threads; None draws one.
    threads : int, default=None
        Threads to train and forecast with; None is one for each core. It changes no result.

    Attributes
    ----------
    model_ : DeepARModel
        The trained network.
    loss_ : float
        The training loss of the network that was kept.

    Notes
    -----
    `data`, in all methods, is one series or several:

    - a pandas Series with a DatetimeIndex or a PeriodIndex,
    - a pair `(start, values)`, or values alone if the argument `start` gives the start of all of them,
    - a record as in SageMaker's files: `{"start": …, "target": …, "cat": …, "dynamic_feat": …}`,
    - a list or a dict of these,
    - a wide DataFrame: a series a column, times in the index,
    - a long DataFrame with the columns `unique_id`, `ds` and `y`, the convention of Nixtla's libraries.

    NaN is a missing value, and so is a step that an index leaves out. The series of `fit` are kept, and pickled with
    the estimator, so that `predict` can go on from them; `save` leaves them out.

    `cat` gives each series' static categories, whole numbers from 0: a number or a list for each series, in their order
    or in a dict by their keys; for a long DataFrame the names of columns.

    `dynamic_feat` gives features that are known ahead, such as prices or holidays, for each step of a series; `predict`
    needs those of the steps to be forecast as well. It is, for each series, in their order or in a dict by their keys,
    an array of (features, steps), or a DataFrame with times in its index and a feature a column, which may be longer
    than the series; a single DataFrame applies to all series. For a long DataFrame it is the names of columns;
    the last `prediction_length` rows of each series given to `predict` are then those to be forecast, without `y`.

    References
    ----------
    D. Salinas, V. Flunkert, J. Gasthaus, T. Januschowski: DeepAR: Probabilistic forecasting with autoregressive
    recurrent networks, International Journal of Forecasting, 2020.
    AWS: Amazon SageMaker developer guide, "DeepAR Forecasting Algorithm".

    Examples
    --------
    >>> import numpy as np
    >>> from forecastle import DeepAR
    >>> days = np.arange(200)
    >>> data = {
    ...     "north": ("2024-01-01", 20 + 5 * np.sin(days * 2 * np.pi / 7)),
    ...     "south": ("2024-01-01", 50 + 9 * np.cos(days * 2 * np.pi / 7)),
    ... }
    >>> model = DeepAR(freq="D", prediction_length=7, epochs=2, num_cells=8, seed=1).fit(data)
    >>> forecast = model.predict(quantiles=(0.1, 0.9), seed=1)
    >>> forecast.loc["north"].index[0]
    Timestamp('2024-07-19 00:00:00')
    >>> list(forecast.columns)
    ['mean', '0.1', '0.9']
    """

    def __init__(
        self,
        freq: str,
        prediction_length: int,
        context_length: int | None = None,
        *,
        epochs: int = 100,
        cardinality: Literal["auto", "ignore"] | Sequence[int] = "auto",
        num_dynamic_feat: Literal["auto", "ignore"] | int = "auto",
        embedding_dimension: int = 10,
        likelihood: str = DEFAULT.name,
        num_cells: int = 40,
        num_layers: int = 2,
        dropout_rate: float = 0.1,
        learning_rate: float = 0.001,
        mini_batch_size: int = 128,
        early_stopping_patience: int | None = None,
        num_eval_samples: int = 100,
        test_quantiles: Sequence[float] = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        average_weights: float = 0.25,
        calibrate: bool = False,
        network: Literal["auto", "sagemaker", "gluonts"] = "auto",
        scale_augmentation: float = 0.0,
        seed: int | None = None,
        threads: int | None = None,
    ) -> None:
        self.freq = freq
        self.prediction_length = prediction_length
        self.context_length = context_length
        self.epochs = epochs
        self.cardinality = cardinality
        self.num_dynamic_feat = num_dynamic_feat
        self.embedding_dimension = embedding_dimension
        self.likelihood = likelihood
        self.num_cells = num_cells
        self.num_layers = num_layers
        self.dropout_rate = dropout_rate
        self.learning_rate = learning_rate
        self.mini_batch_size = mini_batch_size
        self.early_stopping_patience = early_stopping_patience
        self.num_eval_samples = num_eval_samples
        self.test_quantiles = test_quantiles
        self.average_weights = average_weights
        self.calibrate = calibrate
        self.network = network
        self.scale_augmentation = scale_augmentation
        self.seed = seed
        self.threads = threads

    def fit(self, data: Any, y: object = None, *, cat: Any = None, dynamic_feat: Any = None, start: Any = None) -> Self:  # noqa: ARG002 - y is scikit-learn's convention
        """Train the network on `data`. Raises `ValueError` with the name of a parameter or the place of a value."""
        with _as_value_errors():
            given = hyperparameters_of(self.get_params(deep=False))
            reader = Reader(given.time_freq, cat=cat, dynamic_feat=dynamic_feat, start=start)
            collection = reader.read(data)
            self.model_ = in_process.train(collection, given, self._threads())
        self.loss_ = self.model_.metrics["train:final_loss"]
        self._given = given
        self._data: Collection | None = collection
        return self

    def predict(
        self,
        data: Any = None,
        quantiles: Sequence[float | str] = (0.1, 0.5, 0.9),
        num_samples: int = 100,
        seed: int | None = None,
        *,
        calibrated: bool = False,
        cat: Any = None,
        dynamic_feat: Any = None,
        start: Any = None,
    ) -> Any:
        """Forecast the `prediction_length` steps after the end of each series; by default of those in `fit`.

        The same `seed` gives the same forecasts, and a server that serves the saved model gives the same for a request
        with these series and this seed; None draws a fresh one. With `calibrated`, quantiles are corrected by what was
        held out in a training with the parameter `calibrate`.

        Returns a DataFrame with the columns `mean` and, named as "0.1", each quantile. Its index is the future times of
        one series; of several, pairs of a series' key and a time; a long DataFrame gives a long one. Without pandas it
        is a dict of arrays, (steps,) of one series and (series, steps) of several, with the times as `ds`.
        Raises `ValueError` with the place of the fault.
        """
        check_is_fitted(self, "model_")
        with _as_value_errors():
            if data is None:
                if cat is not None or dynamic_feat is not None or start is not None:
                    raise ValueError("data: expected series, because cat, dynamic_feat or start were given.")
                if self._data is None:
                    raise ValueError(
                        "data: expected series, because a loaded model does not contain the series it was trained on."
                    )
                collection = self._data
            else:
                ahead = self.model_.network.prediction_length
                collection = Reader(self._trained_frequency(), cat, dynamic_feat, start, ahead).read(data)
            columns = in_process.forecast(
                self.model_,
                collection,
                self._given,
                quantiles=quantiles,
                num_samples=num_samples,
                seed=seed,
                calibrated=calibrated,
                threads=self._threads(),
            )
        return as_table(collection, columns, self._trained_frequency())

    def evaluate(self, data: Any, *, cat: Any = None, dynamic_feat: Any = None, start: Any = None) -> dict[str, float]:
        """Forecast the last `prediction_length` values of each series from those before, and compare.

        Returns a training job's metrics of the test channel by their names, such as `RMSE`, `mean_wQuantileLoss`,
        `wQuantileLoss[0.5]` and `coverage[0.8]`, the share of values between the 0.1 and the 0.9 quantile. Raises
        `ValueError` with the place of the fault.
        """
        check_is_fitted(self, "model_")
        with _as_value_errors():
            reader = Reader(self._trained_frequency(), cat=cat, dynamic_feat=dynamic_feat, start=start)
            return in_process.score(self.model_, reader.read(data), self._given, self._threads())

    def plot(self, data: Any, **options: Any) -> Figure:
        """The picture of SageMaker's notebook: history, median, the band of `confidence` percent, and actual values.

        At most 10 series, a panel each. The options are those of `DeepARPredictor.plot`, such as `forecast_date`,
        `plot_history` and `confidence`. Returns matplotlib's figure. Raises `ValueError`, and `ImportError` if
        matplotlib is not installed.
        """
        check_is_fitted(self, "model_")
        return DeepARPredictor(self).plot(data, **options)

    def save(self, folder: str | Path) -> None:
        """Write the model to `folder`, as a training job does; `forecastle serve` serves it."""
        check_is_fitted(self, "model_")
        given = self._given.model_dump(mode="json", by_alias=True)
        write_artifact(Path(folder), replace(self.model_.artifact(), algorithm=NAME, hyperparameters=given))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The fitted estimator of a model that `save` or a training job wrote, here or in SageMaker.

        `folder` may be a model.tar.gz. Raises `InvalidData`.
        """
        artifact = artifact_of(Path(folder), NAME)
        model = in_process.load(artifact)
        given = hyperparameters_of_model(artifact.hyperparameters, model.network.parameters())
        values = given.model_dump(mode="json", by_alias=True)
        loaded = cls(freq=values.pop("time_freq"), **values)
        loaded.model_, loaded._given, loaded._data = model, given, None
        loaded.loss_ = model.metrics.get("train:final_loss", float("nan"))
        return loaded

    def _trained_frequency(self) -> Frequency:
        return Frequency.parse(self.model_.network.parameters()["time_freq"])

    def _threads(self) -> int | None:
        threads: Any = self.threads
        if threads is not None and (isinstance(threads, bool) or not isinstance(threads, int) or threads < 1):
            raise ValueError(
                f"The 'threads' parameter of DeepAR must be an int of at least 1 or None. Got {threads!r}."
            )
        return self.threads


@contextmanager
def _as_value_errors() -> Iterator[None]:
    """Raise `ValueError` for what a server or a job refuses, as scikit-learn does."""
    try:
        yield
    except UserError as error:
        raise ValueError(error.sentence) from None
