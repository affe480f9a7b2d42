"""Hosts of tests: their names are addresses of this machine."""

import itertools
import os

_COUNT = itertools.count()


def some_hosts(size: int) -> tuple[str, ...]:
    """Addresses of the loopback network, different ones for each call and for each process of tests."""
    number = os.getpid() * 31 + next(_COUNT)
    return tuple(f"127.{1 + number // 250 % 250}.{1 + number % 250}.{1 + host}" for host in range(size))
