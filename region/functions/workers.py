"""The warm processes of all functions."""

import threading
from pathlib import Path
from typing import Any

from forecastle.region.cores import available_cores
from forecastle.region.functions.worker import Outcome, Worker
from forecastle.region.local_region import LocalRegion


class Workers:
    """Idle processes by function and version of its code; each handles one event at a time."""

    def __init__(self) -> None:
        self._idle: dict[str, list[tuple[str, Worker]]] = {}
        self._lock = threading.Lock()
        self._room = threading.BoundedSemaphore(max(4, 2 * available_cores()))  # invocations at a time

    def invoke(self, region: LocalRegion, function: dict[str, Any], event: Any, client_context: Any = None) -> Outcome:
        """Handle an event in an idle process of the function, or in a new one."""
        name, version = function["FunctionName"], function["RevisionId"]
        with self._room:
            worker = self._taken(name, version) or Worker(region, function, folder_of(region, function))
            outcome = worker.invoke(event, client_context)
            if not worker.alive:
                worker.close()
            else:
                with self._lock:
                    self._idle.setdefault(name, []).append((version, worker))
        return outcome

    def retire(self, name: str) -> None:
        """Kill the idle processes of a function."""
        with self._lock:
            gone = self._idle.pop(name, [])
        for _, worker in gone:
            worker.close()

    def close(self) -> None:
        for name in list(self._idle):
            self.retire(name)

    def _taken(self, name: str, version: str) -> Worker | None:
        while True:
            with self._lock:
                idle = self._idle.get(name)
                if not idle:
                    return None
                has, worker = idle.pop()
            if has == version and worker.alive:
                return worker
            worker.close()


def folder_of(region: LocalRegion, function: dict[str, Any]) -> Path:
    """The folder with the code of a function's current version."""
    return region.home.functions / str(function["FunctionName"]) / str(function["CodeId"])
