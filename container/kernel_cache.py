"""The compiled kernels that an image brings along, found by whoever runs it."""

import os
import shutil
import tempfile
from collections.abc import MutableMapping
from pathlib import Path


def open_kernel_cache(environ: MutableMapping[str, str]) -> None:
    """Point `NUMBA_CACHE_DIR` to a copy in the temporary folder, where what it names cannot be written.

    numba asks for a cache it can write to, and compiles everything anew where it is given none. Call this before
    numba is imported. Without a temporary folder either, as under `--read-only` alone, the kernels are compiled in
    memory at every start.
    """
    shipped = environ.get("NUMBA_CACHE_DIR")
    if not shipped or not Path(shipped).is_dir() or os.access(shipped, os.W_OK):
        return
    try:
        copy = Path(tempfile.mkdtemp(prefix="forecastle-kernels-"))  # of a name that nobody else can foresee
        shutil.copytree(shipped, copy, dirs_exist_ok=True, copy_function=shutil.copyfile)
    except OSError:
        return
    environ["NUMBA_CACHE_DIR"] = str(copy)
