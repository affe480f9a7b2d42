"""`model_algo-1-config.json`: what SageMaker's job was given."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from forecastle.algorithms.deepar.frequency import FEATURE_NAMES, Frequency
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS, Likelihood
from forecastle.contract.errors import InvalidData
from forecastle.contract.quotation import as_json

VERSION = 5  # of the artifacts that are known
_MOST = 1_000_000
# By SageMaker's names in small letters: the artifact has "student-t" where the hyperparameter is "student-T".
_LIKELIHOODS: Mapping[str, Likelihood] = {name.lower(): row for name, row in LIKELIHOODS.items()}


@dataclass(frozen=True, slots=True)
class Configuration:
    """The job's hyperparameters, as far as the artifact names them."""

    frequency: Frequency
    prediction_length: int
    train_length: int  # the context and the largest lag
    likelihood: Likelihood
    cardinality: tuple[int, ...]  # (1,) if the model has no categories
    has_categories: bool
    num_dynamic_feat: int
    date_features: tuple[str, ...]  # in the order in which the network has them, as we spell them

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> "Configuration":
        """Raises `InvalidData`."""
        version = document.get("model_version")
        if type(version) is not int or version != VERSION:
            raise InvalidData(
                f"model_version: expected {VERSION}, the one that is known, got {as_json(version)}: "
                "this model's format may differ, and is not read."
            )
        likelihood = document.get("likelihood")
        if not isinstance(likelihood, str) or likelihood.lower() not in _LIKELIHOODS:
            raise InvalidData(f"likelihood: expected one of {', '.join(LIKELIHOODS)}, got {as_json(likelihood)}.")
        categories = document.get("category_provided")
        if not isinstance(categories, bool):
            raise InvalidData(f"category_provided: expected true or false, got {as_json(categories)}.")
        cardinality = document.get("cardinality")
        if not isinstance(cardinality, list) or not cardinality or not all(_is_count(each, 1) for each in cardinality):
            raise InvalidData(f"cardinality: expected a list of integers in [1, {_MOST}], got {as_json(cardinality)}.")
        if not categories and cardinality != [1]:
            raise InvalidData(f"cardinality: expected [1] without categories, got {as_json(cardinality)}.")
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
        raise InvalidData(f"time_freq: expected a text such as 2H, got {as_json(value)}.")
    return Frequency.parse(value)


def _date_features(document: Mapping[str, Any]) -> tuple[str, ...]:
    names = document.get("date_feature_names")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidData(f"date_feature_names: expected a list of names, got {as_json(names)}.")
    ours = tuple(name.replace("_", " ") for name in names)
    for name, spelt in zip(names, ours):
        if spelt not in FEATURE_NAMES:
            known = ", ".join(each.replace(" ", "_") for each in FEATURE_NAMES)
            raise InvalidData(f"date_feature_names: expected names of {known}, got {as_json(name)}.")
    if len(set(ours)) < len(ours):
        raise InvalidData(f"date_feature_names: expected each name once, got {as_json(names)}.")
    return ours


def _count(document: Mapping[str, Any], name: str, least: int) -> int:
    value = document.get(name)
    if not _is_count(value, least):
        raise InvalidData(f"{name}: expected an integer in [{least}, {_MOST}], got {as_json(value)}.")
    return int(value)  # type: ignore[arg-type]  # it was looked at


def _is_count(value: object, least: int) -> bool:
    return type(value) is int and least <= value <= _MOST
