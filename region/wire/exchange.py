"""An HTTP request and its answer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, unquote

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Request:
    """A client's request; header names are in lower case, `path` is percent-decoded, `raw_path` is not."""

    method: str
    raw_path: str
    query: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        return unquote(self.raw_path)

    def pairs(self) -> Pairs:
        """The query string's names and values, in order."""
        return parse_qsl(self.query, keep_blank_values=True)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Answer:
    """A response."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    parts: AsyncIterator[bytes] | None = None  # instead of `body`, streamed
