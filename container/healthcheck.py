"""The image's health check: `python -m forecastle.container.healthcheck` exits with 0 or 1.

A server is healthy if it is ready, a training job as long as it runs.
"""

import http.client
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from forecastle.contract.environment import PORT
from forecastle.contract.text_value import whole

SECONDS = 2  # SageMaker's timeout for a ping


def healthy(first_process: Path, environ: Mapping[str, str]) -> bool:
    """Whether process 1 trains, or is a ready server; `first_process` is the file with its command line."""
    return b"train" in first_process.read_bytes().split(b"\0") or ready(environ)


def ready(environ: Mapping[str, str]) -> bool:
    """Whether the server on the configured port answers GET /ping with 200."""
    port = whole(PORT.read(environ))
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS)
    try:
        connection.request("GET", "/ping")
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not healthy(Path("/proc/1/cmdline"), os.environ))
