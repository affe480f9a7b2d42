"""`model_algo-1-config.json`: the hyperparameters of SageMaker's job."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecastle.algorithms.deepar.frequency import FEATURE_NAMES, Frequency
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS, Likelihood
from forecastle.contract.errors import InvalidData
from forecastle.contract.quotation import as_json

VERSION = 5  # of the artifacts that can be read
_MOST = 1_000_000
# By SageMaker's names in lower case: the artifact contains "student-t", the hyperparameter is "student-T".
_LIKELIHOODS: Mapping[str, Likelihood] = {name.lower(): row for name, row in LIKELIHOODS.items()}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The job's hyperparameters, as far as the artifact contains them."""

    frequency: Frequency
    prediction_length: int
    train_length: int  # the context and the largest lag
    likelihood: Likelihood
    cardinality: tuple[int, ...]  # (1,) if the model has no categories
    has_categories: bool
    num_dynamic_feat: int
    date_features: tuple[str, ...]  # in the order of the network's inputs, in our spelling

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Configuration":
        """Parse the configuration. Raises `InvalidData`."""
        version = document.get("model_version")
        if type(version) is not int or version != VERSION:
            raise InvalidData(
                place=("model_version",),
                expected=f"{VERSION}, the only supported one",
                got=f"{as_json(version)}, whose format may differ",
            )
        likelihood = document.get("likelihood")
        if not isinstance(likelihood, str) or likelihood.lower() not in _LIKELIHOODS:
            expected = f"one of {', '.join(LIKELIHOODS)}"
            raise InvalidData(place=("likelihood",), expected=expected, got=as_json(likelihood))
        categories = document.get("category_provided")
        if not isinstance(categories, bool):
            raise InvalidData(place=("category_provided",), expected="true or false", got=as_json(categories))
        cardinality = document.get("cardinality")
        if not isinstance(cardinality, list) or not cardinality or not all(_is_count(each, 1) for each in cardinality):
            expected = f"a list of integers in [1, {_MOST}]"
            raise InvalidData(place=("cardinality",), expected=expected, got=as_json(cardinality))
        if not categories and cardinality != [1]:
            raise InvalidData(place=("cardinality",), expected="[1] without categories", got=as_json(cardinality))
        return cls(
            frequency=_frequency(document),
            prediction_length=_count(document, "prediction_length", 1),
            train_length=_count(document, "train_length", 2),
            likelihood=_LIKELIHOODS[likelihood.lower()],
            cardinality=tuple(cardinality),
            has_categories=categories,
            num_dynamic_feat=_count(document, "num_dynamic_feat", 0),
            date_features=_date_features(document),
        )


def _frequency(document: Mapping[str, Any]) -> Frequency:
    value = document.get("time_freq")
    if not isinstance(value, str):
        raise InvalidData(place=("time_freq",), expected="a string such as 2H", got=as_json(value))
    return Frequency.parse(value)


def _date_features(document: Mapping[str, Any]) -> tuple[str, ...]:
    names, place = document.get("date_feature_names"), ("date_feature_names",)
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidData(place=place, expected="a list of names", got=as_json(names))
    ours = tuple(name.replace("_", " ") for name in names)
    for name, own in zip(names, ours):
        if own not in FEATURE_NAMES:
            known = ", ".join(each.replace(" ", "_") for each in FEATURE_NAMES)
            raise InvalidData(place=place, expected=f"names of {known}", got=as_json(name))
    if len(set(ours)) < len(ours):
        raise InvalidData(place=place, expected="each name once", got=as_json(names))
    return ours


def _count(document: Mapping[str, Any], name: str, least: int) -> int:
    value = document.get(name)
    if not _is_count(value, least):
        raise InvalidData(place=(name,), expected=f"an integer in [{least}, {_MOST}]", got=as_json(value))
    return int(value)  # type: ignore[arg-type]  # it was checked


def _is_count(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= _MOST
