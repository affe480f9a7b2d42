"""Cross-origin requests of web pages, by the CORS rules of a bucket.

Source: "Using cross-origin resource sharing (CORS)", Amazon S3's user guide.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from forecastle.region.s3 import buckets, xml
from forecastle.region.s3.errors import S3Error
from forecastle.region.s3.request import Request
from forecastle.region.s3.store import Store

METHODS = ("GET", "PUT", "POST", "DELETE", "HEAD")
VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: the origins, methods and request headers that it allows, and the response headers that pages may read."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    max_age: str | None

    def allows(self, origin: str, method: str, headers: Sequence[str]) -> bool:
        return (
            any(_matches(pattern, origin) for pattern in self.origins)
            and method in self.methods
            and all(any(_matches(pattern.lower(), name) for pattern in self.headers) for name in headers)
        )

    def response_headers(self, origin: str, headers: Sequence[str] = ()) -> dict[str, str]:
        """The headers for a request from `origin`; `headers` are those that a preflight request names."""
        anyone = "*" in self.origins
        found = {
            "access-control-allow-origin": "*" if anyone else origin,
            "access-control-allow-methods": ", ".join(self.methods),
            "access-control-allow-headers": ", ".join(headers),
            "access-control-expose-headers": ", ".join(self.exposed),
            "access-control-max-age": self.max_age or "",
            "access-control-allow-credentials": "" if anyone else "true",
            "vary": VARY,
        }
        return {name: value for name, value in found.items() if value}


def rules_of(root: Element) -> tuple[Rule, ...]:
    """The rules in a CORSConfiguration; MalformedXML, or InvalidRequest for an unsupported method."""
    rules = tuple(_rule(element) for element in root.findall("CORSRule"))
    if not rules:
        raise S3Error("MalformedXML")
    for rule in rules:
        if not (rule.origins and rule.methods):
            raise S3Error("MalformedXML")
        for method in rule.methods:
            if method not in METHODS:
                sentence = f"Found unsupported HTTP method in CORS config. Unsupported method is {method}"
                raise S3Error("InvalidRequest", sentence)
    return rules


def headers_for(store: Store, request: Request) -> Mapping[str, str] | None:
    """The response headers for a request with `Origin`; None if no rule of the bucket allows it."""
    origin, method, asked = _asked(request)
    for rule in _rules(store, request.bucket):
        if rule.allows(origin, method, asked):
            return rule.response_headers(origin, asked)
    return None


def refusal(store: Store, request: Request) -> S3Error:
    """The error for a request that no rule of the bucket allows."""
    _, method, _ = _asked(request)
    reason = (
        "This CORS request is not allowed. This is usually because the evalution of Origin, request method / "
        "Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS "
        "spec."
        if _rules(store, request.bucket)
        else "CORS is not enabled for this bucket."
    )
    level = "OBJECT" if request.key else "BUCKET"
    return S3Error("AccessForbidden", f"CORSResponse: {reason}", Method=method, ResourceType=level)


def _asked(request: Request) -> tuple[str, str, list[str]]:
    """The origin, the method, and the headers that a preflight request asks for."""
    headers = request.headers
    method = headers.get("access-control-request-method", "") if request.method == "OPTIONS" else request.method
    names = headers.get("access-control-request-headers", "") if request.method == "OPTIONS" else ""
    return headers.get("origin", ""), method, [name.strip().lower() for name in names.split(",") if name.strip()]


def _rules(store: Store, bucket: str) -> tuple[Rule, ...]:
    try:
        with store.database.read() as connection:
            document = buckets.setting(connection, bucket, "cors")
    except S3Error:
        return ()
    return () if document is None else rules_of(xml.parsed(document.encode(), "CORSConfiguration"))


def _rule(element: Element) -> Rule:
    def texts(name: str) -> tuple[str, ...]:
        return tuple((each.text or "").strip() for each in element.findall(name))

    return Rule(
        texts("AllowedOrigin"),
        texts("AllowedMethod"),
        texts("AllowedHeader"),
        texts("ExposeHeader"),
        element.findtext("MaxAgeSeconds"),
    )


def _matches(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern, in which * stands for any characters."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text) is not None
