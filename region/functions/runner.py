"""A Lambda function's process: `python runner.py HANDLER RESULTS`, in the folder of the function's code.

Reads events from stdin, one JSON object per line, and writes results to the file descriptor RESULTS. The function's
output is its log; a line with a zero byte ends that of an event. Runs on Python 3.6 and later without packages.
"""

# mypy: ignore-errors

import importlib
import json
import os
import resource
import sys
import time
import traceback


class Context:
    """A handler's second argument."""

    def __init__(self, given):
        self.aws_request_id = given["request_id"]
        self.invoked_function_arn = given["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = "$LATEST"
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = given.get("client_context")
        self._deadline = given["deadline"]

    def get_remaining_time_in_millis(self):
        return max(0, int((self._deadline - time.time()) * 1000))


def main():
    name, results = sys.argv[1], os.fdopen(int(sys.argv[2]), "w", encoding="utf-8")
    events = os.fdopen(os.dup(0), encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    handler, failure = None, None
    try:
        handler = _handler(name)
    except BaseException as error:
        failure = _described(error)
    _limit_memory()
    _send(results, {"ready": failure is None, "error": failure})
    for line in events:
        given = json.loads(line)
        try:
            answer = {"payload": json.dumps(handler(given["event"], Context(given)), ensure_ascii=False)}
        except BaseException as error:
            answer = {"error": _described(error)}
        sys.stdout.flush()
        sys.stderr.flush()
        os.write(1, b"\n\0\n")  # ends this event's log, even after an incomplete line
        _send(results, answer)


def _handler(name):
    module, _, function = name.rpartition(".")
    if not module:
        raise ValueError("Bad handler '%s': not enough values to unpack (expected 2, got 1)" % name)
    loaded = importlib.import_module(module.replace("/", "."))
    if not hasattr(loaded, function):
        raise AttributeError("Handler '%s' missing on module '%s'" % (function, module))
    return getattr(loaded, function)


def _limit_memory():
    limit = int(os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]) * 2**20
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def _described(error):
    frames = traceback.extract_tb(error.__traceback__)
    shown = [frame for frame in frames if frame.filename != __file__ and not frame.filename.startswith("<frozen")]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "stackTrace": traceback.format_list(shown),
    }


def _send(results, answer):
    results.write(json.dumps(answer) + "\n")
    results.flush()


if __name__ == "__main__":
    main()
