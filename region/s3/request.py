"""A request to S3, parsed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from forecastle.region.s3.addressing import bucket_and_key
from forecastle.region.s3.body import Body, Receive
from forecastle.region.s3.conditions import Conditions
from forecastle.region.s3.errors import S3Error


@dataclass(frozen=True, slots=True)
class Request:
    """A request; `bucket` and `key` are "" if it has none; header names are in lower case."""

    method: str
    bucket: str
    key: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Body
    path: str

    @property
    def conditions(self) -> Conditions:
        return conditions_of(self.headers, "")

    def number(self, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
        """An integer in the query; InvalidArgument for anything else."""
        text = self.query.get(name) or str(default)
        if not (text.isascii() and text.isdigit() and least <= int(text) <= most):
            sentence = f"Provided {name} not an integer or within integer range"
            raise S3Error("InvalidArgument", sentence, ArgumentName=name, ArgumentValue=text)
        return int(text)


def conditions_of(headers: Mapping[str, str], prefix: str) -> Conditions:
    """The conditional headers whose names start with `prefix`, such as x-amz-copy-source-."""
    names = ("if-match", "if-none-match", "if-modified-since", "if-unmodified-since")
    return Conditions(*(headers.get(prefix + name) for name in names))


def request_of(scope: Mapping[str, Any], receive: Receive) -> Request:
    """Parse an ASGI scope; InvalidURI for a path or a query that is not UTF-8."""
    headers: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1").lower()
        headers[name] = f"{headers[name]},{value.decode('latin-1')}" if name in headers else value.decode("latin-1")
    raw_path = scope.get("raw_path") or scope["path"].encode()
    bucket, key = bucket_and_key(headers.get("host", ""), raw_path)
    try:
        query = dict(parse_qsl(scope["query_string"].decode("ascii"), keep_blank_values=True, errors="strict"))
    except ValueError:
        raise S3Error("InvalidURI", URI=raw_path.decode("latin-1")) from None
    return Request(scope["method"], bucket, key, query, headers, Body(receive, headers), raw_path.decode("latin-1"))
