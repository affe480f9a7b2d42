"""The estimator's parameters as SageMaker's hyperparameters."""

from collections.abc import Mapping
from typing import Any

from forecastle.algorithms.deepar.data.spelling import spelling_of
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters

_OURS = ("freq", "threads")  # parameters without a hyperparameter of the same name


def hyperparameters_of(parameters: Mapping[str, Any]) -> DeepARHyperparameters:
    """The hyperparameters of a training job that is equivalent to an estimator with these parameters.

    Raises `InvalidJob` for the first error, and `ValueError` if SageMaker has no spelling for `freq`.
    """
    values = {name: value for name, value in parameters.items() if name not in _OURS}
    for name in ("cardinality", "test_quantiles"):
        if not isinstance(values[name], str):
            values[name] = list(values[name])
    freq = time_freq(parameters["freq"])
    given = DeepARHyperparameters.parse({"time_freq": freq, "context_length": 1, **_given(values)})
    if parameters["context_length"] is None:
        return given.model_copy(update={"context_length": given.prediction_length})
    return given


def hyperparameters_of_model(recorded: Mapping[str, Any], network: Mapping[str, Any]) -> DeepARHyperparameters:
    """The hyperparameters with which a saved model was trained, without those that this version does not know.

    recorded : the artifact's hyperparameters. network : its network's parameters. Raises `InvalidJob`.
    """
    known = {name: network[name] for name in ("time_freq", "context_length", "prediction_length")}
    kept = {name: value for name, value in recorded.items() if name in DeepARHyperparameters.known()}
    return DeepARHyperparameters.parse({"epochs": 1, **known, **_given(kept)})


def time_freq(freq: Any) -> str:
    """SageMaker's spelling of a frequency. Raises `ValueError`."""
    spelling = spelling_of(freq)
    if spelling is None:
        raise ValueError(
            "The 'freq' parameter of DeepAR must be M, W, D, H or min, a multiple such as 15min, or what pandas calls "
            f"the same, such as h, ME or W-SUN. Got {freq!r} instead."
        )
    return spelling


def _given(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
