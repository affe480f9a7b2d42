"""Machine code for the kernels of forecastle's algorithms, compiled in the background while a region runs."""

import os
import re
import threading
from contextlib import suppress

from forecastle.region.images import inherited
from forecastle.region.local_region import LocalRegion
from forecastle.region.processes import Process

SILENT_SECONDS = 5.0  # `forecastle compile` ends sooner where there is nothing to compile
LOWEST_PRIORITY = 19
COMPILED = re.compile(r"(\w+): (compiled in .*)")


class Compilation:
    """`forecastle compile` at the lowest priority: a job that starts meanwhile has the cores first."""

    def __init__(self, region: LocalRegion) -> None:
        self._region = region
        environ = inherited(region.home.folder, os.environ)
        self._process: Process = region.processes.start([*region.command, "compile"], environ, region.home.folder)
        with suppress(ProcessLookupError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, LOWEST_PRIORITY)
        self._announcement = threading.Timer(SILENT_SECONDS, self._announce)
        self._announcement.daemon = True
        self._announcement.start()
        self._thread = threading.Thread(target=self._follow, name="kernels", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End it, finished or not."""
        self._process.kill()
        self._thread.join()

    def _announce(self) -> None:
        self._region.say("compiling kernels in the background; until that is done, the first jobs take longer")

    def _follow(self) -> None:
        for line in iter(self._process.output.readline, b""):
            found = COMPILED.fullmatch(line.decode("utf-8", "replace").strip())
            if found is not None:
                self._region.say(f"kernels of {found[1]}: {found[2]}")
        self._announcement.cancel()
        self._process.wait()
        self._process.output.close()
