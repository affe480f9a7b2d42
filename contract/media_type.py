"""Media types: Content-Type headers, and the choice of a type for an Accept header."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import Message
from email.utils import collapse_rfc2231_value

from forecastle.contract.errors import InvalidData, NotAcceptable, UnsupportedMediaType
from forecastle.contract.place import Source

CSV = "text/csv"
JSON = "application/json"
JSON_LINES = "application/jsonlines"
RECORDIO = "application/x-recordio-protobuf"
PARQUET = "application/x-parquet"
KNOWN = (CSV, JSON, JSON_LINES, RECORDIO, PARQUET)

CONTENT_TYPE, ACCEPT = (Source("Content-Type"),), (Source("Accept"),)  # the places of errors in these headers
LONGEST = 1024  # characters of a media type with its parameters

# Other names in use, in headers and in channels.
SYNONYMS = {
    "application/x-jsonlines": JSON_LINES,
    "application/jsonl": JSON_LINES,
    "application/json-lines": JSON_LINES,
    "application/x-ndjson": JSON_LINES,
    "application/ndjson": JSON_LINES,
    "application/csv": CSV,
    "text/json": JSON,
    "csv": CSV,
    "json": JSON,
    "jsonl": JSON_LINES,
    "jsonlines": JSON_LINES,
    "parquet": PARQUET,
}


@dataclass(frozen=True, slots=True)
class MediaType:
    """A media type and its parameters: `text/csv; label_size=1` is `MediaType("text/csv", {"label_size": "1"})`."""

    essence: str
    parameters: dict[str, str]

    def __str__(self) -> str:
        """The text of a Content-Type header; `parse` reads it back."""
        return "; ".join([self.essence, *(f"{name}={_quoted(value)}" for name, value in self.parameters.items())])

    @classmethod
    def parse(cls, text: str) -> "MediaType":
        """Parse a Content-Type header. Raises `InvalidData` if it is not a media type."""
        if len(text) > LONGEST:  # the time to parse it may grow with the square of its length
            raise InvalidData(place=CONTENT_TYPE, expected=f"at most {LONGEST} characters", got=str(len(text)))
        message = Message()
        message["Content-Type"] = text
        pairs = message.get_params(failobj=[])
        essence = pairs[0][0].strip().lower() if pairs else ""
        essence = SYNONYMS.get(essence, essence)
        kind, slash, subtype = essence.partition("/")
        if not (kind and slash and subtype) or any(c.isspace() for c in essence):
            raise InvalidData(place=CONTENT_TYPE, expected=f"a media type such as {CSV}", got=f"{text!r:.42}")
        return cls(
            essence,
            # collapse_rfc2231_value: only the value is left of charset*=utf-8''x (RFC 2231)
            {key.lower(): collapse_rfc2231_value(value) for key, value in pairs[1:] if key},
        )

    def require_utf8(self) -> None:
        """Raise `UnsupportedMediaType` if a charset other than UTF-8 is given."""
        charset = self.parameters.get("charset", "utf-8")
        if charset.lower() not in ("utf-8", "utf8", "us-ascii", "ascii"):
            got = f"charset={charset:.40}"
            raise UnsupportedMediaType(place=CONTENT_TYPE, expected="charset=utf-8", got=got)


def _quoted(value: str) -> str:
    if re.fullmatch(r"[\w!#$%&'*+.^`|~-]+", value):
        return value
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def negotiate(accept: str | None, offered: Sequence[str]) -> str:
    """The type among `offered` that the header `accept` prefers; of equals, the one offered first.

    Quality values, `type/*` and `*/*` work as in RFC 9110, section 12.5.1: the most specific range that matches a type
    gives its quality. Raises `NotAcceptable` if every offered type has quality 0.
    """
    if accept is None or not accept.strip():
        return offered[0]
    ranges = [_range(part) for part in accept.split(",") if part.strip()]
    best = max(offered, key=lambda offer: _quality(offer, ranges))  # max keeps the first of equals
    if _quality(best, ranges) <= 0:
        raise NotAcceptable(place=ACCEPT, expected=f"one of {', '.join(offered)}", got=f"{accept!r:.42}")
    return best


def _range(text: str) -> tuple[str, float]:
    essence, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = 1.0
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                quality = min(1.0, max(0.0, float(value)))
            except ValueError:
                quality = 0.0
    return SYNONYMS.get(essence, essence), quality


def _quality(offer: str, ranges: Sequence[tuple[str, float]]) -> float:
    specificity = {offer: 3, offer.partition("/")[0] + "/*": 2, "*/*": 1, "*": 1}
    matches = [(specificity[essence], quality) for essence, quality in ranges if essence in specificity]
    return max(matches)[1] if matches else 0.0
