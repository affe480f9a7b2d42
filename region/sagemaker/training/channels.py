"""A job's channels: links to objects, or pipes through which objects are sent."""

import contextlib
import gzip
import os
import shutil
import struct
import threading
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from forecastle.region.objects import Missing, Objects
from forecastle.region.sagemaker.training.sources import NoData, Source

RECORDIO_MAGIC = 0xCED7230A
RECORD_BYTES = 2**29 - 1  # the length has 29 bits


def link(found: Sequence[Source], folder: Path, objects: Objects) -> None:
    """Link the objects as files below a channel's folder. Raises `NoData`."""
    for each in found:
        try:
            objects.link(each.bucket, each.key, folder / each.path)
        except Missing as error:
            raise NoData(f"Data download failed: s3://{each.bucket}/{each.key}: {error}") from None
        except OSError as error:
            why = os.strerror(error.errno or 0)
            raise NoData(
                f"Data download failed: s3://{each.bucket}/{each.key} cannot be linked as {each.path} ({why})."
            ) from None


class Feeder:
    """A channel in Pipe mode: a FIFO for each epoch, into which the objects are written one after the other."""

    def __init__(self, channel: dict[str, Any], found: Sequence[Source], folder: Path, objects: Objects) -> None:
        self._folder = folder  # the channel's; its FIFOs are next to it
        self._found = found
        self._objects = objects
        self._gzip = channel.get("CompressionType") == "Gzip"
        self._wrapped = channel.get("RecordWrapperType") == "RecordIO"
        self._over = threading.Event()
        self._epoch = 0
        self._failure: NoData | None = None
        os.mkfifo(self._fifo(0))
        self._thread = threading.Thread(target=self._feed, name=f"pipe {folder.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop writing. Raises `NoData` if an object could not be written completely."""
        self._over.set()
        while self._thread.is_alive():
            for epoch in (self._epoch, self._epoch + 1):  # the thread may be waiting for a reader
                with contextlib.suppress(OSError):
                    os.close(os.open(self._fifo(epoch), os.O_RDONLY | os.O_NONBLOCK))
            self._thread.join(0.05)
        if self._failure is not None:
            raise self._failure

    def _fifo(self, epoch: int) -> Path:
        return self._folder.with_name(f"{self._folder.name}_{epoch}")

    def _feed(self) -> None:
        while not self._over.is_set() and self._failure is None:
            os.mkfifo(self._fifo(self._epoch + 1))  # before the reader reaches the end of this one
            with contextlib.suppress(BrokenPipeError), open(self._fifo(self._epoch), "wb", buffering=2**20) as pipe:
                for source in self._found:
                    if self._over.is_set():
                        return
                    try:
                        self._write(source, pipe)
                    except BrokenPipeError:
                        raise
                    except (Missing, OSError, EOFError, zlib.error, ValueError) as error:
                        sentence = f"Data download failed: s3://{source.bucket}/{source.key}: {error}"
                        self._failure = NoData(f"{sentence.rstrip('.')}.")
                        break
            self._epoch += 1

    def _write(self, source: Source, pipe: BinaryIO) -> None:
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(self._objects.open(source.bucket, source.key))
            if self._gzip:
                file = stack.enter_context(gzip.open(file))  # type: ignore[assignment]
            if not self._wrapped:
                shutil.copyfileobj(file, pipe, 2**20)
                return
            content = file.read(RECORD_BYTES + 1)
            if len(content) > RECORD_BYTES:
                raise ValueError(f"an object must be below {RECORD_BYTES + 1} bytes to be a record of RecordIO")
            pipe.write(struct.pack("<II", RECORDIO_MAGIC, len(content)))
            pipe.write(content)
            pipe.write(b"\0" * (-len(content) % 4))
