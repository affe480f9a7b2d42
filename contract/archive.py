"""Models that are packed, as SageMaker keeps them: model.tar.gz, unpacked without trust."""

import errno
import gzip
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from forecastle.contract.artifact import MANIFEST
from forecastle.contract.errors import InvalidData, InvalidJob, OutOfSpace

ARCHIVE = "model.tar.gz"
MOST_BYTES = 8 * 2**30  # unpacked
MOST_FILES = 10_000
_MOST_DEPTH = 8  # of folders
_MOST_AT_ONCE = 2**20  # bytes of a header; tarfile reads a file's content in far smaller pieces


@contextmanager
def unpacked(model: Path) -> Iterator[Path]:
    """The folder with a model's files: `model`, or what is in it if it is an archive or a folder with nothing else.

    What an archive is unpacked to is removed at the end; arrays that are mapped stay readable. Raises `InvalidData` if
    the archive is damaged or contains something other than plain files of its own.
    """
    archive = model / ARCHIVE if model.is_dir() and not (model / MANIFEST).exists() else model
    if not archive.is_file():
        yield model
        return
    try:
        folder = tempfile.TemporaryDirectory(prefix="forecastle-model-")
    except OSError as error:
        raise InvalidJob(f"{archive}: cannot be unpacked: no temporary folder ({error.strerror}).") from None
    with folder as name:
        with _opened(archive) as stream:
            unpack(stream, Path(name), str(archive))
        try:
            yield Path(name)
        except InvalidData as error:
            raise type(error)(error.sentence.replace(name, str(archive))) from None


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
                    raise InvalidData(f"{name}: expected at most {MOST_FILES} files.")
                if member.isdir():
                    continue
                path = _inside(name, member)
                if path in seen:
                    raise InvalidData(f"{name}: {str(path)!r:.80}: the archive contains this file twice.")
                seen.add(path)
                _write(members, member, folder / path)
    except (gzip.BadGzipFile, tarfile.TarError, zlib.error, EOFError, ValueError, RecursionError) as error:
        raise InvalidData(f"{name}: expected a complete .tar.gz ({str(error) or type(error).__name__:.80}).") from None
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise OutOfSpace(f"{name}: no space left on the disk that it is unpacked to.") from None
        raise InvalidData(f"{name}: cannot be unpacked ({error.strerror or error}).") from None


def _opened(archive: Path) -> BinaryIO:
    try:
        return archive.open("rb")
    except OSError as error:
        raise InvalidData(f"{archive}: cannot be unpacked ({error.strerror}).") from None


def _inside(archive: str, member: tarfile.TarInfo) -> PurePosixPath:
    """Where a member goes, below the folder."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or not path.parts or ".." in path.parts or "\0" in member.name:
        raise InvalidData(f"{archive}: {member.name!r:.80}: expected a path inside of the archive.")
    if len(path.parts) > _MOST_DEPTH:
        raise InvalidData(f"{archive}: {member.name!r:.80}: expected at most {_MOST_DEPTH} folders in a path.")
    if not member.isreg() or member.issparse():
        raise InvalidData(f"{archive}: {member.name!r:.80}: expected plain files only, neither links nor devices.")
    return path


def _write(members: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = members.extractfile(member)
    assert content is not None  # it is a plain file
    with content, path.open("xb") as file:
        shutil.copyfileobj(content, file)
        if file.tell() != member.size:
            raise EOFError(f"{member.name:.40} ends early")
    if member.mode & 0o100:  # a script of the model's container
        path.chmod(0o755)


class _Bounded(gzip.GzipFile):
    """A gzip stream that is neither read nor skipped beyond the limit, nor read into memory in one large piece."""

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
