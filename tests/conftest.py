"""Kernels are compiled before the first test: a process that had to do it would say so on stderr, and be slow."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session", autouse=True)
def _compiled_kernels() -> None:
    digest = hashlib.sha256(os.environ.get("NUMBA_CACHE_DIR", "").encode())
    for floor in ("algorithms", "contract"):
        for source in sorted((REPOSITORY / floor).rglob("*.py")):
            digest.update(source.read_bytes())
    # Beside the machine code, so that it goes when that is removed.
    done = REPOSITORY / "contract" / "__pycache__" / f"compiled-{digest.hexdigest()[:16]}"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "forecastle", "compile"], cwd=REPOSITORY, check=True, stdout=sys.stderr)
        done.parent.mkdir(exist_ok=True)
        done.touch()
