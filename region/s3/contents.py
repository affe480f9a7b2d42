"""The bytes of an object, as a readable file."""

import io
import os
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from forecastle.region.s3.blobs import Blobs
from forecastle.region.s3.entries import Object, Piece, blobs_of


class Contents(io.RawIOBase):
    """An object's bytes as they were when it was opened, even if it is replaced or deleted meanwhile.

    Its files must be held; closing releases them. One of them is open at a time.
    """

    def __init__(self, entry: Object, pieces: Sequence[Piece], blobs: Blobs) -> None:
        self.entry = entry
        self.pieces = pieces
        self._blobs = blobs
        self._ends = list(accumulate(piece.size for piece in pieces))
        self._position = 0
        self._open: tuple[str, int] | None = None

    @property
    def in_memory(self) -> bool:
        """Whether reading needs no disk."""
        return all(piece.data is not None for piece in self.pieces)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.entry.size}[whence]
        if base + offset < 0:
            raise ValueError(f"negative seek position {base + offset}")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        if self._position >= self.entry.size:
            return 0
        number = bisect_right(self._ends, self._position)
        piece, end = self.pieces[number], self._ends[number]
        view = memoryview(buffer).cast("B")[: end - self._position]
        if piece.data is not None:
            at = piece.size - (end - self._position)
            view[:] = piece.data[at : at + len(view)]
            self._position += len(view)
            return len(view)
        count = os.preadv(self._descriptor(piece.blob), [view], piece.start + piece.size - (end - self._position))
        if not count and view:
            raise EOFError(f"the file {piece.blob} of {self.entry.bucket}/{self.entry.key} is shorter than its object")
        self._position += count
        return count

    def close(self) -> None:
        if not self.closed:
            if self._open is not None:
                os.close(self._open[1])
                self._open = None
            self._blobs.release(blobs_of(self.pieces))
        super().close()

    def _descriptor(self, blob: str) -> int:
        if self._open is None or self._open[0] != blob:
            if self._open is not None:
                os.close(self._open[1])
                self._open = None
            self._open = blob, os.open(self._blobs.path(blob), os.O_RDONLY)
        return self._open[1]
