"""JSON Lines: one instance per line, in the forms of `json`."""

from forecastle.contract.media_type import JSON_LINES, MediaType
from forecastle.formats import json, json_document
from forecastle.formats.block import Block
from forecastle.formats.format import Format


def decode(body: bytes, *, width: int | None, max_bytes: int) -> Block:
    """The instances as rows, one per line, with `width` columns if it is given. Blank lines are ignored.

    Raises `InvalidData` with line and place, `PayloadTooLarge` as `json.decode` does.
    """
    rows = json.scan(body, lines=True, width=width, max_bytes=max_bytes)
    return json_document.decode_lines(body, width=width, max_bytes=max_bytes) if rows is None else rows


def _decode_request(body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block:  # noqa: ARG001
    return decode(body, width=width, max_bytes=max_bytes)


FORMAT = Format(JSON_LINES, _decode_request)
