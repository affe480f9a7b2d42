"""Where in its input an error is: a path from the outermost part to the innermost, as data; rendered only here."""

import json
from collections.abc import Hashable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """What the input came from: a file, a channel, a header, a setting."""

    name: str


@dataclass(frozen=True, slots=True)
class At:
    """A counted position: `At("line", 3)`."""

    noun: str
    number: int


@dataclass(frozen=True, slots=True)
class Key:
    """The key of an entry of a dict, or the name of a column: `Key("MT_001")`, as text `["MT_001"]`."""

    key: Hashable

    @property
    def text(self) -> str:
        return json.dumps(self.key, ensure_ascii=False) if isinstance(self.key, str) else repr(self.key)


Part = str | int | Source | At | Key  # a string is a member of an object, an integer an index into a list
Place = tuple[Part, ...]


def text_of(place: Place) -> str:
    """A place as text: `a.csv: row 3, column 2`, `a.json, line 7: target[0]`, `instances[2].cat`.

    Half of a surrogate pair, of a key or of a file's name that is not UTF-8, is escaped, as it cannot be encoded.
    """
    text, before = "", None
    for part in place:
        text += _separator(before, part)
        if isinstance(part, At):
            text += f"{part.noun} {part.number}"
        elif isinstance(part, Source):
            text += part.name
        elif isinstance(part, Key):
            text += f"[{part.text}]"
        else:
            text += f"[{part}]" if isinstance(part, int) else part
        before = part
    return text.encode("utf-8", "backslashreplace").decode()


def as_json(place: Place) -> list[str | int | dict[str, str | int]]:
    """A place as JSON: `[{"source": "a.csv"}, {"row": 3}]`, `["instances", 2, "cat"]`."""
    written: list[str | int | dict[str, str | int]] = []
    for part in place:
        if isinstance(part, At):
            written.append({part.noun: part.number})
        elif isinstance(part, Key):
            written.append(part.key if isinstance(part.key, str | int) else part.text)
        else:
            written.append({"source": part.name} if isinstance(part, Source) else part)
    return written


def _separator(before: Part | None, part: Part) -> str:
    if before is None or isinstance(part, int | Key):
        return ""
    if isinstance(before, At):
        return ", " if isinstance(part, At) else ": "
    if isinstance(before, Source):
        return ", " if isinstance(part, At) and part.noun == "line" else ": "
    return "." if isinstance(part, str) else ", "
