"""A job's checkpoints: brought back before it starts, and uploaded while it runs.

Source: "Checkpoints in Amazon SageMaker AI", AWS's developer guide.
"""

import contextlib
import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from forecastle.region.objects import Missing, Objects, joined, place_below, split
from forecastle.region.sagemaker.archives import files_below
from forecastle.region.sagemaker.training.tree import Tree

SCAN_SECONDS = 1.0
MOST_HELD = 64

Stamp = tuple[int, int, int]  # a file's inode, size and time of its last change, in nanoseconds


def uri_of(job: dict[str, Any]) -> str | None:
    """Where a job keeps its checkpoints, if it does."""
    uri = job.get("CheckpointConfig", {}).get("S3Uri")
    return None if uri is None else str(uri)


def mounts_of(job: dict[str, Any], tree: Tree) -> dict[Path, str]:
    """The folder of the checkpoints and its path in a container, where that is not the usual one."""
    path = PurePosixPath("/opt/ml", job.get("CheckpointConfig", {}).get("LocalPath", "checkpoints"))
    return {} if uri_of(job) is None or str(path) == "/opt/ml/checkpoints" else {tree.checkpoints: str(path)}


def restore(uri: str, folder: Path, objects: Objects) -> None:
    """Make the folder, with what is below `uri`. Raises `Missing`."""
    folder.mkdir()
    bucket, prefix = split(uri.rstrip("/") + "/")
    for key in objects.keys(bucket, prefix):
        if key.endswith("/"):  # a console's folder
            continue
        path = place_below(folder, f"s3://{bucket}/{key}", key.removeprefix(prefix).lstrip("/"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with objects.open(bucket, key) as file, path.open("wb") as copy:
            shutil.copyfileobj(file, copy)  # no link: a job writes its checkpoints anew


@contextlib.contextmanager
def uploaded(uri: str | None, folders: Sequence[Path], objects: Objects) -> Iterator[None]:
    """Upload what changes in the hosts' folders while the job runs, and in the end what is left, however it ends.

    Raises `Missing` in the end where the bucket is gone.
    """
    if uri is None:
        yield
        return
    mirrors = [Mirror(uri, folder, objects) for folder in folders]
    over = threading.Event()
    thread = threading.Thread(target=_follow, args=(mirrors, over), name=f"checkpoints {uri}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        for mirror in mirrors:
            mirror.finish()


class Mirror:
    """A folder whose files become objects. What is there at the beginning is there already; what is removed stays."""

    def __init__(self, uri: str, folder: Path, objects: Objects) -> None:
        self._uri = uri
        self._folder = folder
        self._objects = objects
        self._uploaded = self._stamps()
        self._seen = dict(self._uploaded)
        self._held: dict[str, BinaryIO] = {}  # files that were changing at the last scan

    def scan(self) -> None:
        """Upload files that have changed and are complete. Raises `Missing`.

        A file is complete when it has not changed since the last scan, or when another has taken its place since: then
        what was there is uploaded, as a job that replaces its checkpoint all the time never lets one settle.
        """
        found = self._stamps()
        for path, stamp in found.items():
            if stamp == self._uploaded.get(path):
                continue
            with contextlib.ExitStack() as stack:
                held = self._held.pop(path, None)
                about = None if held is None else os.fstat(stack.enter_context(held).fileno())
                if stamp == self._seen.get(path):
                    self._upload(path, self._folder / path, stamp)
                    continue
                if held is not None and about is not None and about.st_nlink == 0:
                    self._upload(path, Path(f"/proc/self/fd/{held.fileno()}"), _stamp(about))
            if len(self._held) < MOST_HELD:
                with contextlib.suppress(FileNotFoundError):
                    self._held[path] = (self._folder / path).open("rb")
        self._seen = found

    def finish(self) -> None:
        """Upload all that has changed. Raises `Missing`."""
        for held in self._held.values():
            held.close()
        for path, stamp in self._stamps().items():
            if stamp != self._uploaded.get(path):
                self._upload(path, self._folder / path, stamp)

    def _upload(self, path: str, file: Path, stamp: Stamp) -> None:
        with contextlib.suppress(FileNotFoundError):  # its writer removed it
            self._objects.put_file(*split(joined(self._uri, path)), file)
            self._uploaded[path] = stamp  # of before: what changed meanwhile is uploaded again

    def _stamps(self) -> dict[str, Stamp]:
        stamps = {}
        for path in files_below(self._folder):
            with contextlib.suppress(FileNotFoundError):
                stamps[path.relative_to(self._folder).as_posix()] = _stamp(path.stat())
        return stamps


def _stamp(about: os.stat_result) -> Stamp:
    return about.st_ino, about.st_size, about.st_mtime_ns


def _follow(mirrors: Sequence[Mirror], over: threading.Event) -> None:
    while not over.wait(SCAN_SECONDS):
        for mirror in mirrors:
            # Such as a full disk: the next scan tries again, and the last one says so.
            with contextlib.suppress(Missing, OSError, sqlite3.OperationalError):
                mirror.scan()
