"""The server's log: one JSON object a line on stdout, each written at once.

Every line has `time` (UTC) and `event`:

    start      the socket is bound: url, host, port, workers, pid
    ready      the model is loaded and has made a prediction: model (none where several come and go), seconds, pid
    request    one answered request: id, method, path, status (none where the client had gone), ms in all, decode_ms,
               queue_ms, predict_ms, encode_ms, bytes_in, bytes_out, model, endpoint, inference_id, error
    error      something unexpected: sentence and, where there is one, traceback
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


def write_line(event: str, **fields: object) -> None:
    """Write one line; fields that are None are left out."""
    told = {name: value for name, value in fields.items() if value is not None}
    line = {"time": datetime.now(UTC), "event": event, **told}
    content = orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE)
    with contextlib.suppress(OSError):  # whoever read the log has gone: no reason to stop answering
        # One write: lines of several threads and processes do not mingle.
        os.write(sys.stdout.fileno(), content)


def traceback_of(error: BaseException) -> str:
    """The traceback as it stands in a line."""
    return encodable("".join(traceback.format_exception(error)))


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
