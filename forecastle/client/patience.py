"""Asking again after a pause, when an answer says that it may help."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from forecastle.client.errors import TryAgain

FIRST_PAUSE_SECONDS = 0.5  # doubled each time, where the answer does not say how long to wait


def patiently(attempt: Callable[[], bytes], seconds: float) -> bytes:
    """The result of `attempt`, which is made again after each `TryAgain` for up to `seconds`.

    Raises the error of the last attempt.
    """
    deadline = time.monotonic() + seconds
    usual = FIRST_PAUSE_SECONDS
    while True:
        try:
            return attempt()
        except TryAgain as again:
            pause = usual if again.pause is None else again.pause
            if time.monotonic() + pause > deadline:
                raise again.error from None
            usual *= 2
        time.sleep(pause)


def pause_of(retry_after: str) -> float | None:
    """The seconds that a Retry-After header asks for, a number or a date (RFC 9110, 10.2.3), else None."""
    text = retry_after.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    now = datetime.now(UTC)
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - now).total_seconds())
