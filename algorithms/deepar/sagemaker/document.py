"""JSON files of an artifact: one object, without repeated names."""

import json
from pathlib import Path
from typing import Any

from forecastle.contract.errors import InvalidData

MOST_BYTES = 2**20  # of the configuration
MOST_GRAPH_BYTES = 64 * 2**20  # the largest one known has 0.4 MB, 15 KB for each step of the network


def read_bytes(path: Path, most: int) -> bytes:
    """A file's content. Raises `InvalidData` if it is missing, not a regular file, or larger than `most` bytes."""
    try:
        if not path.is_file():
            raise InvalidData(expected="this file of the model, but it is missing")
        size = path.stat().st_size
        if size > most:
            raise InvalidData(expected=f"at most {most} bytes", got=str(size))
        return path.read_bytes()
    except OSError as error:
        raise InvalidData(f"cannot be read ({error.strerror}).") from None


def read_object(content: bytes) -> dict[str, Any]:
    """The object in a JSON text. Raises `InvalidData`."""
    try:
        document = json.loads(content, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise InvalidData(expected="JSON of a few levels", got="hundreds of them") from None
    except ValueError as error:
        raise InvalidData(expected=f"JSON ({error})") from None
    if not isinstance(document, dict):
        raise InvalidData(expected="a JSON object")
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the member {repeated[:40]!r} appears twice")
    return members


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is not a JSON number")
