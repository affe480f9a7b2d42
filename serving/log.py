"""The server's log: one JSON object a line on stdout, each written at once.

Every line has `time` (UTC) and `event`:

    start      the socket is bound: url, host, port, workers, pid
    ready      the model is loaded and has made a prediction: model (none where several come and go), seconds, pid
    request    one answered request: id, method, path, status (none where the client had gone), ms in all, decode_ms,
               queue_ms, predict_ms, encode_ms, bytes_in, bytes_out, model, endpoint, inference_id, error; only path,
               status and error of one that was refused before its head was complete
    error      something unexpected: sentence and, where there is one, traceback
    stall      the event loop was held up for more than 200 ms, while every request waited: ms, cpu_ms (of them its own
               thread computed), stack (where it was held up) and, where its thread computed little, threads (where the
               others were)
    worker     a worker process ended and another takes its place: pid, sentence
    stop       the server ended: pid
"""

import contextlib
import logging
import os
import sys
import traceback
from datetime import UTC, datetime

import orjson

LONGEST_MESSAGE = 1000  # characters of what was raised


def write_line(event: str, **fields: object) -> None:
    """Write one line; fields that are None are left out."""
    told = {name: value for name, value in fields.items() if value is not None}
    line = {"time": datetime.now(UTC), "event": event, **told}
    content = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    with contextlib.suppress(OSError):  # whoever read the log has gone: no reason to stop answering
        # One write: lines of several threads and processes do not mingle.
        os.write(sys.stdout.fileno(), content)


def traceback_of(error: BaseException) -> str:
    """The traceback as it stands in a line, with those of the errors that led to it."""
    parts: list[str] = []
    seen: set[int] = set()
    current: BaseException | None = error
    while current is not None and id(current) not in seen:
        seen.add(id(current))
        frames = "".join(traceback.format_tb(current.__traceback__))
        parts.insert(0, f"Traceback (most recent call last):\n{frames}{in_short(current)}\n")
        if current.__cause__ is not None:
            parts.insert(0, "\nThe above exception was the direct cause of the following exception:\n\n")
            current = current.__cause__
        elif current.__context__ is not None and not current.__suppress_context__:
            parts.insert(0, "\nDuring handling of the above exception, another exception occurred:\n\n")
            current = current.__context__
        else:
            current = None
    return encodable("".join(parts))


def in_short(error: BaseException) -> str:
    """What was raised: its type and at most `LONGEST_MESSAGE` characters of its message.

    An error may have been given a whole request, of which to write the text takes seconds: what is neither a short text
    nor a number is not written.
    """
    arguments, kind = error.args, type(error).__name__
    if isinstance(error, UnicodeError) or all(map(_is_short, arguments)):
        message = str(error)
    elif isinstance(arguments[0], str):
        message = arguments[0]
    else:
        message = "(its arguments are not shown)"
    if len(message) > LONGEST_MESSAGE:
        message = message[:LONGEST_MESSAGE] + "…"
    return f"{kind}: {message}" if message else kind


def _is_short(argument: object) -> bool:
    if isinstance(argument, str):
        return len(argument) <= LONGEST_MESSAGE
    if isinstance(argument, int):
        return argument.bit_length() <= 64
    return argument is None or isinstance(argument, float)


def encodable(text: str) -> str:
    """`text` without the halves of surrogate pairs that a client's JSON may hold, and UTF-8 may not."""
    return text.encode("utf-8", "replace").decode("utf-8")


class LogLines(logging.Handler):
    """Turns what libraries log into lines of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        write_line(
            "error",
            sentence=record.getMessage().strip(),
            logger=record.name,
            traceback=traceback_of(error) if error else None,
        )
