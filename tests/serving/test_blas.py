"""numba in a server: without scipy's BLAS until a kernel calls it."""

import subprocess
import sys

PROGRAM = """
import sys
from serving.blas import import_numba
import_numba()
import numba, numpy
assert numba.njit(lambda x: x + 1)(1) == 2
assert "scipy.linalg" not in sys.modules
assert numba.njit(lambda a: numpy.dot(a, a))(numpy.eye(2)).sum() == 2  # by BLAS
assert numba.njit(lambda a: numpy.cov(a))(numpy.eye(2)).shape == (2, 2)
assert "scipy.linalg" in sys.modules
"""


def test_blas_is_imported_by_the_first_kernel_that_calls_it() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
