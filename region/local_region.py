"""A region: the state that its operations share."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from forecastle.region.home import Home
from forecastle.region.objects import Objects
from forecastle.region.processes import Processes
from forecastle.region.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from forecastle.region.functions.workers import Workers
    from forecastle.region.logs.journal import Journal
    from forecastle.region.metrics.series import Series
    from forecastle.region.sagemaker.endpoints.hosting import Hosting
    from forecastle.region.sagemaker.endpoints.runtime import Runtime
    from forecastle.region.sagemaker.pool import Pool


@dataclass(slots=True)
class LocalRegion:
    """State, logs, objects and running jobs; an operation is a function of these and a request."""

    home: Home
    address: str
    state: State
    journal: "Journal"
    series: "Series"
    objects: Objects
    processes: Processes
    say: "Callable[[str], None]"
    command: tuple[str, ...]  # which starts forecastle
    docker_image: str | None  # forecastle's own image, if its jobs and endpoints run in containers
    pools: "Mapping[str, Pool]"  # of jobs, by kind
    hosting: "Hosting"
    runtime: "Runtime"
    functions: "Workers"
