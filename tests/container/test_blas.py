"""The threads of the library of linear algebra."""

import os
import subprocess
import sys

from tests.training.tree import REPOSITORY

CODE = """
import sys, time
from forecastle.container.cli import main
code = main(["algorithms"])
assert "numpy" in sys.modules
print(time.process_time() - time.thread_time())
"""


def test_idle_threads_of_linear_algebra_do_not_wait_busily() -> None:
    environ = {name: value for name, value in os.environ.items() if name != "OPENBLAS_THREAD_TIMEOUT"}
    done = subprocess.run(
        [sys.executable, "-c", CODE], cwd=REPOSITORY, env=environ, capture_output=True, text=True, check=True
    )
    seconds_of_other_threads = float(done.stdout.splitlines()[-1])  # of the processor; the command computes nothing
    assert seconds_of_other_threads < 0.01
