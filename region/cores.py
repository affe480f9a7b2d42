"""The processor cores that jobs and functions share."""

import os


def available_cores() -> int:
    """The cores this process may run on."""
    return len(os.sched_getaffinity(0))
