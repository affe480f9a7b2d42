"""Compiles the kernels of every algorithm in advance.

`forecastle compile` fills the installation's own cache; `python -m forecastle.container.compile FOLDER` writes compiled
kernels to FOLDER for an image or, with `--wheel`, for a wheel. The latter two require `NUMBA_CACHE_DIR`: kernels that
this folder contains from an earlier build are not compiled again.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path

from forecastle.algorithms import available, find
from forecastle.kernels.compiling import COMPILATION


def compile_all(report: Callable[[str], None]) -> None:
    """Compile every kernel that is not compiled yet; `report` gets a line for each algorithm."""
    # Sequentially, so that kernels of several algorithms are compiled once.
    for name in available():
        before, started = len(COMPILATION.compiled), time.monotonic()
        with COMPILATION.watched(_announcing(name, report)):
            find(name).compile()
        count = len(COMPILATION.compiled) - before
        seconds = time.monotonic() - started
        report(f"{name}: {f'compiled in {seconds:.0f} s' if count else 'is compiled already'}")


def _announcing(name: str, report: Callable[[str], None]) -> Callable[[bool], None]:
    """A watcher that reports once, when a first kernel of an algorithm is compiled."""
    reported = False

    def watcher(running: bool) -> None:
        nonlocal reported
        if running and not reported:
            report(f"{name}: compiling")
            reported = True

    return watcher


def collect(cache: Path, folder: Path) -> None:
    """Copy the compiled code of the current sources from `cache` to `folder`, which is emptied first."""
    from forecastle.kernels.cache import code_folder

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    packages = Path(__file__).parents[1]
    for source in sorted(
        each for floor in ("algorithms", "formats", "kernels") for each in (packages / floor).rglob("*.py")
    ):
        code = code_folder(cache, source)
        if code.is_dir():
            shutil.copytree(code, folder / code.name)


def main(folder: Path, wheel: bool) -> None:
    cache = Path(os.environ["NUMBA_CACHE_DIR"])
    compile_all(print)
    collect(cache, folder)
    if wheel:
        from forecastle.kernels.cache import Target

        Target(os.environ["NUMBA_CPU_NAME"], os.environ["NUMBA_CPU_FEATURES"]).write(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), "--wheel" in sys.argv[2:])
