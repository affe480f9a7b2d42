"""DeepAR's network as plain arrays: an engine trains it, an artifact contains it, and inference computes with it.

The network is GluonTS' DeepAR on MXNet (Salinas et al., "DeepAR: Probabilistic forecasting with autoregressive
recurrent networks", 2020). One step of one series takes the inputs, in this order,

    lags / scale            (lags,)    y[t − lag] for each lag, ascending
    time features           (f,)       `date_features`
    age                     (1,)       log10(2 + index in the series)
    dynamic features        (dynamic,)
    embeddings              (Σ dims,)  of the categories; of the constant category 0 where the model has none
    a zero                  (1,)       where GluonTS has static real features
    log(scale)              (1,)

through `layers` LSTM layers of `cells`, with a residual connection around each but the first, and projects the last
one's output to the parameters of the likelihood, before their links.

scale is the mean of |y| over the observed values of the context, or `default_scale` if none of them is observed and
not 0; it is 1 for likelihoods that are not `scaled` (GluonTS: `scaling=False`). Missing values, and values before a
series' start, are the likelihood's `fill_value`; before the start the time, age and dynamic features have that value
too, as in GluonTS.

SageMaker's own networks differ in three things, each a field of `Network`: the time features (`date_features`), the
states before a series' start (`reset_while_padded`), and what replaces a missing value (`missing_is_mean`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeGuard

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.frequency import FEATURE_NAMES, Frequency
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS, Likelihood
from forecastle.contract.errors import InvalidData
from forecastle.contract.quotation import as_json


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Layer:
    """An LSTM layer. Its gates are in the order input, forget, cell, output."""

    input_weight: Floats  # (4·cells, inputs)
    hidden_weight: Floats  # (4·cells, cells)
    input_bias: Floats  # (4·cells,)
    hidden_bias: Floats  # (4·cells,)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Network:
    """A trained network and what it was made for."""

    frequency: Frequency
    context_length: int
    prediction_length: int
    likelihood: Likelihood
    lags: tuple[int, ...]  # ascending
    cardinality: tuple[int, ...]  # of each categorical feature; () if the model has none
    num_dynamic_feat: int
    layers: tuple[Layer, ...]
    embeddings: tuple[Floats, ...]  # (cardinality, dimension) each; one of (1, 1) if there is no category
    projection_weight: Floats  # (parameters, cells)
    projection_bias: Floats  # (parameters,)
    default_scale: float = 0.0  # the mean of |y| over the training set; below `MINIMUM_SCALE` that is used
    own_date_features: tuple[str, ...] | None = None  # in order; those of the frequency where None
    reset_while_padded: bool = False  # the states are 0 at the beginning of each step before a series' start
    missing_is_mean: bool = False  # a missing value in the context is the mean of what the network expects there

    @property
    def date_features(self) -> tuple[str, ...]:
        """The names of the time features, in the network's order."""
        return self.frequency.features if self.own_date_features is None else self.own_date_features

    @property
    def cells(self) -> int:
        return int(self.projection_weight.shape[1])

    def parameters(self) -> dict[str, Any]:
        """What the artifact keeps as JSON; what is as in GluonTS is left out of the last three."""
        switches: dict[str, Any] = {} if self.own_date_features is None else {"date_features": [*self.date_features]}
        switches |= {name: True for name in _SWITCHES if getattr(self, name)}
        return switches | {
            "time_freq": str(self.frequency),
            "context_length": self.context_length,
            "prediction_length": self.prediction_length,
            "likelihood": self.likelihood.name,
            "lags": list(self.lags),
            "cardinality": list(self.cardinality),
            "num_dynamic_feat": self.num_dynamic_feat,
            "num_layers": len(self.layers),
            "num_cells": self.cells,
            "default_scale": self.default_scale,
        }

    def arrays(self) -> dict[str, Floats]:
        """What the artifact keeps as arrays: `layer0_input_weight` …, `embedding0` …, `projection_weight`."""
        arrays = {
            f"layer{number}_{part}": getattr(layer, part)
            for number, layer in enumerate(self.layers)
            for part in Layer.__dataclass_fields__
        }
        arrays |= {f"embedding{number}": embedding for number, embedding in enumerate(self.embeddings)}
        return arrays | {"projection_weight": self.projection_weight, "projection_bias": self.projection_bias}

    @classmethod
    def from_artifact(cls, parameters: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "Network":
        """The network of an artifact. Raises `InvalidData` if anything is missing, of a wrong shape or not finite."""
        numbers = {name: _count(parameters, name, least) for name, least in _LEAST.items()}
        cells, likelihood = numbers["num_cells"], _likelihood(parameters)
        lags, cardinality = _counts(parameters, "lags"), _counts(parameters, "cardinality")
        if not lags or any(lag >= later for lag, later in pairwise(lags)):
            raise InvalidData(place=("parameters", "lags"), expected="at least one, in ascending order")
        frequency = _frequency(parameters)
        embeddings = tuple(
            _array(arrays, f"embedding{number}", (categories, None))
            for number, categories in enumerate(cardinality or (1,))
        )
        own_date_features = _date_features(parameters)
        dates = frequency.features if own_date_features is None else own_date_features
        inputs = len(lags) + len(dates) + numbers["num_dynamic_feat"] + _ALWAYS
        inputs += sum(embedding.shape[1] for embedding in embeddings)
        rows = len(likelihood.parameters)
        return cls(
            frequency=frequency,
            context_length=numbers["context_length"],
            prediction_length=numbers["prediction_length"],
            likelihood=likelihood,
            lags=lags,
            cardinality=cardinality,
            num_dynamic_feat=numbers["num_dynamic_feat"],
            layers=tuple(
                _layer(arrays, f"layer{number}_", inputs if number == 0 else cells, cells)
                for number in range(numbers["num_layers"])
            ),
            embeddings=embeddings,
            projection_weight=_array(arrays, "projection_weight", (rows, cells)),
            projection_bias=_array(arrays, "projection_bias", (rows,)),
            default_scale=_default_scale(parameters),
            own_date_features=own_date_features,
            **{name: _switch(parameters, name) for name in _SWITCHES},
        )


_ALWAYS = 3  # inputs of every network: the age, the zero and log(scale)
_SWITCHES = ("reset_while_padded", "missing_is_mean")  # off where an artifact lacks them
_LEAST = {"context_length": 1, "prediction_length": 1, "num_dynamic_feat": 0, "num_layers": 1, "num_cells": 1}
_MOST = 1_000_000  # far beyond sense, and what sizes computed from such numbers still fit


def _layer(arrays: Mapping[str, NDArray[Any]], prefix: str, inputs: int, cells: int) -> Layer:
    return Layer(
        input_weight=_array(arrays, f"{prefix}input_weight", (4 * cells, inputs)),
        hidden_weight=_array(arrays, f"{prefix}hidden_weight", (4 * cells, cells)),
        input_bias=_array(arrays, f"{prefix}input_bias", (4 * cells,)),
        hidden_bias=_array(arrays, f"{prefix}hidden_bias", (4 * cells,)),
    )


def _array(arrays: Mapping[str, NDArray[Any]], name: str, shape: tuple[int | None, ...]) -> Floats:
    array = arrays.get(name)
    if array is None:
        raise InvalidData(place=("arrays",), expected=f"{name}, which is missing")
    fits = len(array.shape) == len(shape) and all(want in (None, got) for want, got in zip(shape, array.shape))
    if not fits or array.size == 0 or array.dtype.kind != "f":
        expected = " × ".join("any" if size is None else str(size) for size in shape)
        got = " × ".join(map(str, array.shape)) or "a single"
        raise InvalidData(place=("arrays", name), expected=f"{expected} floats", got=f"{got} of {array.dtype}")
    with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite, and is refused below
        floats = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(floats).all():
        raise InvalidData(place=("arrays", name), expected="only finite numbers")
    return floats


def _count(parameters: Mapping[str, Any], name: str, least: int) -> int:
    value = parameters.get(name)
    if not _is_count(value, least):
        raise _invalid(name, f"an integer in [{least}, {_MOST}]", value)
    return value


def _counts(parameters: Mapping[str, Any], name: str) -> tuple[int, ...]:
    values = parameters.get(name)
    if not isinstance(values, list | tuple) or not all(_is_count(value, 1) for value in values):
        raise _invalid(name, f"a list of integers in [1, {_MOST}]", values)
    return tuple(values)


def _is_count(value: object, least: int) -> TypeGuard[int]:
    return type(value) is int and least <= value <= _MOST


def _likelihood(parameters: Mapping[str, Any]) -> Likelihood:
    value = parameters.get("likelihood")
    if not isinstance(value, str) or value not in LIKELIHOODS:
        raise _invalid("likelihood", f"one of {', '.join(LIKELIHOODS)}", value)
    return LIKELIHOODS[value]


def _frequency(parameters: Mapping[str, Any]) -> Frequency:
    value = parameters.get("time_freq")
    if not isinstance(value, str):
        raise _invalid("time_freq", "a string such as 2H", value)
    try:
        return Frequency.parse(value)
    except InvalidData as error:
        raise error.within(("parameters",)) from None


def _date_features(parameters: Mapping[str, Any]) -> tuple[str, ...] | None:
    names = parameters.get("date_features")
    if names is None:
        return None
    if not isinstance(names, list) or not all(isinstance(name, str) and name in FEATURE_NAMES for name in names):
        raise _invalid("date_features", f"a list of {', '.join(FEATURE_NAMES)}", names)
    return tuple(names)


def _switch(parameters: Mapping[str, Any], name: str) -> bool:
    value = parameters.get(name, False)
    if not isinstance(value, bool):
        raise _invalid(name, "true or false", value)
    return value


def _default_scale(parameters: Mapping[str, Any]) -> float:
    value = parameters.get("default_scale")
    if type(value) not in (int, float) or not 0 <= value < np.inf:  # type: ignore[operator]  # the type is looked at
        raise _invalid("default_scale", "a number that is not negative", value)
    return float(value)  # type: ignore[arg-type]


def _invalid(parameter: str, expected: str, value: object) -> InvalidData:
    return InvalidData(place=("parameters", parameter), expected=expected, got=as_json(value))
