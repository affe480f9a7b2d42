"""Containers, with Docker's command line client."""

import hashlib
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LABEL = "forecastle.region"
SECONDS = 20
PORT = 8080
NOT_RUN = 125  # the exit code of Docker's client when no container has run
CLIENT = "docker: "  # the beginning of its own error messages
ECR = re.compile(r"\.dkr\.ecr[.-].*\.amazonaws\.com")
NEEDS_ACCOUNT = "Images of AWS's own algorithms can be pulled with an AWS account only."


@dataclass(frozen=True, slots=True)
class Place:
    """A container's network, and its name there."""

    network: str
    host: str


def run_command(
    image: str,
    verb: str,
    tree: Path,
    environ: Mapping[str, str],
    home: Path,
    mounts: Mapping[Path, str],
    place: Place | None = None,
) -> list[str]:
    """The command that runs `verb` of an image with `tree` as /opt/ml, and its output as the command's own.

    `mounts` are more folders and their paths in the container; `place` is for one of several containers. The channels
    are links to the region's objects, so they are mounted to be read only. The region itself is `host.docker.internal`
    there.
    """
    passed = {name: value.replace("//127.0.0.1:", "//host.docker.internal:") for name, value in environ.items()}
    options = [part for name, value in passed.items() for part in ("--env", f"{name}={value}")]
    options += ["--name", name_of(tree), "--label", f"{LABEL}={home}"]
    options += ["--add-host", "host.docker.internal:host-gateway", "--volume", f"{tree}:/opt/ml"]
    if place is not None:
        options += ["--network", place.network, "--network-alias", place.host, "--hostname", place.host]
    options += [part for folder, path in mounts.items() for part in ("--volume", f"{folder}:{path}")]
    if verb == "train":
        options += ["--volume", f"{tree}/input/data:/opt/ml/input/data:ro"]
    else:
        options += ["--publish", f"127.0.0.1:0:{PORT}", "--volume", f"{tree}/model:/opt/ml/model:ro"]
    return ["docker", "run", "--rm", *options, image, verb]


def name_of(tree: Path) -> str:
    """The name of the container of a tree."""
    parts = "-".join(re.sub(r"[^a-zA-Z0-9_.-]", "-", part) for part in tree.parts[-3:])
    return f"forecastle-{parts}-{hashlib.sha256(str(tree).encode()).hexdigest()[:8]}"


@contextmanager
def network(folder: Path, home: Path) -> Iterator[str]:
    """The name of a network for the containers of a job, which exists in the context."""
    name = name_of(folder)
    _output("network", "create", "--label", f"{LABEL}={home}", name)  # if it fails, starting the containers says why
    try:
        yield name
    finally:
        _output("network", "rm", name)


def answers() -> bool:
    """Whether a Docker engine is available."""
    return shutil.which("docker") is not None and _output("version", "--format", "{{.Server.Version}}") is not None


def complaint(image: str | None, code: int, lines: Sequence[str]) -> str | None:
    """Why Docker's client could not run an image, from its exit code and last lines; else None."""
    found = next((number for number, line in enumerate(lines) if line.startswith(CLIENT)), None)
    if image is None or code != NOT_RUN or found is None:
        return None
    words = (line.strip() for line in [lines[found].removeprefix(CLIENT), *lines[found + 1 :]] if "--help" not in line)
    remark = f" {NEEDS_ACCOUNT}" if ECR.search(image) else ""
    return f"Docker cannot run the image {image}: {' '.join(filter(None, words)).rstrip('.')}.{remark}"


def published_port(tree: Path) -> int | None:
    """The local port of the server in a tree's container; None until it is published."""
    found = re.search(r":(\d+)\s*$", _output("port", name_of(tree), str(PORT)) or "")
    return None if found is None else int(found[1])


def remove(tree: Path) -> None:
    """Remove the container of a tree, if it still exists: killing Docker's client does not stop it."""
    _output("rm", "--force", name_of(tree))


def remove_all(home: Path) -> None:
    """Remove the containers and networks that an earlier region of this folder has left."""
    if shutil.which("docker") is not None:
        for container in (_output("ps", "--all", "--quiet", "--filter", f"label={LABEL}={home}") or "").split():
            _output("rm", "--force", container)
        for name in (_output("network", "ls", "--quiet", "--filter", f"label={LABEL}={home}") or "").split():
            _output("network", "rm", name)


def _output(*arguments: str) -> str | None:
    try:
        command = ["docker", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
