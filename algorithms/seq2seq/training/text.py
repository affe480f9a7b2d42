"""Pairs of texts in a file: JSON Lines with `source` and `target`, or lines with a tab between the two."""

from collections.abc import Iterator
from typing import Any, BinaryIO

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At, Place
from forecastle.formats import json_document
from forecastle.formats.translation.tokens import require_unicode

MEMBERS = ("source", "target")
_TITLE = ["source", "target"]  # a first line that is not a pair


def read_texts(stream: BinaryIO) -> Iterator[tuple[Place, str, str]]:
    """Each pair with the place of its line. Further columns and members are ignored, blank lines skipped.

    Raises `InvalidData` with the line of an error.
    """
    json_lines: bool | None = None
    for number, line in enumerate(stream, start=1):
        place: Place = (At("line", number),)
        text = _decoded(line, place)
        if not text.strip():
            continue
        if json_lines is None:
            json_lines = text.lstrip().startswith("{")
            if not json_lines and text.split("\t")[:2] == _TITLE:
                continue
        source, target = _of_json(text, number) if json_lines else _of_columns(text, place)
        for name, value in zip(MEMBERS, (source, target), strict=True):
            require_unicode(value, (*place, name))
            if not value.strip():
                raise InvalidData(place=(*place, name), expected="a text", got="an empty one")
        yield place, source, target


def _decoded(line: bytes, place: Place) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError as error:
        got = f"the byte 0x{line[error.start]:02x} at byte {error.start + 1} of the line"
        raise InvalidData(place=place, expected="text in UTF-8", got=got) from None
    return text.rstrip("\r\n").removeprefix("\ufeff")


def _of_json(text: str, number: int) -> tuple[str, str]:
    place: Place = (At("line", number),)
    document: Any = json_document.parse(text, number)
    if not isinstance(document, dict):
        expected = 'an object with "source" and "target"'
        raise InvalidData(place=place, expected=expected, got=quotation.of_json(document))
    for name in MEMBERS:
        if name not in document:
            raise InvalidData(place=place, expected=f'"{name}", which is missing')
        if not isinstance(document[name], str):
            got = quotation.of_json(document[name])
            raise InvalidData(place=(*place, name), expected="a string", got=got)
    return document["source"], document["target"]


def _of_columns(text: str, place: Place) -> tuple[str, str]:
    columns = text.split("\t")
    if len(columns) < 2:
        raise InvalidData(
            place=place,
            expected="a source text, a tab and its target text",
            got=f"no tab in {quotation.of_text(text.encode())}",
        )
    if len(columns) == 4 and columns[0].isdecimal() and columns[2].isdecimal():  # Tatoeba's, each text after its id
        return columns[1], columns[3]
    return columns[0], columns[1]
