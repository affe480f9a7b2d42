"""Compiles the kernels of every algorithm, as an image is built: `python -m forecastle.container.compile FOLDER`.

What `NUMBA_CACHE_DIR` still holds from an earlier build is not compiled again; FOLDER gets what the image needs of it.
"""

import os
import shutil
import sys
from pathlib import Path

from forecastle.algorithms import available, find
from forecastle.kernels.compiled import code_folder


def main(cache: Path, folder: Path) -> None:
    # One after the other: numba mixes up what two processes add to the same kernel's code at once.
    for name in available():
        find(name).compile()
    packages = Path(__file__).parents[1]
    for source in sorted(
        each for floor in ("algorithms", "formats", "kernels") for each in (packages / floor).rglob("*.py")
    ):
        code = code_folder(cache, source)
        if code.is_dir():
            shutil.copytree(code, folder / code.name)


if __name__ == "__main__":
    main(Path(os.environ["NUMBA_CACHE_DIR"]), Path(sys.argv[1]))
