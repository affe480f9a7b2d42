"""Requests: JSON and JSON Lines to series and the configuration of the response.

    {"instances": [{"start": "2009-11-01 00:00:00", "target": [4.0, null, 5.5], "cat": [0]}, …],
     "configuration": {"num_samples": 50, "output_types": ["mean", "quantiles"], "quantiles": ["0.5", "0.9"]}}

In JSON Lines each line is an instance, and the configuration is the server's. Bare instances as JSON, a single one or
one a line, are also accepted.

Source: "DeepAR Inference Formats", AWS's developer guide.
"""

import io
import json
import math
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from forecastle.algorithms.deepar.inference import footprint
from forecastle.algorithms.deepar.inference.configuration import LIVE, SEEDS, Configuration, configuration
from forecastle.algorithms.deepar.inference.instance import read_instance
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import MEMBERS, Series
from forecastle.algorithms.interface import Payload
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.media_type import JSON_LINES
from forecastle.contract.place import At
from forecastle.formats import json_document
from forecastle.formats.json_members import may_repeat
from forecastle.formats.json_size import require_readable
from forecastle.formats.members import require_instances


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Request:
    """Series to forecast, and the configuration of the response.

    `seed` is the configuration's, or one drawn for this request.
    """

    series: tuple[Series, ...]
    configuration: Configuration
    seed: int


def decode(payload: Payload, network: Network, batch: Configuration, live: Configuration = LIVE) -> Request:
    """Parse a body; `batch` is the configuration of JSON Lines, `live` that of a JSON request without one.

    Raises `InvalidData` with the place of the error, `PayloadTooLarge` if the response would not fit into memory.
    """
    payload.content_type.require_utf8()
    if payload.content_type.essence == JSON_LINES:
        return _of_lines(payload.body, network, batch, payload.threads)
    return _of_document(payload.body, network, batch, live, payload.threads)


def _of_document(body: bytes, network: Network, batch: Configuration, live: Configuration, threads: int) -> Request:
    try:
        document = parse(body)
    except InvalidData:
        if _begins_with_an_instance(body):
            return _of_lines(body, network, batch, threads)
        raise
    if _is_instance(document):
        footprint.require(1, network, batch, threads)
        return request_of((read_instance(document, network, ("instance",)),), batch)
    document, instances = require_instances(document, "series")
    given = document.get("configuration")
    wanted = live if given is None else configuration(given, live)
    footprint.require(len(instances), network, wanted, threads)
    series = (read_instance(instance, network, ("instances", index)) for index, instance in enumerate(instances))
    return request_of(tuple(series), wanted)


def _is_instance(document: Any) -> bool:
    """Whether a document is a bare instance."""
    return isinstance(document, dict) and "target" in document and "instances" not in document


def _begins_with_an_instance(body: bytes) -> bool:
    """Whether the first line is a whole instance."""
    try:
        return _is_instance(parse(body.lstrip().partition(b"\n")[0]))
    except InvalidData:
        return False


def _of_lines(body: bytes, network: Network, wanted: Configuration, threads: int) -> Request:
    count = sum(1 for _ in _lines(body))
    if not count:
        raise InvalidData(place=(At("line", 1),), expected="a series", got="nothing")
    footprint.require(count, network, wanted, threads)
    series = (read_instance(parse(line, number), network, (At("line", number),)) for number, line in _lines(body))
    return request_of(tuple(series), wanted)


def _lines(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, each with its number; a generator, as there may be millions."""
    for number, line in enumerate(io.BytesIO(body), 1):
        if not line.isspace():
            yield number, line.removesuffix(b"\n")


def request_of(series: tuple[Series, ...], wanted: Configuration) -> Request:
    """The request for forecasts of these series, with a new seed if the configuration has none."""
    return Request(series, wanted, secrets.randbelow(SEEDS) if wanted.seed is None else wanted.seed)


def parse(body: bytes, first_line: int = 1) -> Any:
    """The JSON value of `body`, whose first line has number `first_line`, and which may contain NaN.

    Raises `InvalidData` with the place of the error, `PayloadTooLarge` if its objects would not fit into memory.
    """
    require_readable(body, "ask for fewer series at a time")
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        pass  # below: find the error and its place, or read NaN, which Python writes although it is not JSON
    else:
        if not _may_repeat(body, document):
            return document
        return json_document.parse(json_document.decode_text(body), first_line)
    text = json_document.decode_text(body)
    try:
        return json.loads(text, parse_int=_integer, parse_float=_real if _LARGE.search(text) else None)
    except (json.JSONDecodeError, RecursionError):
        return json_document.parse(text, first_line)


def _may_repeat(body: bytes, document: Any) -> bool:
    instances = document.get("instances") if isinstance(document, dict) else None
    return may_repeat(body, document, MEMBERS, len(instances) if isinstance(instances, list) else 1)


def _integer(token: str) -> int | float:
    return int(token) if len(token) < 20 else _real(token)


def _real(token: str) -> float:
    """A number; one that is too large for a float keeps its text, for errors."""
    value = float(token)
    return value if math.isfinite(value) else quotation.Written.parse(token)


_LARGE = re.compile(r"[eE]\+?[0-9]{3}|[0-9]{200}")  # in numbers that may be too large for a float
