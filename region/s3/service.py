"""The state of all operations: the store, its owner, and threads for disk access."""

import asyncio
import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from forecastle.region.s3.store import Store

THREADS = 16

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service:
    """A store of one account in one region."""

    store: Store
    account: str
    region: str
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "s3"))

    @property
    def owner(self) -> str:
        """The account's canonical user id."""
        return hashlib.sha256(self.account.encode()).hexdigest()

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run a function that waits for the disk or computes for long, in a thread."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)

    def close(self) -> None:
        self.threads.shutdown()
        self.store.close()
