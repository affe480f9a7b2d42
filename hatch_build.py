"""Tags the wheel for one platform if it contains compiled kernels, which `make wheel` puts into kernels/shipped.

Otherwise, as in the image, the wheel is for any platform.
"""

import platform
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

KERNELS = "kernels/shipped"  # `forecastle.kernels.cache.SHIPPED`


class ShippedKernels(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable" or not (Path(self.root) / KERNELS / "target.json").is_file():
            return
        # The machine code links to no library, and numba stores it by the version of Python.
        build_data["pure_python"] = False
        build_data["tag"] = (
            f"cp{sys.version_info.major}{sys.version_info.minor}-none-manylinux_2_17_{platform.machine()}"
        )
        build_data["artifacts"].append(f"/forecastle/{KERNELS}/")
