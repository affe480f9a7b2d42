"""A Jupyter kernel with the region's variables, for VS Code or a running Jupyter."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from forecastle.contract.errors import InvalidJob
from forecastle.contract.whole_file import write_whole

NAME = "forecastle-region"


def write(python: str | None, variables: Mapping[str, str], environ: Mapping[str, str]) -> Path:
    """Write the kernel's specification to the user's Jupyter folder; return its folder.

    Raises `InvalidJob` if that Python has no ipykernel.
    """
    chosen = python or _activated(environ) or shutil.which("python3")
    if chosen is None or _missing(chosen):
        raise InvalidJob(
            f"--python {chosen}: a kernel needs ipykernel there: {chosen or 'python3'} -m pip install ipykernel."
        )
    described = {
        "argv": [str(Path(chosen).absolute()), "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python (forecastle region)",
        "language": "python",
        "env": dict(variables),
    }
    folder = _jupyter(environ) / "kernels" / NAME
    write_whole(folder / "kernel.json", json.dumps(described, indent=1).encode())
    return folder


def _activated(environ: Mapping[str, str]) -> str | None:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        path = Path(environ.get(name, "")) / "bin" / "python"
        if environ.get(name) and path.exists():
            return str(path)
    return None


def _missing(python: str) -> bool:
    try:
        found = subprocess.run([python, "-c", "import ipykernel"], capture_output=True, check=False)
    except OSError:
        return True
    return found.returncode != 0


def _jupyter(environ: Mapping[str, str]) -> Path:
    """The folder in which Jupyter looks for a user's data, on Linux."""
    if environ.get("JUPYTER_DATA_DIR"):
        return Path(environ["JUPYTER_DATA_DIR"])
    data = environ.get("XDG_DATA_HOME") or os.path.join(environ.get("HOME") or str(Path.home()), ".local", "share")
    return Path(data) / "jupyter"
