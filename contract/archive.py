"""Packed models, the model.tar.gz that SageMaker stores; an archive is untrusted input."""

import gzip
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from forecastle.contract.errors import InvalidData, InvalidJob, OutOfSpace
from forecastle.contract.full_disk import is_full
from forecastle.contract.place import Part, Source

ARCHIVE = "model.tar.gz"
MOST_BYTES = 8 * 2**30  # unpacked
MOST_FILES = 10_000
_MOST_DEPTH = 8  # of folders
_MOST_AT_ONCE = 2**20  # bytes of a header; tarfile reads a file's content in far smaller pieces


@contextmanager
def unpacked(model: Path) -> Iterator[Path]:
    """The folder with a model's files: `model` itself, or a temporary folder if it is an archive or contains only one.

    The temporary folder is removed at the end; memory-mapped arrays stay readable. Raises `InvalidData` if the archive
    is damaged, contains anything but regular files, or is larger than the limits.
    """
    # NumPy's 17 MB would be in the memory of a region, which only unpacks models.
    from forecastle.contract.artifact import MANIFEST

    archive = model / ARCHIVE if model.is_dir() and not (model / MANIFEST).exists() else model
    if not archive.is_file():
        yield model
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="forecastle-model-")
    except OSError as error:
        raise InvalidJob(f"cannot be unpacked: no temporary folder ({error.strerror}).", place=_of(archive)) from None
    with folder as name:
        with _opened(archive) as stream:
            unpack(stream, Path(name), str(archive))
        try:
            yield Path(name)
        except InvalidData as error:
            raise error.at(tuple(_moved(part, name, archive) for part in error.place)) from None


def _moved(part: Part, folder: str, archive: Path) -> Part:
    """A part of a place, with a file of the temporary folder named by its place in the archive."""
    if isinstance(part, Source) and part.name.startswith(folder):
        return Source(f"{archive}{part.name.removeprefix(folder)}")
    return part


def unpack(archive: BinaryIO, folder: Path, name: str) -> None:
    """Unpack a .tar.gz into an existing folder; `name` is what its errors call it.

    Only plain files are taken, with paths inside of the archive and in bounded numbers and sizes. Raises `InvalidData`
    for any other archive, and `OutOfSpace`.
    """
    try:
        with _Bounded(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as members:
            seen: set[PurePosixPath] = set()
            for number, member in enumerate(members):
                if number >= MOST_FILES:
                    raise InvalidData(place=_of(name), expected=f"at most {MOST_FILES} files")
                if member.isdir():
                    continue
                path = _inside(name, member)
                if path in seen:
                    raise InvalidData("the archive contains this file twice.", place=_member(name, str(path)))
                seen.add(path)
                _write(members, member, folder / path)
    except (gzip.BadGzipFile, tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError) as error:
        detail = str(error) or type(error).__name__
        raise InvalidData(place=_of(name), expected=f"a complete .tar.gz ({detail:.80})") from None
    except OSError as error:
        if is_full(error):
            raise OutOfSpace("no space left on the disk that it is unpacked to.", place=_of(name)) from None
        raise InvalidData(f"cannot be unpacked ({error.strerror or error}).", place=_of(name)) from None


def _opened(archive: Path) -> BinaryIO:
    try:
        return archive.open("rb")
    except OSError as error:
        raise InvalidData(f"cannot be unpacked ({error.strerror}).", place=_of(archive)) from None


def _of(archive: Path | str) -> tuple[Part]:
    return (Source(str(archive)),)


def _member(archive: str, name: str) -> tuple[Part, ...]:
    return (*_of(archive), f"{name!r:.80}")


def _inside(archive: str, member: tarfile.TarInfo) -> PurePosixPath:
    """The relative path of a member. Raises `InvalidData` if it leaves the folder or is not a regular file."""
    path, place = PurePosixPath(member.name), _member(archive, member.name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in member.name:
        raise InvalidData(place=place, expected="a path inside the archive")
    if len(path.parts) > _MOST_DEPTH:
        raise InvalidData(place=place, expected=f"at most {_MOST_DEPTH} folders in a path")
    if not member.isreg() or member.issparse():
        raise InvalidData(place=place, expected="only regular files, neither links nor devices")
    return path


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = members.extractfile(member)
    assert content is not None  # it is a regular file
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)
        if file.tell() != member.size:
            raise EOFError(f"{member.name:.40} ends early")
    if member.mode & 0o100:  # a script of the model's container
        path.chmod(0o755)


class _Bounded(gzip.GzipFile):
    """A gzip stream with a limit on its uncompressed size, and one on the size of a single read."""

    def __init__(self, archive: BinaryIO) -> None:
        super().__init__(fileobj=archive, mode="rb")

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= _MOST_AT_ONCE:
            raise ValueError("a header is too large")
        self._require(self.tell() + size)
        return super().read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0:
            self._require(offset)
        return super().seek(offset, whence)

    @staticmethod
    def _require(end: int) -> None:
        if end > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES} bytes")
