"""One series of a request, read and checked against what the model was trained for.

Source: "DeepAR Inference Formats", AWS's developer guide.
"""

from collections.abc import Mapping
from typing import Any

from forecastle.algorithms.deepar.arrays import Floats
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series, read_features, read_start, read_target, rows_wanted
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData


def read_instance(instance: Any, network: Network, place: str, dot: str = ".") -> Series:
    """The series of an instance; unknown members are ignored.

    Its place is `place`, and that of a member is `place`, `dot` and the member's name. Raises `InvalidData`.
    """
    if not isinstance(instance, dict):
        raise InvalidData(f"{place}: expected an object, got {quotation.of_json(instance)}.")
    for name in ("start", "target"):
        if name not in instance:
            raise InvalidData(f'{place}: expected "{name}", which is missing.')
    start = read_start(instance["start"], f"{place}{dot}start")
    target = read_target(instance["target"], network.likelihood.support, f"{place}{dot}target")
    cat = _categories(instance, network, place, dot)
    return Series(start, target, cat, _dynamic_feat(instance, network, len(target), place, dot))


def _categories(instance: Mapping[str, Any], network: Network, place: str, dot: str) -> tuple[int, ...]:
    given, cardinality = instance.get("cat"), network.cardinality
    if given is None or given == []:
        if cardinality:
            raise InvalidData(f'{place}: expected "cat", {_of_categories(cardinality)}, which is missing.')
        return ()
    where = f"{place}{dot}cat"
    if not cardinality:
        raise InvalidData(
            f"{where}: expected none, as the model was trained without categories, got "
            f"{quotation.of_json(given)}: leave it out."
        )
    if not isinstance(given, list):
        if len(cardinality) > 1:
            raise InvalidData(f"{where}: expected {_of_categories(cardinality)}, got {quotation.of_json(given)}.")
        return (_category(given, cardinality[0], where),)
    if len(given) != len(cardinality):
        raise InvalidData(f"{where}: expected {_of_categories(cardinality)}, got {len(given)}.")
    return tuple(
        _category(value, values, f"{where}[{index}]") for index, (value, values) in enumerate(zip(given, cardinality))
    )


def _category(value: Any, cardinality: int, place: str) -> int:
    if type(value) is not int or not 0 <= value < cardinality:
        raise InvalidData(
            f"{place}: expected a category seen in training, from 0 to {cardinality - 1} (cardinality {cardinality}), "
            f"got {quotation.of_json(value)}."
        )
    return value


def _of_categories(cardinality: tuple[int, ...]) -> str:
    return f"a list of {len(cardinality)} " + ("categories" if len(cardinality) > 1 else "category")


def _dynamic_feat(instance: Mapping[str, Any], network: Network, length: int, place: str, dot: str) -> Floats | None:
    """The rows of dynamic features, (D, length + T)."""
    given, count = instance.get("dynamic_feat"), network.num_dynamic_feat
    steps, reason = (
        length + network.prediction_length,
        f"target {length} + prediction_length {network.prediction_length}",
    )
    if given is None or given == []:
        if count:
            raise InvalidData(
                f'{place}: expected "dynamic_feat", {rows_wanted(count, steps, reason)}, which is missing.'
            )
        return None
    where = f"{place}{dot}dynamic_feat"
    if not count:
        raise InvalidData(
            f"{where}: expected none, as the model was trained without dynamic features, got "
            f"{quotation.of_json(given)}: leave it out."
        )
    return read_features(given, count, steps, reason, where)
