"""numba without scipy's BLAS, for as long as no kernel calls it."""

import sys
from importlib import import_module


def import_numba() -> None:
    """Import numba, and not what it looks for on the way: scipy's BLAS, 16 MB that our kernels do not use.

    A kernel that calls BLAS has numba import it when it is compiled.
    """
    if "numba" in sys.modules or "scipy.linalg" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # as Python has it for "there is none"
    try:
        numpy_in_kernels = import_module("numba.np.arraymath")
    finally:
        del sys.modules["scipy.linalg"]
    vars(numpy_in_kernels)["_HAVE_BLAS"] = True  # what it concluded would hold for ever
