"""Compiled kernels: plain functions over arrays, made native by numba, without the GIL."""

import functools
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching, config

F = TypeVar("F", bound=Callable[..., Any])


def kernel(function: F) -> F:
    """Compile `function` at its first call; keep the machine code on disk wherever a disk may be written.

    `NUMBA_CACHE_DIR` says where; else the code lies beside the source, else in the user's cache folder. Where none
    of them can be written, as in a read-only container, it is compiled anew in every process.
    """
    before = config.CACHE_LOCATOR_CLASSES
    config.CACHE_LOCATOR_CLASSES = ",".join(f"{each.__module__}.{each.__name__}" for each in _PLACES)
    try:
        compiled = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # numba: "cannot cache function …: no locator available"
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    finally:
        config.CACHE_LOCATOR_CLASSES = before
    return cast(F, compiled)


def inlined(function: F) -> F:
    """Compile `function` into every kernel that calls it."""
    return cast(F, numba.njit(nogil=True, error_model="numpy", inline="always")(function))


class _StampedByAllKernels:
    """Where machine code is kept, and what makes it stale.

    numba looks at the file of the outermost kernel alone, though others are compiled into it: it would go on running
    the old code of a kernel that was mended elsewhere.
    """

    _py_file: str

    def get_source_stamp(self) -> str:
        return _digest(Path(self._py_file).parent)


class InNamedFolder(_StampedByAllKernels, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In the folder that `NUMBA_CACHE_DIR` names."""


class BesideSource(_StampedByAllKernels, caching.InTreeCacheLocator):  # type: ignore[misc]
    """In `__pycache__`."""


class InUsersFolder(_StampedByAllKernels, caching.UserWideCacheLocator):  # type: ignore[misc]
    """In the user's cache folder."""


_PLACES = (InNamedFolder, BesideSource, InUsersFolder)


@functools.cache
def _digest(folder: Path) -> str:
    """All that a kernel in `folder` may have compiled into it: its neighbours, the formats, what algorithms share."""
    packages = Path(__file__).parents[1]
    shared = {packages / "algorithms", packages / "contract", packages / "contract" / "formats"}
    digest = hashlib.sha256()
    for source in sorted(source for place in {folder, *shared} for source in place.glob("*.py")):
        digest.update(hashlib.sha256(source.read_bytes()).digest())
    return digest.hexdigest()
