"""The named files of a stored model: small ones in memory, large ones on disk until they are asked for."""

import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path


class StoredFiles(Mapping[str, bytes]):
    """Files by name.

    One of at least `mapped_bytes` is read from disk each time that it is asked for, so that it takes memory only as
    long as its bytes are used. It can be read even after it was removed.
    """

    def __init__(self, paths: Mapping[str, Path], mapped_bytes: int) -> None:
        self._content = {name: _content(path, mapped_bytes) for name, path in paths.items()}

    def __getitem__(self, name: str) -> bytes:
        content = self._content[name]
        if isinstance(content, bytes):
            return content
        read = content[:]
        content.madvise(mmap.MADV_DONTNEED)  # or else the pages stay in memory, beside their copy
        return read

    def __iter__(self) -> Iterator[str]:
        return iter(self._content)

    def __len__(self) -> int:
        return len(self._content)


def _content(path: Path, mapped_bytes: int) -> bytes | mmap.mmap:
    if path.stat().st_size < mapped_bytes:
        return path.read_bytes()
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
