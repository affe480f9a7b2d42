"""What `Algorithm.fit` and `Algorithm.evaluate` receive: the job, and the log that it writes to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from forecastle.algorithms.group import Group
from forecastle.contract.channel import Channel
from forecastle.contract.hyperparameters import Hyperparameters

H = TypeVar("H", bound=Hyperparameters)


class JobLog(Protocol):
    """A job's log, in the form of SageMaker's algorithms, and its progress bar on a terminal."""

    @property
    def host(self) -> str:
        """This host's name, for lines that parsers read."""

    def line(self, text: str) -> None:
        """Log an ordinary line, with the time in front."""

    def warning(self, text: str) -> None:
        """Log a warning."""

    def metrics(self, operation: str, since: float, values: Mapping[str, Sequence[float]]) -> None:
        """Log a `#metrics` line: sums, counts, minima and maxima of what was measured since the Unix time `since`."""

    def progress(self, share: float, note: str = "") -> None:
        """Update the progress bar, if there is one, to a share in [0, 1]."""


@dataclass(frozen=True, slots=True)
class Job(Generic[H]):
    """A training job: hyperparameters, data, log and limits."""

    hyperparameters: H
    channels: Mapping[str, Channel]
    log: JobLog
    # Whether SIGTERM was received: then finish soon, or raise `Stopped`. Raises what another host has failed with.
    stopping: Callable[[], bool]
    settings: Any = None  # of the type `Algorithm.settings`
    threads: int = 1
    checkpoints: Path | None = None  # a folder that outlives the job; None: keep no checkpoints
    group: Group = field(default_factory=Group)  # the hosts that train together; see `Algorithm.trains_alone`
