"""JSON Lines: an instance a line, as `contract.formats.json` has it."""

from forecastle.contract.errors import InvalidData
from forecastle.formats import json, json_document
from forecastle.formats.block import Block


def decode(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The instances as rows, one a line, with `width` columns where it is given. Blank lines are passed over.

    Raises `InvalidData` with line and place, `PayloadTooLarge` as `json.decode` does.
    """
    rows = json.scan(body, lines=True, width=width, max_bytes=max_bytes)
    return _read(body, width, max_bytes) if rows is None else rows


def _read(body: bytes, width: int | None, max_bytes: int) -> Block:
    rows, empty = json_document.Rows(width), True
    for number, line in enumerate(json_document.decode_text(body).split("\n"), 1):
        if line.strip():
            rows.append(json_document.parse(line, number, quotable=True), f"line {number}: instance")
            empty = False
    if empty:
        raise InvalidData("line 1: expected an instance, got nothing.")
    return rows.dense(max_bytes)
