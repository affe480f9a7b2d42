"""Ranges of bytes."""

import re

from forecastle.region.s3.errors import S3Error


def asked_range(header: str | None, size: int) -> tuple[int, int] | None:
    """Start and end (exclusive) of `Range`; None for the whole object, also if the header is malformed, as on S3.

    InvalidRange if the range is outside of the object.
    """
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (header or "").strip())
    if header is None or match is None or match[0] == "bytes=-":
        return None
    first, last = match[1], match[2]
    if first and last and int(last) < int(first):
        return None
    start, end = (int(first), int(last or size) + 1) if first else (max(0, size - int(last)), size)
    if start >= size or not size:
        raise S3Error("InvalidRange", ActualObjectSize=size, RangeRequested=header)
    return start, min(end, size)


def copied_range(header: str | None, size: int) -> tuple[int, int]:
    """Start and end (exclusive) of `x-amz-copy-source-range`, which must be inside of the source."""
    if header is None:
        return 0, size
    match = re.fullmatch(r"bytes=(\d+)-(\d+)", header)
    if match is None or int(match[2]) < int(match[1]):
        sentence = (
            "The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the "
            "zero-based offsets of the first and last bytes to copy"
        )
        raise S3Error("InvalidArgument", sentence, ArgumentName="x-amz-copy-source-range", ArgumentValue=header)
    start, end = int(match[1]), int(match[2]) + 1
    if end > size:
        sentence = f"Range specified is not valid for source object of size: {size}"
        raise S3Error("InvalidArgument", sentence, ArgumentName="x-amz-copy-source-range", ArgumentValue=header)
    return start, end
