"""How much memory this process may still take."""

import os
from pathlib import Path


def available_memory(root: Path = Path("/")) -> int:
    """Bytes that are free, to the machine or to this container, whichever is less.

    `root` is the folder with /proc and /sys; the container's limit is that of its control group, version 2 or 1. The
    page cache, which counts as usage of the group, is free: the kernel drops it when memory is needed.
    """
    free = [_machine(root)]
    groups = root / "sys" / "fs" / "cgroup"
    for limit, usage, prefix in (
        (groups / "memory.max", groups / "memory.current", ""),
        (groups / "memory" / "memory.limit_in_bytes", groups / "memory" / "memory.usage_in_bytes", "total_"),
    ):
        if limit.is_file() and usage.is_file() and (text := limit.read_text().strip()) != "max":
            files = (f"{prefix}active_file", f"{prefix}inactive_file")
            cached = sum(_counted(limit.with_name("memory.stat"), name, " ") for name in files)
            free.append(int(text) - int(usage.read_text()) + cached)
    return max(0, min(free))


def _machine(root: Path) -> int:
    free = _counted(root / "proc" / "meminfo", "MemAvailable", ":")
    return free * 1024 or os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _counted(path: Path, name: str, separator: str) -> int:
    """The number after `name` and `separator` in a file with a name and a number per line; 0 if there is none."""
    try:
        for line in path.read_text().splitlines():
            if line.startswith(name + separator):
                return int(line.split()[1])
    except OSError:
        pass
    return 0
