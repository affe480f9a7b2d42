"""One series of a request, parsed and checked against the model.

Source: "DeepAR Inference Formats", AWS's developer guide.
"""

from collections.abc import Mapping
from typing import Any

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series, read_features, read_target, rows_wanted
from forecastle.algorithms.deepar.start import read_start
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place


def read_instance(instance: Any, network: Network, place: Place) -> Series:
    """The series of the instance at `place`; unknown members are ignored. Raises `InvalidData`."""
    if not isinstance(instance, dict):
        raise InvalidData(place=place, expected="an object", got=quotation.of_json(instance))
    for name in ("start", "target"):
        if name not in instance:
            raise InvalidData(place=place, expected=f'"{name}", which is missing')
    start = read_start(instance["start"], (*place, "start"))
    target = read_target(instance["target"], network.likelihood.support, (*place, "target"))
    cat = _categories(instance, network, place)
    return Series(start, target, cat, _dynamic_feat(instance, network, len(target), place))


def _categories(instance: Mapping[str, Any], network: Network, place: Place) -> tuple[int, ...]:
    given, cardinality = instance.get("cat"), network.cardinality
    if given is None or given == []:
        if cardinality:
            raise InvalidData(place=place, expected=f'"cat", {_of_categories(cardinality)}, which is missing')
        return ()
    where = (*place, "cat")
    if not cardinality:
        raise InvalidData(
            place=where,
            expected="none, as the model was trained without categories",
            got=quotation.of_json(given),
            hint="leave it out",
        )
    if not isinstance(given, list):
        if len(cardinality) > 1:
            got = quotation.of_json(given)
            raise InvalidData(place=where, expected=_of_categories(cardinality), got=got)
        return (_category(given, cardinality[0], where),)
    if len(given) != len(cardinality):
        raise InvalidData(place=where, expected=_of_categories(cardinality), got=str(len(given)))
    return tuple(
        _category(value, values, (*where, index)) for index, (value, values) in enumerate(zip(given, cardinality))
    )


def _category(value: Any, cardinality: int, place: Place) -> int:
    if type(value) is not int or not 0 <= value < cardinality:
        raise InvalidData(
            place=place,
            expected=f"a category seen in training, from 0 to {cardinality - 1} (cardinality {cardinality})",
            got=quotation.of_json(value),
        )
    return value


def _of_categories(cardinality: tuple[int, ...]) -> str:
    return f"a list of {len(cardinality)} " + ("categories" if len(cardinality) > 1 else "category")


def _dynamic_feat(instance: Mapping[str, Any], network: Network, length: int, place: Place) -> Floats | None:
    """The rows of dynamic features, (D, length + T); None if the model has none."""
    given, count = instance.get("dynamic_feat"), network.num_dynamic_feat
    steps, reason = (
        length + network.prediction_length,
        f"target {length} + prediction_length {network.prediction_length}",
    )
    if given is None or given == []:
        if count:
            raise InvalidData(
                place=place, expected=f'"dynamic_feat", {rows_wanted(count, steps, reason)}, which is missing'
            )
        return None
    where = (*place, "dynamic_feat")
    if not count:
        raise InvalidData(
            place=where,
            expected="none, as the model was trained without dynamic features",
            got=quotation.of_json(given),
            hint="leave it out",
        )
    return read_features(given, count, steps, reason, where)
