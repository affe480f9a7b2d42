"""The state of a group in the leading host, in one event loop: who is there, the rounds, and the first failure."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from forecastle.training.hosts.fault import Fault

SILENCE_SECONDS = 15.0  # without a request, after which a host counts as lost
GRACE_SECONDS = 3.0  # after its connection has ended, in which it may open another one

T = TypeVar("T")


class Failed(Exception):
    """A host has failed: `meeting.fault` has the reason."""


class Over(Exception):
    """The leading host has finished, and takes part in no further round."""


@dataclass(slots=True, eq=False, repr=False)
class Round:
    """One exchange: the parts by host, and what is combined of them."""

    complete: "asyncio.Future[None]"
    result: "asyncio.Future[bytes]"
    parts: dict[str, bytes] = field(default_factory=dict)


class Meeting:
    """The meeting of a leading host and its `others`."""

    def __init__(self, others: Sequence[str]) -> None:
        self.others = tuple(others)
        self.fault: Fault | None = None
        self._loop = asyncio.get_running_loop()
        self._failed: asyncio.Future[None] = self._loop.create_future()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._processes: dict[str, str] = {}  # of the hosts that have joined
        self._all_here: asyncio.Future[None] = self._loop.create_future()
        self._deadlines: dict[str, float] = {}  # by which a host must be heard again
        self._rounds: dict[int, Round] = {}
        self._left: set[str] = set()  # the hosts that know how it ended

    @property
    def missing(self) -> list[str]:
        """The hosts that have not joined yet."""
        return [host for host in self.others if host not in self._processes]

    def join(self, host: str, process: str) -> bool:
        """Let a host in; false if another process of its name has joined before."""
        if self._processes.setdefault(host, process) != process:
            return False
        self.hear(host)
        if not self.missing and not self._all_here.done():
            self._all_here.set_result(None)
        return True

    def hear(self, host: str, seconds: float = SILENCE_SECONDS) -> None:
        """Note that a host is there, and must be heard again in that time."""
        self._deadlines[host] = time.monotonic() + seconds

    async def all_here(self) -> None:
        """Return once every host has joined. Raises `Failed`."""
        await self._unless_failed(self._all_here)

    async def bring(self, host: str, number: int, part: bytes) -> None:
        """Take a host's part of a round."""
        current = self._round(number)
        current.parts[host] = part
        if len(current.parts) == len(self.others) and not current.complete.done():
            current.complete.set_result(None)

    async def parts(self, number: int) -> list[bytes]:
        """The parts of all others, in their order, once they are there. Raises `Failed`."""
        current = self._round(number)
        await self._unless_failed(current.complete)
        return [current.parts[host] for host in self.others]

    def settle(self, number: int, result: bytes) -> None:
        """Set the result of a round. That of the round before has been fetched by every host."""
        self._round(number).result.set_result(result)
        self._rounds.pop(number - 1, None)

    async def result(self, number: int) -> bytes:
        """The result of a round. Raises `Failed` or `Over`."""
        return await self._unless_failed(self._round(number).result, self._over)

    def fail(self, fault: Fault) -> None:
        """End the group; the first failure counts."""
        if self.fault is None and not self._over.done():
            self.fault = fault
            self._failed.set_result(None)

    def finish(self) -> None:
        """The leading host has written the model."""
        if not self._over.done():
            self._over.set_result(None)

    async def ended(self) -> None:
        """Return once the leading host has finished. Raises `Failed`."""
        await self._unless_failed(self._over)

    async def some_end(self) -> None:
        """Return once a host has failed, or the leading host has finished."""
        await asyncio.wait((self._failed, self._over), return_when=asyncio.FIRST_COMPLETED)

    def leave(self, host: str) -> None:
        """A host knows how it ended, and will not be heard again."""
        self._left.add(host)

    async def all_left(self) -> None:
        """Return once every host that is still there knows how it ended."""
        while any(host not in self._left and time.monotonic() < due for host, due in self._deadlines.items()):
            await asyncio.sleep(0.05)

    async def watch(self) -> None:
        """Fail the group when a host is not heard in time."""
        while True:
            await asyncio.sleep(0.25)
            for host, due in self._deadlines.items():
                if time.monotonic() > due and host not in self._left:
                    self.fail(Fault("other", f"Host {host} is gone: it was killed, or cannot be reached any more."))

    def _round(self, number: int) -> Round:
        if number not in self._rounds:
            self._rounds[number] = Round(self._loop.create_future(), self._loop.create_future())
        return self._rounds[number]

    async def _unless_failed(self, wanted: "asyncio.Future[T]", over: "asyncio.Future[None] | None" = None) -> T:
        """The result of `wanted`, for which several may wait. Raises `Failed`, and `Over` if that comes before it."""
        futures: list[asyncio.Future[Any]] = [wanted, self._failed, *([] if over is None else [over])]
        await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
        if self._failed.done():
            raise Failed
        if not wanted.done():
            raise Over
        return wanted.result()
