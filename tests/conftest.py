"""Kernels are compiled before the first test: otherwise processes would report it on stderr, and be slow.

Hypothesis measures no time: a busy machine is no failure.
"""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).parents[1]

settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist starts its workers
def pytest_sessionstart(session: pytest.Session) -> None:
    if session.config.option.collectonly or hasattr(session.config, "workerinput"):
        return
    digest = hashlib.sha256(f"{os.environ.get('NUMBA_CACHE_DIR', '')} {sys.version} {np.__version__}".encode())
    for floor in ("algorithms", "formats", "kernels"):
        for source in sorted((REPOSITORY / floor).rglob("*.py")):
            digest.update(source.read_bytes())
    # Beside the machine code, so that it goes when that is removed.
    done = REPOSITORY / "kernels" / "__pycache__" / f"compiled-{digest.hexdigest()[:16]}"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "forecastle", "compile"], cwd=REPOSITORY, check=True, stdout=sys.stderr)
        done.parent.mkdir(exist_ok=True)
        done.touch()
