"""Marks of a run's progress, saved while it goes on."""

import os
import time
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Thread
from typing import BinaryIO

from forecastle.container.transform.journal import Journal, Mark

MARK_SECONDS = 1.0  # between two marks in the journal


class Keeper:
    """Saves marks in a journal, every now and then, once everything before them is on disk."""

    def __init__(self, journal: Journal, files: Sequence[BinaryIO], mark: Mark) -> None:
        self._journal = journal
        self._files = files
        self.mark = mark
        self._saved = time.monotonic()
        self._saving: Future[None] | None = None
        journal.write(mark)  # from now on, other options are refused

    def passed(self, mark: Mark) -> None:
        """Save `mark`, in a thread, if it is time."""
        self.mark = mark
        if time.monotonic() - self._saved < MARK_SECONDS or (self._saving is not None and not self._saving.done()):
            return
        self._wait()
        for file in self._files:
            file.flush()
        self._saved = time.monotonic()
        self._saving = Future()
        Thread(target=self._save, args=(mark, self._saving), daemon=True).start()

    def close(self) -> None:
        """Save the last mark."""
        self._wait()
        for file in self._files:
            file.flush()
        self._saving = Future()
        self._save(self.mark, self._saving)
        self._wait()

    def _wait(self) -> None:
        if self._saving is not None:
            self._saving.result()

    def _save(self, mark: Mark, saving: "Future[None]") -> None:
        try:
            for file in self._files:
                os.fsync(file.fileno())
            self._journal.write(mark)
            saving.set_result(None)
        except BaseException as error:
            saving.set_exception(error)
