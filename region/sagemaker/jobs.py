"""A kind of job: its statuses and operations, and how one job runs and ends."""

import shutil
import sqlite3
import threading
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from forecastle.region.disk import is_full
from forecastle.region.local_region import LocalRegion
from forecastle.region.objects import Missing
from forecastle.region.sagemaker.pool import Pool
from forecastle.region.sagemaker.resource import Operation, Record, Resource
from forecastle.region.wire.refusal import invalid

ENDED = ("Completed", "Failed", "Stopped")
REASON_CHARACTERS = 1024
RETRY_SECONDS = 1.0
NO_SPACE = "InternalServerError: no space left on the disk of the region's folder."


class Failure(Exception):
    """The job failed; the sentence is its FailureReason."""


class ClientFailure(Exception):
    """The job asked for something that cannot be done; the sentence says what."""


class Stopped(Exception):
    """The job was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobKind(Resource):
    """A kind of job.

    Attributes
    ----------
    label : what messages call a job of this kind.
    ended_at : the member with the time at which a job ended.
    at_once : how many run at the same time; None for one for each two cores.
    """

    label: str
    ended_at: str
    at_once: int | None = None

    def operations(self, create: Operation) -> Mapping[str, Operation]:
        """Create, Describe, List and Stop, by the operations' names."""
        # `super` without arguments does not find its class in a dataclass with slots.
        return {**Resource.operations(self, create), f"Stop{self.kind}": self.stop}

    def pool(self, region: LocalRegion) -> Pool:
        return region.pools[self.kind]

    def begin(self, region: LocalRegion, record: Record, job: "type[Job]", status: str = "InProgress") -> Record:
        """Keep a new job and queue it; the answer of Create."""
        now = time.time()
        started: Record = {"CreationTime": now, "LastModifiedTime": now, self.status: "InProgress"}
        record = started | record
        answer = self.add(region, record)
        region.say(f"{self.label} {record[self.name]}: {status}")
        self.pool(region).add(job(region, record[self.name]))
        return answer

    def stop(self, region: LocalRegion, request: Record) -> Record:
        name = request[self.name]
        with region.state.exclusive():
            status = self.get(region, name)[self.status]
            if status in ENDED:
                raise invalid(f"The request was rejected because the {self.label} is in status {status}.")
            self.move(region, name, "Stopping")
        if self.pool(region).stop(name):
            self.move(region, name, "Stopped")
        return {}

    def move(self, region: LocalRegion, name: str, status: str, **more: Any) -> None:
        """Set a job's status and other members, unless it has ended or the status does not apply to it."""
        if "FailureReason" in more:
            more["FailureReason"] = more["FailureReason"][:REASON_CHARACTERS]
        with region.state.exclusive():
            job = region.state.get(self.kind, name)
            changes = None if job is None or job[self.status] in ENDED else self.changes(job, status)
            if job is None or changes is None:
                return
            region.state.put(self.kind, name, job | changes | more)
        reason = f": {more['FailureReason']}" if "FailureReason" in more else ""
        region.say(f"{self.label} {name}: {status}{reason}")

    def changes(self, job: Record, status: str) -> Record | None:
        """The members that a new status changes; None where it does not apply to the job."""
        now = time.time()
        ended = {self.ended_at: now} if status in ENDED else {}
        return None if job[self.status] == status else {self.status: status, "LastModifiedTime": now, **ended}

    def fail_unfinished(self, region: LocalRegion) -> None:
        """Mark the jobs that ran when the region ended as failed."""
        reason = "InternalServerError: The region was stopped while the job ran. Start the job again."
        for job in region.state.all(self.kind):
            if job[self.status] not in ENDED:
                self.move(region, job[self.name], "Failed", FailureReason=reason)


class Job(ABC):
    """One job that is queued or runs: `run` on a thread of the pool, `stop` and `kill` from any thread."""

    kind: ClassVar[JobKind]

    def __init__(self, region: LocalRegion, name: str) -> None:
        self.region = region
        self.name = name
        self._stop = threading.Event()
        self._killed = threading.Event()

    @property
    def folder(self) -> Path:
        """The folder for the job's files, removed at its end."""
        return self.region.home.jobs / self.kind.path / self.name

    def stop(self) -> None:
        """Ask the job to stop."""
        self._stop.set()

    def kill(self) -> None:
        """End the job at once, because the region ends; the next region marks it as failed."""
        self._killed.set()
        self._stop.set()

    def run(self) -> None:
        """Run the job and record how it ended."""
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            status, more = self._outcome()
        finally:
            self.release()
            shutil.rmtree(self.folder, ignore_errors=True)
        # The record comes after the files are removed: a job that filled the disk has left no space for it.
        while not self._killed.is_set():
            try:
                self.kind.move(self.region, self.name, status, **more)
                return
            except sqlite3.OperationalError:  # the disk is still full
                self._killed.wait(RETRY_SECONDS)

    @abstractmethod
    def work(self, job: Record) -> tuple[str, Record]:
        """Do the job; its last status, and the members that its record then has."""

    def release(self) -> None:  # noqa: B027
        """End what the job has started and not waited for."""

    def _outcome(self) -> tuple[str, Record]:
        try:
            return self.work(self.kind.get(self.region, self.name))
        except Stopped:
            return "Stopped", {}
        except (ClientFailure, Missing) as error:
            reason = f"ClientError: {error}"
        except Failure as error:
            reason = str(error)
        except Exception as error:
            if is_full(error):
                reason = NO_SPACE
            elif isinstance(error, OSError):
                reason = f"InternalServerError: {error.filename or self.folder}: {error.strerror}."
            else:
                traceback.print_exc()
                reason = f"InternalServerError: {error!r}"
        return "Failed", {"FailureReason": reason}
