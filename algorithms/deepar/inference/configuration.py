"""The configuration of a response, from a JSON request, or from a setting for JSON Lines.

Source: "DeepAR Inference Formats", AWS's developer guide; `calibrated` and `seed` are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.place import Place, Source
from forecastle.formats.members import require_known

SETTING = "DEEPAR_INFERENCE_CONFIG"  # the configuration of JSON Lines, as JSON
_SETTING = Source(f"Setting {SETTING}")

OUTPUT_TYPES = ("quantiles", "samples", "mean")  # in their order in a response
MEMBERS = ("num_samples", "output_types", "quantiles", "seed", "calibrated")
MAX_SAMPLES = 1_000_000
SEEDS = 2**63


@dataclass(frozen=True, slots=True)
class Configuration:
    """How many paths are drawn, and what the response contains.

    Attributes
    ----------
    num_samples : the paths. Mean and quantiles come from several draws at each step of each path, so they are more
        accurate than what a client computes from the samples, which are the paths themselves.
    output_types : some of `OUTPUT_TYPES`, at least one.
    quantiles : levels in (0, 1) by the client's keys, in its order; used only with the output type "quantiles".
    seed : the same seed gives the same response; None draws a new one for each request.
    calibrated : whether quantiles are corrected by what was held out in the training.
    """

    num_samples: int
    output_types: frozenset[str]
    quantiles: Mapping[str, float]
    seed: int | None = None
    calibrated: bool = False


DECILES = {f"0.{tenth}": tenth / 10 for tenth in range(1, 10)}
LIVE = Configuration(100, frozenset({"mean"}), DECILES)  # of a JSON request without one
BATCH = Configuration(100, frozenset({"mean", "quantiles"}), DECILES)  # of JSON Lines, if the setting is missing


def from_setting(text: str, default: Configuration = BATCH) -> Configuration:
    """The configuration of JSON Lines, from `DEEPAR_INFERENCE_CONFIG`. Raises `InvalidJob`."""
    if not text.strip():
        return default
    try:
        return configuration(orjson.loads(text), default, place=())
    except orjson.JSONDecodeError as error:
        raise InvalidJob(place=(_SETTING,), expected=f"JSON ({error})") from None
    except InvalidData as error:
        raise InvalidJob.like(error, (_SETTING, *error.place)) from None


def configuration(document: Any, default: Configuration, place: Place = ("configuration",)) -> Configuration:
    """Parse a `configuration`; members that are missing or null are as in `default`.

    If it has quantiles but no output types, quantiles are added to those of the default. Raises `InvalidData`; the
    document is at `place`.
    """
    if not isinstance(document, dict):
        raise InvalidData(place=place, expected="an object", got=quotation.of_json(document))
    require_known(document, MEMBERS, place)
    given = {name: value for name, value in document.items() if value is not None}
    types, levels = default.output_types, default.quantiles
    if "quantiles" in given:
        levels = _quantiles(given["quantiles"], (*place, "quantiles"))
        types = types | {"quantiles"} if levels else types
    if "output_types" in given:
        types = _output_types(given["output_types"], (*place, "output_types"))
    if "quantiles" in types and not levels:
        expected = "at least one, as output_types asks for them"
        raise InvalidData(place=(*place, "quantiles"), expected=expected, got="none")
    return Configuration(
        num_samples=_whole(given, "num_samples", default.num_samples, 1, MAX_SAMPLES, place),
        output_types=types,
        quantiles=levels,
        seed=_whole(given, "seed", default.seed, 0, SEEDS - 1, place),
        calibrated=_switch(given, "calibrated", default.calibrated, place),
    )


def _whole(given: Mapping[str, Any], name: str, default: Any, low: int, high: int, place: Place) -> Any:
    if name not in given:
        return default
    value = given[name]
    if type(value) is not int or not low <= value <= high:
        expected = f"a whole number from {low} to {high}"
        raise InvalidData(place=(*place, name), expected=expected, got=quotation.of_json(value))
    return value


def _switch(given: Mapping[str, Any], name: str, default: bool, place: Place) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise InvalidData(place=(*place, name), expected="true or false", got=quotation.of_json(value))
    return value


def _output_types(value: Any, place: Place) -> frozenset[str]:
    if not isinstance(value, list):
        raise InvalidData(place=place, expected="a list", got=quotation.of_json(value))
    names = ", ".join(f'"{name}"' for name in sorted(OUTPUT_TYPES))
    if not value:
        raise InvalidData(place=place, expected=f"at least one of {names}", got="none")
    for index, name in enumerate(value):
        if not (isinstance(name, str) and name in OUTPUT_TYPES):
            raise InvalidData(place=(*place, index), expected=f"one of {names}", got=quotation.of_json(name))
    return frozenset(value)


def _quantiles(value: Any, place: Place) -> dict[str, float]:
    if not isinstance(value, list):
        raise InvalidData(place=place, expected="a list", got=quotation.of_json(value))
    levels: dict[str, float] = {}
    for index, given in enumerate(value):
        level = _level(given)
        if not 0 < level < 1:
            raise InvalidData(place=(*place, index), expected="a number between 0 and 1", got=quotation.of_json(given))
        key = given if isinstance(given, str) else str(given)
        if key in levels:
            raise InvalidData(place=(*place, index), expected="each once", got=f"{quotation.of_json(given)} again")
        levels[key] = level
    return levels


def _level(given: Any) -> float:
    """The level as a number, from a number or a string; NaN if it is neither."""
    if type(given) not in (str, int, float):
        return float("nan")
    try:
        return float(given)
    except (ValueError, OverflowError):
        return float("nan")
