"""The server's log: one JSON object per line on stdout, each written at once.

Every line has `time` (UTC) and `event`:

    start      the socket is bound: url, host, port, workers, pid
    ready      the model is loaded and has made a prediction: model (none on a server of several models), seconds, pid
    request    one answered request: id, method, path, status (none if the client disconnected), ms in total, decode_ms,
               queue_ms, predict_ms, encode_ms, bytes_in, bytes_out, model, endpoint, inference_id, error; only path,
               status and error if it was refused before its head was complete
    error      an unexpected error: sentence and, if there is one, traceback
    stall      the event loop was blocked for more than 200 ms, while every request waited: ms, cpu_ms (CPU time of its
               own thread), stack (where it was blocked) and, if its thread used little CPU, threads (where the others
               were)
    worker     a worker process ended and is replaced: pid, sentence
    stop       the server ended: pid
"""

import contextlib
import logging
import os
import sys
import traceback
from datetime import UTC, datetime

import orjson

LONGEST_MESSAGE = 1000  # characters of an error's message


def write_line(event: str, **fields: object) -> None:
    """Write one line; fields that are None are left out."""
    given = {name: value for name, value in fields.items() if value is not None}
    line = {"time": datetime.now(UTC), "event": event, **given}
    content = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    with contextlib.suppress(OSError):  # the reader of the log has gone: keep answering
        # One write, so that lines of several threads and processes do not mix.
        os.write(sys.stdout.fileno(), content)


def traceback_of(error: BaseException) -> str:
    """The traceback as text for one log line, with those of the errors that caused it."""
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
    """An error's type and at most `LONGEST_MESSAGE` characters of its message.

    Its arguments may include a whole request, which takes seconds to format: only short texts and numbers are shown.
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
    """`text` with lone surrogates replaced: a client's JSON may contain them, UTF-8 may not."""
    return text.encode("utf-8", "replace").decode("utf-8")


class LogLines(logging.Handler):
    """Turns log records of libraries into lines of this log."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        write_line(
            "error",
            sentence=record.getMessage().strip(),
            logger=record.name,
            traceback=traceback_of(error) if error else None,
        )
