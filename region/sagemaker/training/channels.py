"""A job's channels: files that are links to the region's objects, or pipes that are fed from them."""

import contextlib
import gzip
import os
import shutil
import struct
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from forecastle.region.objects import Missing, Objects
from forecastle.region.sagemaker.training.sources import NoData, Source

RECORDIO_MAGIC = 0xCED7230A


def link(found: Sequence[Source], folder: Path, objects: Objects) -> None:
    """Let the objects appear as files below a channel's folder. Raises `NoData`."""
    for each in found:
        try:
            objects.link(each.bucket, each.key, folder / each.path)
        except Missing as error:
            raise NoData(f"Data download failed: s3://{each.bucket}/{each.key}: {error}") from None
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise NoData(
                f"Data download failed: s3://{each.bucket}/{each.key} cannot be {each.path} ({why})."
            ) from None


class Feeder:
    """A channel in Pipe mode: a FIFO for each epoch, through which the objects come one after the other."""

    def __init__(self, channel: dict[str, Any], found: Sequence[Source], folder: Path, objects: Objects) -> None:
        self._folder = folder  # the channel's own; its FIFOs are beside it
        self._found = found
        self._objects = objects
        self._gzip = channel.get("CompressionType") == "Gzip"
        self._records = channel.get("RecordWrapperType") == "RecordIO"
        self._over = threading.Event()
        self._epoch = 0
        os.mkfifo(self._fifo(0))
        self._thread = threading.Thread(target=self._feed, name=f"pipe {folder.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop feeding, whether or not somebody reads."""
        self._over.set()
        while self._thread.is_alive():
            for epoch in (self._epoch, self._epoch + 1):  # a reader frees one that waits for a reader
                with contextlib.suppress(OSError):
                    os.close(os.open(self._fifo(epoch), os.O_RDONLY | os.O_NONBLOCK))
            self._thread.join(0.05)

    def _fifo(self, epoch: int) -> Path:
        return self._folder.with_name(f"{self._folder.name}_{epoch}")

    def _feed(self) -> None:
        while not self._over.is_set():
            os.mkfifo(self._fifo(self._epoch + 1))  # it is there before the reader has come to this one's end
            with contextlib.suppress(BrokenPipeError), open(self._fifo(self._epoch), "wb", buffering=2**20) as pipe:
                for each in self._found:
                    if self._over.is_set():
                        return
                    self._write(each, pipe)
            self._epoch += 1

    def _write(self, source: Source, pipe: BinaryIO) -> None:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(self._objects.open(source.bucket, source.key))
            if self._gzip:
                file = stack.enter_context(gzip.open(file))  # type: ignore[assignment]
            if not self._records:
                shutil.copyfileobj(file, pipe, 2**20)
                return
            content = file.read()
            pipe.write(struct.pack("<II", RECORDIO_MAGIC, len(content)) + content + b"\0" * (-len(content) % 4))
