"""Compiled kernels: plain functions over arrays, made native by numba, without the GIL."""

import functools
import hashlib
import re
from collections.abc import Callable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core import caching, config
from numba.np import linalg

F = TypeVar("F", bound=Callable[..., Any])


def _leave_blas_unloaded() -> None:
    """Import what makes numba load scipy's BLAS, 16 MiB, only to know whether there is one, and keep it from that.

    It is loaded by the first kernel that wants a product of matrices.
    """

    def absent() -> None:
        raise ImportError

    ensure_blas, linalg.ensure_blas = linalg.ensure_blas, absent
    try:
        from numba.np import arraymath
    finally:
        linalg.ensure_blas = ensure_blas
    arraymath._HAVE_BLAS = arraymath._HAVE_BLAS or find_spec("scipy") is not None


_leave_blas_unloaded()


def kernel(function: F) -> F:
    """Compile `function` at its first call; keep the machine code on disk wherever a disk may be written.

    `NUMBA_CACHE_DIR` says where; else the code lies beside the source, else in the user's cache folder. What lies in
    the named folder is used where nothing can be written, too, as in a read-only container; what lies nowhere is
    compiled anew in every process.
    """
    compiled = numba.njit(nogil=True, error_model="numpy")(function)
    with suppress(RuntimeError):  # numba: "cannot cache function …: no locator available"
        compiled._cache = _Cache(function)
    return cast(F, compiled)


def inlined(function: F) -> F:
    """Compile `function` into every kernel that calls it."""
    return cast(F, numba.njit(nogil=True, error_model="numpy", inline="always")(function))


def code_folder(cache: Path, source: Path) -> Path:
    """Where below `cache` the machine code of the kernels in `source` lies: a name for each state of the sources."""
    return cache / f"{source.parent.name}.{source.stem}-{_stamp(source)[:16]}"


class _StampedByItsImports:
    """Where machine code is kept, and what makes it stale.

    numba looks at the file of the outermost kernel alone, though others are compiled into it: it would go on running
    the old code of a kernel that was mended elsewhere.
    """

    _py_file: str

    def get_source_stamp(self) -> str:
        return _stamp(Path(self._py_file))


class _InNamedFolder(_StampedByItsImports, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In the folder that `NUMBA_CACHE_DIR` names."""

    def get_cache_path(self) -> str:
        return str(code_folder(Path(config.CACHE_DIR), Path(self._py_file)))

    def ensure_cache_path(self) -> None:
        """Raises `OSError` where there is no such folder and none can be made. numba wants to write there, too."""
        if not Path(self.get_cache_path()).is_dir():
            super().ensure_cache_path()


class _BesideSource(_StampedByItsImports, caching.InTreeCacheLocator):  # type: ignore[misc]
    """In `__pycache__`."""


class _InUsersFolder(_StampedByItsImports, caching.UserWideCacheLocator):  # type: ignore[misc]
    """In the user's cache folder."""


class _Compiled(caching.CompileResultCacheImpl):  # type: ignore[misc]
    _locator_classes = (_InNamedFolder, _BesideSource, _InUsersFolder)


class _Cache(caching.FunctionCache):  # type: ignore[misc]
    """Machine code on disk: read wherever it is, written where that can be."""

    _impl_class = _Compiled

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            super().save_overload(sig, data)
        except OSError as error:
            caching._cache_log("[cache] not saved: %s", error)  # as numba tells it under NUMBA_DEBUG_CACHE


_PACKAGES = Path(__file__).parents[1]
_IMPORT = re.compile(
    r"^\s*(?:from\s+(forecastle[\w.]*)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+(forecastle[\w.]*))",
    re.MULTILINE,
)
_IMPORT_OF_NUMBA = re.compile(r"^\s*(?:from|import)\s+(?:numba|llvmlite)\b", re.MULTILINE)


@functools.cache
def _stamp(source: Path) -> str:
    """A digest of all that a kernel in `source` may have compiled into it: what it imports of ours, and so on.

    A source that is not ours, as another's algorithm has them, may also import its neighbours by any name.
    """
    left = [source] if source.is_relative_to(_PACKAGES) else list(source.parent.glob("*.py"))
    left += _teachers()
    found = set(left)
    while left:
        new = _imports(left.pop()) - found
        found |= new
        left += new
    digest = hashlib.sha256()
    for each in sorted(found):
        digest.update(hashlib.sha256(each.read_bytes()).digest())
    return digest.hexdigest()


@functools.cache
def _teachers() -> list[Path]:
    """The files that teach numba types and operations: those work in kernels that do not import them, too."""
    return [source for source in Path(__file__).parent.glob("*.py") if _IMPORT_OF_NUMBA.search(source.read_text())]


@functools.cache
def _imports(source: Path) -> frozenset[Path]:
    """The files of ours that `source` imports, anywhere in it."""
    names = set()
    for package, members, module in _IMPORT.findall(source.read_text()):
        names |= {package or module} | {f"{package}.{member}" for member in re.findall(r"\w+", members)}
    bases = [_PACKAGES.joinpath(*name.split(".")[1:]) for name in names]
    files = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
    return frozenset(path for path in files if path.is_file())
