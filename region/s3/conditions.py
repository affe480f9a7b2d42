"""Conditional requests: If-Match and related headers, for reads, writes and copies."""

from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from forecastle.region.s3.entries import Object
from forecastle.region.s3.errors import S3Error


class NotModified(Exception):
    """The client's copy is current: 304."""

    def __init__(self, entry: Object) -> None:
        super().__init__(entry.key)
        self.entry = entry


@dataclass(frozen=True, slots=True)
class Conditions:
    """The four headers; None if not sent."""

    if_match: str | None = None
    if_none_match: str | None = None
    if_modified_since: str | None = None
    if_unmodified_since: str | None = None

    def check_read(self, entry: Object) -> None:
        """Raise PreconditionFailed or NotModified according to RFC 9110, section 13.2.2."""
        if self.if_match is not None:
            if not _among(entry.etag, self.if_match):
                raise S3Error("PreconditionFailed", Condition="If-Match")
        elif _seconds(self.if_unmodified_since, entry) < int(entry.modified):
            raise S3Error("PreconditionFailed", Condition="If-Unmodified-Since")
        if self.if_none_match is not None:
            if _among(entry.etag, self.if_none_match):
                raise NotModified(entry)
        elif self.if_modified_since is not None and int(entry.modified) <= _seconds(
            self.if_modified_since, entry, unreadable=-1
        ):
            raise NotModified(entry)

    def check_copy(self, entry: Object) -> None:
        """The same for the source of a copy, with 412 in place of 304."""
        try:
            self.check_read(entry)
        except NotModified:
            condition = (
                "x-amz-copy-source-If-Modified-Since"
                if self.if_none_match is None
                else "x-amz-copy-source-If-None-Match"
            )
            raise S3Error("PreconditionFailed", Condition=condition) from None

    def check_write(self, key: str, current: Object | None) -> None:
        """Refuse to write or delete an object whose current state does not meet the conditions."""
        if self.if_none_match is not None and current is not None and _among(current.etag, self.if_none_match):
            raise S3Error("PreconditionFailed", Condition="If-None-Match")
        if self.if_match is not None:
            if current is None:
                raise S3Error("NoSuchKey", Key=key)
            if not _among(current.etag, self.if_match):
                raise S3Error("PreconditionFailed", Condition="If-Match")


def _among(etag: str, header: str) -> bool:
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in header.split(",")]
    return "*" in tags or etag in tags


def _seconds(date: str | None, entry: Object, unreadable: float | None = None) -> float:
    """A date's seconds since 1970; if it cannot be parsed, a value that fails no condition."""
    try:
        return parsedate_to_datetime(date or "").timestamp()
    except ValueError:
        return entry.modified if unreadable is None else unreadable
