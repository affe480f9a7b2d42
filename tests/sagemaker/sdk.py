"""A version of SageMaker's Python SDK in its own environment, installed by pip from its lock in this folder.

The SDK's own dependencies would overturn ours. An environment is kept in .sagemaker-sdk/ of the checkout until its lock
changes, so that only the first run waits for it.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

HERE = Path(__file__).parent
KEPT = HERE.parents[1] / ".sagemaker-sdk"
TIMEOUT_SECONDS = 900
DEAD_END = "http://127.0.0.1:9"  # a port on which nothing listens: requests that would leave this machine fail
QUIET = "SchemaVersion: '1.0'\nSageMaker:\n  PythonSDK:\n    Modules:\n      TelemetryOptOut: true\n"


@dataclass(frozen=True, slots=True)
class Sdk:
    """An environment with the SDK of one major version."""

    major: int
    python: Path

    def run(self, script: Path, *arguments: str, home: Path, environ: dict[str, str]) -> str:
        """Run a script with it, offline and without credentials of AWS; returns its stdout."""
        done = subprocess.run(
            [str(self.python), str(script), *arguments],
            cwd=home,
            env=offline(home) | environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        assert done.returncode == 0, f"{script.name}, SDK {self.major}:\n{done.stdout[-4000:]}\n{done.stderr[-8000:]}"
        return done.stdout


def made(major: int) -> Sdk:
    """The SDK's environment, cached or created now; the test is skipped if packages cannot be installed."""
    return Sdk(major, environment(str(major), HERE / f"sdk{major}.lock", sys.executable))


def environment(name: str, lock: Path, interpreter: str) -> Path:
    """The Python of an environment with a lock's packages, cached or created now by another Python."""
    KEPT.mkdir(exist_ok=True)
    with (KEPT / f"{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)  # tests run in several processes
        return _environment(name, lock, interpreter)


def _environment(name: str, lock: Path, interpreter: str) -> Path:
    digest = hashlib.sha256(lock.read_bytes() + sys.version.encode() + interpreter.encode()).hexdigest()[:12]
    folder = KEPT / f"{name}-{digest}"
    python, complete = folder / "bin" / "python", folder / ".complete"
    if complete.exists():
        return python
    for outdated in KEPT.glob(f"{name}-*"):
        shutil.rmtree(outdated)
    subprocess.run([interpreter, "-m", "venv", str(folder)], check=True, stdout=subprocess.DEVNULL)
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--no-compile")
    installed = subprocess.run(
        [str(python), "-m", "pip", "install", *options, "-r", str(lock)],
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode and "Retrying (" in installed.stderr:
        pytest.skip(f"{lock.name} cannot be installed: pip reaches no package index from here")
    assert installed.returncode == 0, installed.stderr[-4000:]
    complete.touch()
    return python


def offline(home: Path) -> dict[str, str]:
    """Environment variables with fake credentials, without telemetry, and without access to other machines."""
    (home / "sagemaker.yaml").write_text(QUIET)
    inherited = {name: value for name, value in os.environ.items() if name.startswith(("DOCKER_", "LANG", "LC_"))}
    return {
        "DOCKER_CONFIG": str(Path.home() / ".docker"),  # it says where the engine is, if not where it usually is
        **inherited,
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "TMPDIR": str(home),
        "PYTHONWARNINGS": "ignore",  # of the SDK's, for the SDK
        "AWS_ACCESS_KEY_ID": "nobody",
        "AWS_SECRET_ACCESS_KEY": "nothing",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": DEAD_END,
        "AWS_MAX_ATTEMPTS": "1",
        "HTTP_PROXY": DEAD_END,
        "HTTPS_PROXY": DEAD_END,
        "NO_PROXY": "127.0.0.1,localhost",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(home / "sagemaker.yaml"),
        "SAGEMAKER_SUPPRESS_V2_WARNING": "1",
    }
