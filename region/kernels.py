"""Machine code for the kernels of forecastle's algorithms, compiled in the background while a region runs."""

import os
import re
import threading
from contextlib import suppress

from forecastle.region.images import inherited
from forecastle.region.local_region import LocalRegion
from forecastle.region.processes import Process

LOWEST_PRIORITY = 19
COMPILING = re.compile(r"(\w+): compiling")
COMPILED = re.compile(r"(\w+): (compiled in .*)")


class Compilation:
    """`forecastle compile` at the lowest priority: a job that starts meanwhile has the cores first."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region
        environ = inherited(region.home.folder, os.environ)
        self._process: Process = region.processes.start([*region.command, "compile"], environ, region.home.folder)
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, LOWEST_PRIORITY)
        self._thread = threading.Thread(target=self._follow, name="kernels", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, finished or not."""
        self._process.kill()
        self._thread.join()

    def _follow(self) -> None:
        for line in iter(self._process.output.readline, b""):
            text = line.decode("utf-8", "replace").strip()
            if found := COMPILING.fullmatch(text):
                self._region.say(f"kernels of {found[1]}: compiling in the background; its first jobs may take longer")
            elif found := COMPILED.fullmatch(text):
                self._region.say(f"kernels of {found[1]}: {found[2]}")
        self._process.wait()
        self._process.output.close()
