"""The cache of kernels' machine code on disk.

Private names of numba's cache are used only in this file and in `stored.py`: if one is missing, `compiled.py` works
without a cache.
"""

import fcntl
import functools
import hashlib
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import llvmlite.binding
import numpy as np
from numba.core import caching, config

from forecastle.kernels.stored import StoredKernel

_PACKAGES = Path(__file__).parents[1]
# A wheel's machine code: a folder of `code_folder`s, and the CPU that they were compiled for.
SHIPPED = Path(__file__).parent / "shipped"
TARGET = "target.json"


def code_folder(cache: Path, source: Path) -> Path:
    """The folder below `cache` for the machine code of `source`, in the current state of the sources."""
    return cache / f"{source.parent.name}.{source.stem}-{_stamp(source)[:16]}"


@dataclass(frozen=True, slots=True)
class Target:
    """The CPU that machine code was compiled for, in LLVM's terms."""

    cpu: str
    features: str  # "+avx,+avx2"

    @classmethod
    def read(cls, folder: Path) -> "Target | None":
        """The target of the machine code in `folder`; None if there is none."""
        try:
            return cls(**json.loads((folder / TARGET).read_bytes()))
        except FileNotFoundError:
            return None

    def write(self, folder: Path) -> None:
        (folder / TARGET).write_text(json.dumps({"cpu": self.cpu, "features": self.features}) + "\n")

    def runs_here(self) -> bool:
        """Whether this machine's CPU has all the features."""
        host = llvmlite.binding.get_host_cpu_features()
        return all(host.get(feature.removeprefix("+"), False) for feature in self.features.split(",") if feature)


@functools.cache
def shipped_target() -> Target | None:
    """The target of the installed machine code, if it runs on this CPU and no other CPU is requested."""
    target = Target.read(SHIPPED)
    asked = config.CPU_NAME or config.CPU_FEATURES is not None
    return target if target is not None and not asked and target.runs_here() else None


class _StampedByItsImports:
    """A location of machine code, which becomes stale when a source changes that is compiled into it.

    numba checks only the file of the outermost kernel, but other kernels are compiled into it: it would use the old
    code of a kernel that was changed in another file.
    """

    _py_file: str

    def get_source_stamp(self) -> str:
        return _stamp(Path(self._py_file))


class _InNamedFolder(_StampedByItsImports, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In the folder `NUMBA_CACHE_DIR`."""

    def get_cache_path(self) -> str:
        return str(code_folder(Path(config.CACHE_DIR), Path(self._py_file)))

    def ensure_cache_path(self) -> None:
        """Raises `OSError` if the folder does not exist and cannot be made. numba also requires it to be writable."""
        if not Path(self.get_cache_path()).is_dir():
            super().ensure_cache_path()


class _BesideSource(_StampedByItsImports, caching.InTreeCacheLocator):  # type: ignore[misc]
    """In `__pycache__`."""


class _InUsersFolder(_StampedByItsImports, caching.UserWideCacheLocator):  # type: ignore[misc]
    """In the user's cache folder."""


class _Shipped(_StampedByItsImports, caching.UserProvidedCacheLocator):  # type: ignore[misc]
    """In the folder of a wheel. Nothing is written there."""

    def get_cache_path(self) -> str:
        return str(code_folder(SHIPPED, Path(self._py_file)))

    def ensure_cache_path(self) -> None:
        """Raises `OSError` if the wheel has no machine code for the current source."""
        if not Path(self.get_cache_path()).is_dir():
            raise FileNotFoundError(self.get_cache_path())

    @classmethod
    def from_function(cls, function: Any, source: str) -> Any:
        return super(caching.UserProvidedCacheLocator, cls).from_function(function, source)


class _Compiled(StoredKernel):
    _locator_classes = (_InNamedFolder, _BesideSource, _InUsersFolder)


class _CompiledAhead(StoredKernel):
    _locator_classes = (_Shipped,)


class Cache(caching.FunctionCache):  # type: ignore[misc]
    """Machine code on disk, also if it can only be read."""

    _impl_class = _Compiled

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """The code; None, with a new index, if the index is unreadable: it may name types of an earlier version."""
        try:
            with self._locked(fcntl.LOCK_SH):
                return super().load_overload(sig, target_context)
        except Exception as error:
            caching._cache_log("[cache] index not read: %s", error)
            with suppress(OSError):
                self.flush()
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        try:
            with self._locked(fcntl.LOCK_EX):
                super().save_overload(sig, data)
        except OSError as error:
            caching._cache_log("[cache] not saved: %s", error)  # as numba logs it under NUMBA_DEBUG_CACHE

    @contextmanager
    def _locked(self, kind: int) -> Iterator[None]:
        """Lock the folder: without it, two processes could give their code the same file, and one run the other's.

        Folders that do not exist or cannot be locked, such as some network file systems', are used without.
        """
        descriptor = None
        try:
            with suppress(OSError):
                descriptor = os.open(self.cache_path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                fcntl.flock(descriptor, kind)
            yield
        finally:
            if descriptor is not None:
                os.close(descriptor)


class _ShippedCache(caching.FunctionCache):  # type: ignore[misc]
    """The machine code of a wheel, which is looked up by the CPU it was compiled for, not by this CPU."""

    _impl_class = _CompiledAhead

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        signature, (triple, *_), *code = super()._index_key(sig, codegen)
        target = shipped_target()
        assert target is not None
        return (signature, (triple, target.cpu, target.features), *code)


class TwoCaches:
    """The cache of a wheel, then our own, with the interface of a dispatcher's cache."""

    def __init__(self, shipped: Any, own: Any) -> None:
        self._shipped, self._own = shipped, own

    @property
    def cache_path(self) -> Any:
        return self._own.cache_path

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        found = self._shipped.load_overload(sig, target_context)
        return self._own.load_overload(sig, target_context) if found is None else found

    def save_overload(self, sig: Any, data: Any) -> None:
        self._own.save_overload(sig, data)

    def enable(self) -> None:
        self._own.enable()

    def disable(self) -> None:
        self._own.disable()

    def flush(self) -> None:
        self._own.flush()


def cache_of(function: Any) -> Any:
    """The cache of a kernel's machine code; None if there is no location for one."""
    own = _created(Cache, function)
    shipped = _created(_ShippedCache, function) if shipped_target() is not None else None
    if shipped is None:
        return own
    return TwoCaches(shipped, own if own is not None else caching.NullCache())


def _created(kind: Any, function: Any) -> Any:
    try:
        return kind(function)
    except RuntimeError:  # numba: "cannot cache function …: no locator available"
        return None


_IMPORT = re.compile(
    r"^\s*(?:from\s+(forecastle[\w.]*)\s+import\s+(\([^)]*\)|[^\n]*)|import\s+(forecastle[\w.]*))",
    re.MULTILINE,
)
_IMPORT_OF_NUMBA = re.compile(r"^\s*(?:from|import)\s+(?:numba|llvmlite)\b", re.MULTILINE)


@functools.cache
def _stamp(source: Path) -> str:
    """A digest of all sources that may be compiled into a kernel of `source`: those it imports, directly or not.

    A source outside of this package, of another distribution's algorithm, may also import its neighbours by any name.
    """
    left = [source] if source.is_relative_to(_PACKAGES) else list(source.parent.glob("*.py"))
    left += _extensions()
    found = set(left)
    while left:
        new = _read(left.pop()).imports - found
        found |= new
        left += new
    digest = hashlib.sha256(np.__version__.partition(".")[0].encode())  # machine code refers to numpy's names
    for each in sorted(found):
        digest.update(_read(each).digest)
    return digest.hexdigest()


@functools.cache
def _extensions() -> list[Path]:
    """The files that define types and operations for numba, also for kernels that do not import them."""
    return [source for source in Path(__file__).parent.glob("*.py") if _read(source).imports_numba]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Source:
    """What a stamp needs of a source.

    Attributes
    ----------
    imports : the files of this package that it imports, anywhere in it.
    """

    digest: bytes
    imports: frozenset[Path]
    imports_numba: bool


@functools.cache
def _read(source: Path) -> _Source:
    content = source.read_bytes()
    text = content.decode()
    return _Source(hashlib.sha256(content).digest(), _imports(text), _IMPORT_OF_NUMBA.search(text) is not None)


def _imports(text: str) -> frozenset[Path]:
    names = set()
    for package, members, module in _IMPORT.findall(text):
        names |= {package or module} | {f"{package}.{member}" for member in re.findall(r"\w+", members)}
    bases = [_PACKAGES.joinpath(*name.split(".")[1:]) for name in names]
    files = [path for base in bases for path in (base.with_suffix(".py"), base / "__init__.py")]
    return frozenset(path for path in files if path.is_file())
