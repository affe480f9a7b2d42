"""The protocols against botocore's client, with random values of each shape."""

import io
from typing import Any

import botocore.session
import pytest
from botocore.awsrequest import AWSRequest, HeadersDict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecastle.region.operations import OPERATIONS
from forecastle.region.wire.exchange import Request
from forecastle.region.wire.models import Models
from forecastle.region.wire.parsing import matched, parse_json, parse_query, parse_rest
from forecastle.region.wire.rendering import render_json, render_query, render_rest

MODELS = Models()
DEEPEST = 3
PROTOCOLS: dict[str, tuple[str, Any, Any]] = {
    "json": ("json", parse_json, render_json),
    "query": ("query", parse_query, render_query),
    "rest-json": ("rest-json", parse_rest, render_rest),
}
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs"), exclude_characters="￾￿"), min_size=1)
HEADER = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


def protocol(service: str) -> str:
    stated = str(MODELS[service].metadata["protocol"])
    return "json" if stated.startswith("smithy") else stated


def values(shape: Any, depth: int = 0) -> st.SearchStrategy[Any]:
    """Random values of a shape, without its constraints."""
    kind = shape.type_name
    if kind == "structure":
        wanted = shape.required_members if depth >= DEEPEST else list(shape.members)
        required = {name: member(shape.members[name], depth) for name in shape.required_members}
        optional = {name: member(shape.members[name], depth) for name in wanted if name not in required}
        return st.fixed_dictionaries(required, optional=optional)
    if kind == "list":
        return st.lists(values(shape.member, depth + 1), min_size=1, max_size=2)
    if kind == "map":
        return st.dictionaries(TEXT, values(shape.value, depth + 1), min_size=1, max_size=2)
    return {
        "string": st.sampled_from(shape.enum) if getattr(shape, "enum", None) else TEXT,
        "integer": st.integers(-(2**31), 2**31 - 1),
        "long": st.integers(-(2**53), 2**53),
        "float": st.floats(allow_nan=False, allow_infinity=False, width=32),
        "double": st.floats(allow_nan=False, allow_infinity=False),
        "boolean": st.booleans(),
        "timestamp": st.integers(0, 2**31),
        "blob": st.binary(min_size=1),
    }[kind]


def member(shape: Any, depth: int) -> st.SearchStrategy[Any]:
    if shape.serialization.get("location") in ("header", "uri", "querystring") and shape.type_name == "string":
        return st.sampled_from(shape.enum) if getattr(shape, "enum", None) else HEADER
    return values(shape, depth + 1)


def operations() -> list[tuple[str, str]]:
    return [(service, name) for service, table in OPERATIONS.items() for name in table]


@pytest.mark.parametrize(("service", "name"), operations())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_a_request_is_parsed_as_the_client_serialised_it(service: str, name: str, data: st.DataObject) -> None:
    operation = MODELS[service].operation_model(name)
    if operation.input_shape is None:
        return
    sent = data.draw(values(operation.input_shape))
    kind, parse, _ = PROTOCOLS[protocol(service)]
    serialized = create_serializer(kind, include_validation=False).serialize_to_request(sent, operation)
    prepared = AWSRequest(
        method=serialized["method"],
        url="http://127.0.0.1" + serialized["url_path"],
        params=serialized["query_string"] if isinstance(serialized["query_string"], dict) else None,
        data=serialized["body"],
        headers=serialized["headers"],
    ).prepare()
    path, _, query = prepared.url.removeprefix("http://127.0.0.1").partition("?")
    headers = {each.lower(): _text(value) for each, value in prepared.headers.items()}
    body = prepared.body.encode() if isinstance(prepared.body, str) else prepared.body or b""
    request = Request(serialized["method"], path, query, headers, body)
    if kind == "rest-json":
        assert matched(operation, request) is not None
    got = parse(operation, request)
    assert _filled(got) == _filled(sent) if kind == "query" else got == sent


@pytest.mark.parametrize(("service", "name"), operations())
@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(data=st.data())
def test_a_response_is_parsed_as_it_was_meant(service: str, name: str, data: st.DataObject) -> None:
    operation = MODELS[service].operation_model(name)
    if operation.output_shape is None or operation.has_event_stream_output:
        return
    meant = data.draw(values(operation.output_shape))
    for each, shape in operation.output_shape.members.items():
        if shape.serialization.get("location") == "statusCode":
            meant[each] = 200  # otherwise the client parses an error
    kind, _, render = PROTOCOLS[protocol(service)]
    answer = render(operation, meant)
    parser = create_parser(kind)
    parser._timestamp_parser = lambda value: float(value) if not isinstance(value, str) else _seconds(value)
    headers = HeadersDict(answer.headers)
    body = io.BytesIO(answer.body) if operation.has_streaming_output else answer.body
    response = {"status_code": answer.status, "headers": headers, "body": body, "context": {}}
    got = parser.parse(response, operation.output_shape)
    got.pop("ResponseMetadata")
    payload = operation.output_shape.serialization.get("payload")
    if payload is not None:
        got[payload] = got[payload].read()
        meant.setdefault(payload, b"")  # bodies may be empty
    assert _filled(got) == _filled(meant) if kind == "query" else got == meant


def _filled(value: Any) -> Any:
    """Without empty structures and lists, which the query protocol cannot express."""
    if isinstance(value, dict):
        return {name: each for name, inner in value.items() if (each := _filled(inner)) not in ({}, [])}
    return [each for inner in value if (each := _filled(inner)) not in ({}, [])] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float(botocore.session.botocore.utils.parse_timestamp(text).timestamp())
