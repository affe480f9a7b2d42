"""How much memory this process may still take."""

import os
from pathlib import Path


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that are free, to the machine or to this container, whichever is less.

    `root` is where /proc and /sys are; the container's limit is that of its control group, version 2 or 1.
    """
    free = [_machine(root)]
    groups = root / "sys" / "fs" / "cgroup"
    for limit, usage in (
        (groups / "memory.max", groups / "memory.current"),
        (groups / "memory" / "memory.limit_in_bytes", groups / "memory" / "memory.usage_in_bytes"),
    ):
        if limit.is_file() and usage.is_file() and (text := limit.read_text().strip()) != "max":
            free.append(int(text) - int(usage.read_text()))
    return max(0, min(free))


def _machine(root: Path) -> int:
    try:
        for line in (root / "proc" / "meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
