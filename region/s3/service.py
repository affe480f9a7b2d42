"""What every operation is given: the store, who owns it, and threads for what waits for the disk."""

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
    """A store as one account sees it in one region."""

    store: Store
    account: str
    region: str
    threads: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(THREADS, "s3"))

    @property
    def owner(self) -> str:
        """The account's canonical user id."""
        return hashlib.sha256(self.account.encode()).hexdigest()

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Run in a thread what waits for the disk or computes for long."""
        return await asyncio.get_running_loop().run_in_executor(self.threads, work, *arguments)

    def close(self) -> None:
        self.threads.shutdown()
        self.store.close()
