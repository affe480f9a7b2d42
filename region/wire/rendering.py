"""Responses and errors in AWS's protocols: JSON, query (XML) and REST-JSON.

Members that are None or not in the model are omitted.
"""

import base64
import json
import math
import uuid
from datetime import UTC, datetime
from typing import Any
from xml.sax.saxutils import escape

from forecastle.region.wire.event_stream import CONTENT_TYPE, payload_parts
from forecastle.region.wire.exchange import Answer
from forecastle.region.wire.refusal import Refusal


def render_json(operation: Any, values: dict[str, Any], version: str = "1.1") -> Answer:
    """A response whose body is a JSON object."""
    body = _dumped(_to_json(operation.output_shape, values)) if operation.output_shape else b"{}"
    return Answer(200, {"Content-Type": f"application/x-amz-json-{version}", **_request_id()}, body)


def render_query(operation: Any, values: dict[str, Any]) -> Answer:
    """A response of the query protocol, in XML."""
    namespace = operation.service_model.metadata.get("xmlNamespace", "")
    request_id = _request_id()
    inside = ""
    if operation.output_shape is not None:
        wrapper = operation.output_shape.serialization.get("resultWrapper", f"{operation.name}Result")
        inside = f"<{wrapper}>{_to_xml(operation.output_shape, values)}</{wrapper}>"
    metadata = f"<ResponseMetadata><RequestId>{request_id['x-amzn-RequestId']}</RequestId></ResponseMetadata>"
    name = f"{operation.name}Response"
    body = f'<{name} xmlns="{namespace}">{inside}{metadata}</{name}>'
    return Answer(200, {"Content-Type": "text/xml", **request_id}, body.encode())


def render_rest(operation: Any, values: dict[str, Any], status: int | None = None) -> Answer:
    """A response of REST-JSON: members in headers and in the body, according to the model."""
    shape, code = operation.output_shape, status or operation.http.get("responseCode", 200)
    headers = _request_id()
    if shape is None:
        return Answer(code, headers)
    inside: dict[str, Any] = {}
    payload = shape.serialization.get("payload")
    body: bytes | None = None
    for name, member in sorted(shape.members.items(), key=lambda each: each[0] == payload):  # the payload last
        value, where = values.get(name), member.serialization.get("location")
        key = member.serialization.get("name", name)
        if value is None:
            continue
        if where == "header":
            headers[key] = str(value)
        elif where == "statusCode":
            code = value
        elif name == payload and member.serialization.get("eventstream"):
            return Answer(code, {**headers, "Content-Type": CONTENT_TYPE}, parts=payload_parts(value))
        elif name == payload:
            body = value if isinstance(value, bytes) else _dumped(_to_json(member, value))
        else:
            inside[key] = _to_json(member, value)
    if payload is None:
        body = b"" if code == 204 else _dumped(inside)
        headers.setdefault("Content-Type", "application/json")
    return Answer(code, headers, body or b"")


def refuse_json(refusal: Refusal, version: str = "1.1") -> Answer:
    """An error of the JSON protocols."""
    headers = {"Content-Type": f"application/x-amz-json-{version}", **_request_id()}
    content = {"__type": refusal.code, "message": refusal.sentence, "Message": refusal.sentence, **refusal.members}
    return Answer(refusal.status, headers, _dumped(content))


def refuse_query(refusal: Refusal) -> Answer:
    """An error of the query protocol."""
    request_id = _request_id()
    whose = "Sender" if refusal.status < 500 else "Receiver"
    error = f"<Type>{whose}</Type><Code>{escape(refusal.code)}</Code><Message>{escape(refusal.sentence)}</Message>"
    body = (
        f"<ErrorResponse><Error>{error}</Error><RequestId>{request_id['x-amzn-RequestId']}</RequestId></ErrorResponse>"
    )
    return Answer(refusal.status, {"Content-Type": "text/xml", **request_id}, body.encode())


def refuse_rest(refusal: Refusal) -> Answer:
    """An error of REST-JSON, with its code in a header."""
    headers = {"Content-Type": "application/json", "x-amzn-ErrorType": refusal.code, **_request_id()}
    content = {"message": refusal.sentence, "Message": refusal.sentence, **refusal.members}
    return Answer(refusal.status, headers, _dumped(content))


def _request_id() -> dict[str, str]:
    return {"x-amzn-RequestId": str(uuid.uuid4())}


def _dumped(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _to_json(shape: Any, value: Any) -> Any:
    kind = shape.type_name
    if kind == "structure":
        return {
            member.serialization.get("name", name): _to_json(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [_to_json(shape.member, each) for each in value]
    if kind == "map":
        return {name: _to_json(shape.value, each) for name, each in value.items()}
    if kind == "timestamp":
        if shape.serialization.get("timestampFormat") == "iso8601":
            return _iso(value)
        return round(value, 3)
    if kind == "blob":
        return base64.b64encode(value).decode()
    if kind in ("float", "double") and not math.isfinite(value):
        return {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")
    return value


def _to_xml(shape: Any, value: Any) -> str:
    kind = shape.type_name
    if kind == "structure":
        return "".join(
            _element(member, member.serialization.get("name", name), value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        )
    if kind == "list":
        name = shape.member.serialization.get("name", "member")
        return "".join(f"<{name}>{_to_xml(shape.member, each)}</{name}>" for each in value)
    if kind == "map":
        entries = (f"<key>{escape(k)}</key><value>{_to_xml(shape.value, v)}</value>" for k, v in value.items())
        return "".join(f"<entry>{entry}</entry>" for entry in entries)
    if kind == "timestamp":
        return _iso(value)
    if kind == "boolean":
        return "true" if value else "false"
    return escape(base64.b64encode(value).decode() if kind == "blob" else str(value))


def _element(shape: Any, name: str, value: Any) -> str:
    return f"<{name}>{_to_xml(shape, value)}</{name}>"


def _iso(value: float) -> str:
    return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
