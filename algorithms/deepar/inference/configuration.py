"""The configuration of an answer, from a JSON request, or from the environment for JSON Lines.

Source: "DeepAR Inference Formats", AWS's developer guide; `seed` is ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.formats.members import require_known

SETTING = "DEEPAR_INFERENCE_CONFIG"  # the configuration of JSON Lines, as JSON

OUTPUT_TYPES = ("quantiles", "samples", "mean")  # in the order in which they are answered
MEMBERS = ("num_samples", "output_types", "quantiles", "seed")
MAX_SAMPLES = 1_000_000
SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class Configuration:
    """How many paths are drawn, and what the answer contains of them.

    Attributes
    ----------
    num_samples : the paths. Mean and quantiles come from several draws at each step of each path, so they are
        finer than what a client computes from the samples, which are the paths themselves.
    output_types : some of `OUTPUT_TYPES`, at least one.
    quantiles : levels in (0, 1) by the keys that the client gave them, in its order; of use with "quantiles" only.
    seed : the same one gives the same answer; None draws a fresh one for each request.
    """

    num_samples: int
    output_types: frozenset[str]
    quantiles: Mapping[str, float]
    seed: int | None = None


DECILES = {f"0.{tenth}": tenth / 10 for tenth in range(1, 10)}
LIVE = Configuration(100, frozenset({"mean"}), DECILES)  # of a JSON request without one
BATCH = Configuration(100, frozenset({"mean", "quantiles"}), DECILES)  # of JSON Lines, if the setting is missing


def from_setting(text: str) -> Configuration:
    """The configuration of JSON Lines, from `DEEPAR_INFERENCE_CONFIG`. Raises `InvalidJob`."""
    if not text.strip():
        return BATCH
    try:
        return configuration(orjson.loads(text), BATCH, place="")
    except orjson.JSONDecodeError as error:
        raise InvalidJob(f"Setting {SETTING}: expected JSON ({error}).") from None
    except InvalidData as error:
        raise InvalidJob(error.sentence).within(f"Setting {SETTING}") from None


def configuration(document: Any, default: Configuration, place: str = "configuration.") -> Configuration:
    """Read a `configuration`; members that are missing or null are as in `default`.

    If it has quantiles and no output types, quantiles are added to those. Raises `InvalidData`; `place` precedes the
    places in its sentence.
    """
    if not isinstance(document, dict):
        where = f"{place.rstrip('.')}: e" if place else "E"
        raise InvalidData(f"{where}xpected an object, got {quotation.of_json(document)}.")
    require_known(document, MEMBERS, place)
    given = {name: value for name, value in document.items() if value is not None}
    types, levels = default.output_types, default.quantiles
    if "quantiles" in given:
        levels = _quantiles(given["quantiles"], f"{place}quantiles")
        types = types | {"quantiles"} if levels else types
    if "output_types" in given:
        types = _output_types(given["output_types"], f"{place}output_types")
    if "quantiles" in types and not levels:
        raise InvalidData(f"{place}quantiles: expected at least one, as output_types asks for them, got none.")
    return Configuration(
        num_samples=_whole(given, "num_samples", default.num_samples, 1, MAX_SAMPLES, place),
        output_types=types,
        quantiles=levels,
        seed=_whole(given, "seed", default.seed, 0, SEEDS - 1, place),
    )


def _whole(given: Mapping[str, Any], name: str, default: Any, low: int, high: int, place: str) -> Any:
    if name not in given:
        return default
    value = given[name]
    if type(value) is not int or not low <= value <= high:
        got = quotation.of_json(value)
        raise InvalidData(f"{place}{name}: expected a whole number from {low} to {high}, got {got}.")
    return value


def _output_types(value: Any, place: str) -> frozenset[str]:
    if not isinstance(value, list):
        raise InvalidData(f"{place}: expected a list, got {quotation.of_json(value)}.")
    names = ", ".join(f'"{name}"' for name in sorted(OUTPUT_TYPES))
    if not value:
        raise InvalidData(f"{place}: expected at least one of {names}, got none.")
    for index, name in enumerate(value):
        if not (isinstance(name, str) and name in OUTPUT_TYPES):
            raise InvalidData(f"{place}[{index}]: expected one of {names}, got {quotation.of_json(name)}.")
    return frozenset(value)


def _quantiles(value: Any, place: str) -> dict[str, float]:
    if not isinstance(value, list):
        raise InvalidData(f"{place}: expected a list, got {quotation.of_json(value)}.")
    levels: dict[str, float] = {}
    for index, given in enumerate(value):
        level = _level(given)
        if not 0 < level < 1:
            raise InvalidData(f"{place}[{index}]: expected a number between 0 and 1, got {quotation.of_json(given)}.")
        key = given if isinstance(given, str) else str(given)
        if key in levels:
            raise InvalidData(f"{place}[{index}]: expected each once, got {quotation.of_json(given)} again.")
        levels[key] = level
    return levels


def _level(given: Any) -> float:
    """The level of a number or a string; NaN if it is none."""
    if type(given) not in (str, int, float):
        return float("nan")
    try:
        return float(given)
    except (ValueError, OverflowError):
        return float("nan")
