"""A request for forecasts and its answer, as JSON, on the client's side.

Source: "DeepAR Inference Formats", AWS's developer guide; `calibrated` and `seed` are ours.
"""

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.deepar.data.collection import Item
from forecastle.client.as_json import as_json
from forecastle.client.errors import PredictorError
from forecastle.contract.place import Place, text_of


def configuration_of(
    quantiles: Sequence[str], num_samples: int, samples: bool, seed: int | None, calibrated: bool = False
) -> bytes:
    """The configuration of a request: quantiles and samples as asked for, or else the mean."""
    types = [*(["quantiles"] if quantiles else []), *(["samples"] if samples else [])] or ["mean"]
    configuration: dict[str, Any] = {"num_samples": num_samples, "output_types": types, "quantiles": quantiles}
    if seed is not None:
        configuration["seed"] = seed
    if calibrated:
        configuration["calibrated"] = True
    return as_json(configuration)


def instance_of(item: Item, ahead: int | None) -> bytes:
    """A series in the form of SageMaker's requests, as JSON. Raises `ValueError` with the place of an infinity."""
    record = item.record(ahead)
    infinite = np.isinf(item.target)
    if infinite.any():
        where = text_of((*item.place, int(infinite.argmax())))
        raise ValueError(f"{where}: expected a finite number, or NaN if it is missing.")
    instance = {"start": str(item.base).replace("T", " "), "target": _listed(record["target"])}
    if "cat" in record:
        instance["cat"] = record["cat"]
    if "dynamic_feat" in record:
        instance["dynamic_feat"] = [_listed(row) for row in record["dynamic_feat"]]
    return as_json(instance)


def _listed(values: NDArray[np.float64]) -> list[Any]:
    """JSON's numbers, and "NaN" for a missing one."""
    return [value if value == value else "NaN" for value in values.tolist()]


def predictions_of(answer: bytes, count: int) -> list[dict[str, Any]]:
    try:
        predictions = json.loads(answer)["predictions"]
    except (KeyError, TypeError, ValueError):
        raise PredictorError(f"Expected forecasts as JSON, got {answer[:60]!r}: is this a DeepAR model?") from None
    if not isinstance(predictions, list) or len(predictions) != count:
        raise PredictorError(f"Expected {count} forecasts, one for each series, got another number.")
    return predictions


def columns_of(
    predictions: Sequence[dict[str, Any]], names: Sequence[str], return_samples: bool
) -> dict[str, NDArray[np.float64]]:
    def stacked(values_of: Callable[[dict[str, Any]], Any]) -> NDArray[np.float64]:
        return np.array([values_of(one) for one in predictions], np.float64)

    try:
        columns = {name: stacked(lambda one, name=name: one["quantiles"][name]) for name in names}  # type: ignore[misc]
        if return_samples:
            samples = stacked(lambda one: one["samples"])  # (series, paths, steps)
            columns |= {f"sample_{number}": samples[:, number] for number in range(samples.shape[1])}
        return columns or {"mean": stacked(lambda one: one["mean"])}
    except KeyError as error:
        raise PredictorError(f"Expected {error} in each forecast, which is missing.") from None


_INSTANCE = re.compile(r"\binstances\[([0-9]+)\]")


def with_places(sentence: str, places: Sequence[Place]) -> str:
    """The sentence with the caller's names for the series instead of their numbers in the request."""

    def named(match: re.Match[str]) -> str:
        number = int(match[1])
        return text_of(places[number]) if number < len(places) else match[0]

    return _INSTANCE.sub(named, sentence)
