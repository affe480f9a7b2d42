"""Compiled kernels: plain functions over arrays, compiled to machine code by numba, which run without the GIL."""

import functools
import warnings
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from typing import Any, TypeVar, cast

import numba
from numba.core import event
from numba.core.dispatcher import Dispatcher

from forecastle.kernels.compiling import COMPILATION

F = TypeVar("F", bound=Callable[..., Any])
_OPTIONS = {"nogil": True, "error_model": "numpy", "no_cfunc_wrapper": True}  # kernels are not called from C

try:
    from forecastle.kernels.cache import cache_of
except (ImportError, AttributeError) as missing:
    warnings.warn(
        f"numba {numba.__version__} lacks private names of its cache ({missing}): "
        "kernels are compiled again in every process.",
        RuntimeWarning,
        stacklevel=2,
    )

    def cache_of(function: Any) -> Any:  # noqa: ARG001
        return None


def _leave_blas_unloaded() -> None:
    """Keep numba from loading scipy's BLAS, 16 MiB, only to find out whether it is installed.

    The first kernel with a product of matrices still loads it.
    """

    def absent() -> None:
        raise ImportError

    from numba.np import linalg

    ensure_blas, linalg.ensure_blas = linalg.ensure_blas, absent
    try:
        from numba.np import arraymath
    finally:
        linalg.ensure_blas = ensure_blas
    arraymath._HAVE_BLAS = arraymath._HAVE_BLAS or find_spec("scipy") is not None


with suppress(ImportError, AttributeError):  # private names of numba: without them more memory is used, nothing else
    _leave_blas_unloaded()


class _Reporter(event.Listener):  # type: ignore[misc]  # numba has no types
    def on_start(self, event: Any) -> None:  # noqa: ARG002
        COMPILATION.begin()

    def on_end(self, event: Any) -> None:
        COMPILATION.end(_name(event.data["dispatcher"].py_func))


event.register("numba:compile", _Reporter())


def kernel(function: F) -> F:
    """Compile `function` at its first call, and cache the machine code on disk if a disk can be written.

    The cache is in the folder `NUMBA_CACHE_DIR`, else next to the source, else in the user's cache folder. Code in the
    named folder, or in a wheel, is also used if nothing can be written, as in a read-only container. Code that is not
    cached is compiled again in every process.
    """
    return cast(F, _cached(numba.njit(**_OPTIONS)(function)))


def part(function: F) -> F:
    """Compile `function` only for the kernels that call it: without a wrapper for Python, which takes less time."""
    return cast(F, _from_kernels_only(_cached(numba.njit(no_cpython_wrapper=True, **_OPTIONS)(function))))


def inlined(function: F) -> F:
    """Compile `function` into every kernel that calls it.

    LLVM inlines it; numba would infer its types again for each call.
    """
    return cast(F, _from_kernels_only(numba.njit(forceinline=True, no_cpython_wrapper=True, **_OPTIONS)(function)))


def _name(function: Any) -> str:
    return f"{function.__module__}.{function.__qualname__}"


def _cached(compiled: Any) -> Any:
    """Add a cache to a dispatcher; with `NUMBA_DISABLE_JIT` it is a plain function, and unchanged."""
    COMPILATION.known.add(_name(compiled))
    if isinstance(compiled, Dispatcher) and (cache := cache_of(compiled.py_func)) is not None:
        cast(Any, compiled)._cache = cache
    return compiled


def _from_kernels_only(compiled: Any) -> Any:
    """Refuse calls from Python, which has no machine code to call: without this, a call would end the process."""
    if isinstance(compiled, Dispatcher):
        compiled.__class__ = _calls_refused(type(compiled))
    return compiled


@functools.cache
def _calls_refused(kind: type) -> type:
    """A subclass of a dispatcher that refuses calls from Python."""

    def refuse(self: Any, *_: Any, **__: Any) -> Any:
        raise TypeError(f"{self.py_func.__qualname__} is compiled only for kernels, which can call it.")

    return type(f"{kind.__name__}ForKernels", (kind,), {"__call__": refuse})
