"""The configuration of a translation: what a request may set, and for each sentence of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place
from forecastle.formats.members import require_known

WIDEST, LARGEST_PENALTY = 100, 10.0  # beam, exponent
WORDS = {"true": True, "True": True, "false": False, "False": False}  # of flags; Python's str() has capitals


@dataclass(frozen=True, slots=True)
class Configuration:
    """How a sentence is translated, and what is answered.

    Attributes
    ----------
    attention_matrix : whether the answer has it; SageMaker's only one, all others are ours.
    beam_size, length_penalty : of the beam search.
    n_best : the number of translations.
    scores : whether each has its score.
    """

    attention_matrix: bool = False
    beam_size: int = 5
    length_penalty: float = 1.0
    n_best: int = 1
    scores: bool = False


def configuration(given: Any, place: Place, default: Configuration) -> Configuration:
    """What the member at `place` sets, the rest by default. Raises `InvalidData`."""
    if given is None:
        return default
    if not isinstance(given, dict):
        raise InvalidData(place=place, expected="an object", got=quotation.of_json(given))
    require_known(given, tuple(_READ), place)
    values = {name: _READ[name](value, (*place, name)) for name, value in given.items() if value is not None}
    wanted = replace(default, **values)
    if wanted.n_best > wanted.beam_size:
        expected = f"at most beam_size, {wanted.beam_size}"
        raise InvalidData(place=(*place, "n_best"), expected=expected, got=str(wanted.n_best))
    return wanted


def _flag(value: Any, place: Place) -> bool:
    """A boolean, or its name as SageMaker's notebook sends it."""
    found = value if isinstance(value, bool) else WORDS.get(value) if isinstance(value, str) else None
    if found is None:
        raise InvalidData(place=place, expected="true or false", got=quotation.of_json(value))
    return found


def _width(value: Any, place: Place) -> int:
    if type(value) is not int or not 1 <= value <= WIDEST:
        raise InvalidData(place=place, expected=f"an integer from 1 to {WIDEST}", got=quotation.of_json(value))
    return value


def _penalty(value: Any, place: Place) -> float:
    if type(value) not in (int, float) or not 0 <= value <= LARGEST_PENALTY:
        raise InvalidData(place=place, expected=f"a number from 0 to {LARGEST_PENALTY:g}", got=quotation.of_json(value))
    return float(value)


_READ: dict[str, Callable[[Any, Place], Any]] = {
    "attention_matrix": _flag,
    "beam_size": _width,
    "length_penalty": _penalty,
    "n_best": _width,
    "scores": _flag,
}
