"""The supported part of JSONPath: members, indices, slices and lists of these.

Source: "Associate Prediction Results with Input Records", AWS's developer guide.
"""

import re
from collections.abc import Callable
from typing import Any

STEP = re.compile(r"\.(\w+)|\[([^\[\]]+)\]")


def selection(path: str) -> Callable[[Any], Any]:
    """A function that selects `path` from an object, an array or the fields of a row. Raises `ValueError`."""
    if not path.startswith("$"):
        raise ValueError(f"{path!r}: expected a JSONPath, such as $[1:] or $.features.")
    steps, place = [], 1
    while place < len(path):
        found = STEP.match(path, place)
        if found is None:
            raise ValueError(f"{path!r}: not supported from {path[place:]!r}.")
        steps.append(_step(found[1] if found[1] is not None else found[2].strip(), found[1] is not None, path))
        place = found.end()

    def select(record: Any) -> Any:
        for step in steps:
            record = step(record)
        return record

    return select


def _step(text: str, named: bool, path: str) -> Callable[[Any], Any]:
    parts = [text] if named else [part.strip() for part in text.split(",")]
    if named or all(re.fullmatch(r"'[^']*'|\"[^\"]*\"", part) for part in parts):
        names = parts if named else [part[1:-1] for part in parts]
        if len(names) == 1:
            return lambda record: record[names[0]]
        return lambda record: {name: record[name] for name in names}
    if re.fullmatch(r"(-?\d+)?:(-?\d+)?", text):
        first, last = (int(bound) if bound else None for bound in text.split(":"))
        return lambda record: record[first:last]
    if all(re.fullmatch(r"-?\d+", part) for part in parts):
        places = [int(part) for part in parts]
        if len(places) == 1:
            return lambda record: record[places[0]]
        return lambda record: [record[place] for place in places]
    raise ValueError(f"{path!r}: [{text}] is not supported.")
