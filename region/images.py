"""What an image means here: a process of forecastle's, a container, or nothing.

The repository's name in the image's URI decides, whatever registry, account, region and tag stand beside it.
"""

import functools
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from forecastle.region.wire.refusal import invalid

BUILT_IN = {"randomcutforest": "random_cut_forest", "forecasting-deepar": "deepar"}
OWN = "forecastle"
LABEL = "forecastle.region"
DOCKER_SECONDS = 20
CONTAINER_PORT = 8080
ELSEWHERE = re.compile(r"AWS_|SAGEMAKER_|FORECASTLE_|XDG_|TRAINING_JOB_")


@dataclass(frozen=True, slots=True)
class Launcher:
    """How `train` and `serve` are started for an image."""

    forecastle: tuple[str, ...]
    image: str = ""
    algorithm: str | None = None  # of ours; none where the job's hyperparameters decide
    docker: bool = False
    network: tuple[str, ...] = field(default=("--add-host", "host.docker.internal:host-gateway"))

    def command(self, verb: str, tree: Path, environ: Mapping[str, str], home: Path) -> list[str]:
        """The command line; in a container, `tree` is /opt/ml and the environment is passed on."""
        if not self.docker:
            return [*self.forecastle, verb]
        passed = [part for name, value in environ.items() for part in ("--env", f"{name}={value}")]
        port = ["--publish", f"127.0.0.1:0:{CONTAINER_PORT}"] if verb == "serve" else []
        label = ["--label", f"{LABEL}={home}"]
        mount = ["--volume", f"{tree}:/opt/ml"]
        name = ["--name", container_name(tree)]
        return ["docker", "run", "--rm", *name, *label, *self.network, *port, *mount, *passed, self.image, verb]

    def environ(self, tree: Path, given: Mapping[str, str], inherited: Mapping[str, str]) -> dict[str, str]:
        """The environment of the process: of a container, that of the docker client."""
        kept = {name: value for name, value in inherited.items() if not ELSEWHERE.match(name)}
        if self.docker:
            return kept
        kept["PYTHONPATH"] = _without_ours(kept.get("PYTHONPATH", ""))
        own = {"SAGEMAKER_BASE_DIR": str(tree), "PYTHONUNBUFFERED": "1"}
        if self.algorithm is not None:
            own["FORECASTLE_ALGORITHM"] = self.algorithm
        return kept | dict(given) | own


def launcher(image: str, forecastle: tuple[str, ...]) -> Launcher:
    """How to start what `image` means. Raises the refusal of an image that cannot be had."""
    name = repository(image)
    if name in BUILT_IN:
        return Launcher(forecastle, image, BUILT_IN[name])
    if name == OWN:
        return Launcher(forecastle, image)
    if name.replace("-", "_") in _algorithms(forecastle):
        return Launcher(forecastle, image, name.replace("-", "_"))
    if _docker_answers():
        return Launcher(forecastle, image, docker=True)
    raise invalid(
        f"The image {image} is none of this region's own ({', '.join([*BUILT_IN, OWN])}), and Docker, which would run "
        "it, does not answer here."
    )


@functools.cache
def _algorithms(forecastle: tuple[str, ...]) -> frozenset[str]:
    """The names of the algorithms that there are."""
    environ = {name: value for name, value in os.environ.items() if not ELSEWHERE.match(name)}
    done = subprocess.run([*forecastle, "algorithms"], capture_output=True, text=True, env=environ, check=False)
    return frozenset(re.findall(r"^(\w+): ", done.stdout, re.MULTILINE))


def repository(image: str) -> str:
    """The last part of an image's name, without tag and digest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()


def container_name(tree: Path) -> str:
    """What a container of this tree is called."""
    return "forecastle-" + "-".join(re.sub(r"[^a-zA-Z0-9_.-]", "-", part) for part in tree.parts[-3:])


def remove_containers(home: Path) -> None:
    """Remove what a region of this folder left running, where Docker answers."""
    if shutil.which("docker") is None:
        return
    listed = _docker("ps", "--all", "--quiet", "--filter", f"label={LABEL}={home}")
    for container in (listed or "").split():
        _docker("rm", "--force", container)


def published_port(tree: Path) -> int | None:
    """The port of this machine at which a container's server answers, once it does."""
    found = re.search(r":(\d+)\s*$", _docker("port", container_name(tree), str(CONTAINER_PORT)) or "")
    return None if found is None else int(found[1])


def _docker_answers() -> bool:
    return shutil.which("docker") is not None and _docker("version", "--format", "{{.Server.Version}}") is not None


def _docker(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=DOCKER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None


def _without_ours(path: str) -> str:
    """A PYTHONPATH without the folder that `forecastle region env` puts there."""
    folders = [each for each in path.split(os.pathsep) if each and not each.endswith("/region/python")]
    return os.pathsep.join(folders)
