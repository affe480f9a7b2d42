"""The expiry of presigned URLs. Signatures are not checked."""

from collections.abc import Mapping
from datetime import UTC, datetime

from forecastle.region.s3.errors import S3Error

LONGEST = 7 * 24 * 3600  # seconds that version 4 allows


def check_expiry(query: Mapping[str, str], now: float) -> None:
    """Refuse an expired URL of signature version 4 or 2."""
    if "X-Amz-Signature" in query:
        _check_version_4(query, now)
    elif "Signature" in query and "Expires" in query:
        _refuse_after(_number(query["Expires"]), now)


def _check_version_4(query: Mapping[str, str], now: float) -> None:
    try:
        signed = datetime.strptime(query["X-Amz-Date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).timestamp()
        seconds = int(query["X-Amz-Expires"])
    except (KeyError, ValueError):
        raise S3Error("AuthorizationQueryParametersError") from None
    if seconds < 0:
        raise S3Error("AuthorizationQueryParametersError", "X-Amz-Expires must be non-negative")
    if seconds > LONGEST:
        sentence = (
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than"
        )
        raise S3Error("AuthorizationQueryParametersError", f"{sentence} {LONGEST} seconds")
    _refuse_after(signed + seconds, now, **{"X-Amz-Expires": str(seconds)})


def _number(text: str) -> float:
    try:
        return float(int(text))
    except ValueError:
        sentence = f"Invalid date (should be seconds since epoch): {text}"
        raise S3Error("AccessDenied", sentence) from None


def _refuse_after(end: float, now: float, **fields: str) -> None:
    if now > end:
        raise S3Error("AccessDenied", "Request has expired", **fields, Expires=_iso(end), ServerTime=_iso(now))


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
