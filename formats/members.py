"""The members of a request's JSON object: unknown ones are refused rather than silently ignored."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place


def require_known(names: Iterable[str], known: Sequence[str], place: Place = ()) -> None:
    """Raise `InvalidData` for the first unknown name, with the closest known one; `place` is that of the object."""
    for name in names:
        if name not in known:
            shown = name if name.isidentifier() and len(name) <= quotation.LONGEST else quotation.of_json(name)
            near = get_close_matches(name[: quotation.LONGEST], known, n=1)
            hint = f": did you mean {near[0]}?" if near else f"; known are {', '.join(known)}."
            raise InvalidData(f"unknown member{hint}", place=(*place, shown))


def require_instances(document: object, noun: str) -> tuple[dict[str, Any], list[Any]]:
    """A request and its `instances`, beside which there may be a `configuration`; `noun` is what an instance is.

    Raises `InvalidData` if it is something else, or without an instance.
    """
    if not isinstance(document, dict):
        raise InvalidData(expected="an object", got=quotation.of_json(document))
    require_known(document, ("instances", "configuration"))  # first, as a misspelled "instances" is also missing
    if "instances" not in document:
        raise InvalidData(expected='"instances", which is missing')
    instances = document["instances"]
    if not isinstance(instances, list):
        raise InvalidData(place=("instances",), expected="a list", got=quotation.of_json(instances))
    if not instances:
        raise InvalidData(place=("instances",), expected=f"at least one {noun}", got="none")
    return document, instances
