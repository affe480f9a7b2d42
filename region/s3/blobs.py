"""The files of a store: written once, with names that the store generates."""

import hashlib
import os
import shutil
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from threading import Lock

from forecastle.region.s3.checksums import ALGORITHMS, text_of
from forecastle.region.s3.entries import Piece

STEP = 1 << 18  # bytes that are read, hashed or sent at once, which bounds the memory of a transfer
SMALL = 32 << 10  # bytes that are stored in the database, with one wait for the disk instead of three


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Blob:
    """Complete bytes with their digests: `md5` in hex, `checksum` in base64.

    They are in the file `name`, which is on the disk, or in `data` if they are few; the name is "" then.
    """

    name: str
    size: int
    md5: str
    checksum: str
    data: bytes | None = None


class Incoming:
    """Bytes that are being received, in a file unless they are few.

    A file that is not committed to the database is removed when the store is opened again.
    """

    def __init__(self, folder: Path, algorithm: str, others: Iterable[str]) -> None:
        self.folder, self.algorithm, self.size = folder, algorithm, 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._checksums = {name: ALGORITHMS[name]() for name in {algorithm, *others}}
        self._few = b""
        self._file: FileIO | None = None
        self._lock = Lock()  # prevents closing the file while a thread writes to it
        self._discarded = False

    def write(self, data: bytes) -> None:
        self._md5.update(data)
        for checksum in self._checksums.values():
            checksum.update(data)
        self.size += len(data)
        with self._lock:
            if self._discarded:
                raise ValueError("the received bytes were discarded")
            if self.size <= SMALL:
                self._few += data
                return
            if self._file is None:
                self.path = _path(self.folder, uuid.uuid4().hex)
                self._file = FileIO(self.path, "x")
                _write_all(self._file, self._few)
            _write_all(self._file, data)

    def md5(self) -> bytes:
        """The MD5 of the received bytes."""
        return self._md5.digest()

    def checksum(self, algorithm: str) -> str:
        """The checksum of the received bytes in base64, by the file's algorithm or one of the others."""
        return text_of(self._checksums[algorithm].digest())

    def seal(self) -> Blob:
        """Write the file and its name to the disk, and make it read-only."""
        digests = self.md5().hex(), self.checksum(self.algorithm)
        if self._file is None:
            return Blob("", self.size, *digests, self._few)
        os.fchmod(self._file.fileno(), 0o444)
        os.fsync(self._file.fileno())
        self._file.close()
        sync_folder(self.path.parent)
        return Blob(self.path.name, self.size, *digests)

    def discard(self) -> None:
        with self._lock:
            self._discarded = True
            if self._file is not None:
                self._file.close()
                self.path.unlink(missing_ok=True)


class Blobs:
    """The files of a store, in 256 folders."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for number in range(256):
            (folder / f"{number:02x}").mkdir(parents=True, exist_ok=True)
        sync_folder(folder)
        self._lock = Lock()
        self._readers: Counter[str] = Counter()
        self._doomed: set[str] = set()

    def path(self, name: str) -> Path:
        return _path(self.folder, name)

    def create(self, algorithm: str, others: Iterable[str] = ()) -> Incoming:
        """Start receiving bytes; compute checksums by `algorithm`, which is stored, and by others."""
        return Incoming(self.folder, algorithm, others)

    def link(self, name: str) -> str:
        """A second name for a file, so that each object has its own; a copy if the file system has no links."""
        other = uuid.uuid4().hex
        place(self.path(name), self.path(other))
        sync_folder(self.path(other).parent)
        return other

    def join(self, pieces: Iterable[Piece]) -> str:
        """A new file of pieces of others, copied by the kernel."""
        name = uuid.uuid4().hex
        with FileIO(self.path(name), "x") as target:
            for piece in pieces:
                if piece.data is not None:
                    _write_all(target, piece.data)
                    continue
                with open(self.path(piece.blob), "rb") as source:
                    copy_range(source.fileno(), piece.start, piece.size, target.fileno())
            os.fchmod(target.fileno(), 0o444)
            os.fsync(target.fileno())
        sync_folder(self.path(name).parent)
        return name

    @contextmanager
    def lookup(self) -> Iterator[None]:
        """A block in which no file is removed: files that are looked up and held in it stay readable."""
        with self._lock:
            yield

    def hold(self, names: Iterable[str]) -> None:
        """Keep files until `release`, even if they are removed meanwhile; call it within `lookup`."""
        self._readers.update(names)

    def release(self, names: Iterable[str]) -> None:
        with self._lock:
            self._readers.subtract(names)
            self._readers += Counter()  # forget those at zero
            free = {name for name in self._doomed if name not in self._readers}
            self._doomed -= free
        self._unlink(free)

    def remove(self, names: Collection[str]) -> None:
        """Remove files that the database no longer contains, now or after their last reader."""
        with self._lock:
            free = {name for name in names if name not in self._readers}
            self._doomed.update(set(names) - free)
        self._unlink(free)  # without the lock, as large files take time and can no longer be found

    def _unlink(self, names: Iterable[str]) -> None:
        for name in names:
            with suppress(OSError):  # removed when the store is opened again
                self.path(name).unlink()

    def sweep(self, known: set[str]) -> None:
        """Remove files that the database does not contain, which a crash has left."""
        for path in self.folder.glob("??/*"):
            if path.name not in known:
                path.unlink()


def _path(folder: Path, name: str) -> Path:
    return folder / name[:2] / name


def sync_folder(folder: Path) -> None:
    """Write the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def place(source: Path, target: Path) -> None:
    """A hard link, or a copy if that fails: on another file system, or with too many links."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:
        with open(source, "rb") as reader, open(target, "xb") as writer:
            shutil.copyfileobj(reader, writer, STEP)
            os.fsync(writer.fileno())


def copy_range(source: int, start: int, size: int, target: int) -> None:
    """Append bytes of one file to another in the kernel, or through memory if it cannot."""
    while size:
        try:
            copied = os.copy_file_range(source, target, size, offset_src=start)
        except OSError:
            data = os.pread(source, min(size, STEP), start)
            copied = os.write(target, data)
        if not copied:
            raise EOFError(f"a file of the store ends {size} bytes early")
        start, size = start + copied, size - copied


def _write_all(file: FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.write(view) :]
