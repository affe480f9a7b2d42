"""How an image is run: as a process of forecastle's or as a container.

The repository name in the image URI decides; registry, account, region and tag are ignored.
"""

import functools
import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from forecastle.region import docker
from forecastle.region.local_region import LocalRegion
from forecastle.region.wire.refusal import invalid

BUILT_IN = {"randomcutforest": "random_cut_forest", "forecasting-deepar": "deepar"}
OWN = "forecastle"
ELSEWHERE = re.compile(r"AWS_|SAGEMAKER_|FORECASTLE_(?!ALGORITHMS$)|XDG_|TRAINING_JOB_")


@dataclass(frozen=True, slots=True)
class Launcher:
    """How `train` and `serve` are started for an image."""

    forecastle: tuple[str, ...]
    home: Path
    algorithm: str | None = None  # of ours; None if the job's hyperparameters decide
    container: str | None = None  # the image, if it runs in a container

    def command(
        self,
        verb: str,
        tree: Path,
        environ: Mapping[str, str],
        mounts: Mapping[Path, str] = MappingProxyType({}),
        place: docker.Place | None = None,
    ) -> list[str]:
        """The command line; for a container, with the environment, and with `mounts`: folders and their paths in it.

        `place`: of a container that others look for by name.
        """
        if self.container is None:
            return [*self.forecastle, verb]
        given = {**environ, **self._algorithm()}
        return docker.run_command(self.container, verb, tree, given, self.home, mounts, place)

    def environ(self, tree: Path, given: Mapping[str, str], outer: Mapping[str, str]) -> dict[str, str]:
        """The environment of the process: for a container, that of Docker's client."""
        kept = inherited(self.home, outer)
        if self.container is not None:
            return kept
        own = {"SAGEMAKER_BASE_DIR": str(tree), "PYTHONUNBUFFERED": "1"}
        return {**kept, **given, **own, **self._algorithm()}

    def clean(self, tree: Path) -> None:
        """Remove the container of a tree, if there is one."""
        if self.container is not None:
            docker.remove(tree)

    def metrics(self) -> Mapping[str, str]:
        """The metrics that the algorithm declares: names and regular expressions of log lines."""
        known: Mapping[str, str] = _algorithms(self.forecastle).get(self.algorithm, {}) if self.algorithm else {}
        return known

    def _algorithm(self) -> dict[str, str]:
        return {} if self.algorithm is None else {"FORECASTLE_ALGORITHM": self.algorithm}


def launcher(image: str, region: LocalRegion) -> Launcher:
    """How to start an image. Raises the refusal of an image that cannot be run."""
    name, forecastle, home = repository(image), region.command, region.home.folder
    folder = BUILT_IN.get(name, name.replace("-", "_"))
    if name in (*BUILT_IN, OWN) or folder in _algorithms(forecastle):
        return Launcher(forecastle, home, None if name == OWN else folder, region.docker_image)
    if docker.answers():
        return Launcher(forecastle, home, container=image)
    raise invalid(
        f"The image {image} is not one of this region's own ({', '.join([*BUILT_IN, OWN])}), and there is no Docker "
        "engine to run it."
    )


def repository(image: str) -> str:
    """The last part of an image's name, without tag and digest."""
    return image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()


def inherited(home: Path, environ: Mapping[str, str]) -> dict[str, str]:
    """The part of the region's environment that its processes inherit."""
    kept = {name: value for name, value in environ.items() if not ELSEWHERE.match(name)}
    # Without the folder that `forecastle region env` adds for the region's clients.
    folders = kept.get("PYTHONPATH", "").split(os.pathsep)
    return kept | {"PYTHONPATH": os.pathsep.join(each for each in folders if each and each != str(home / "python"))}


@functools.cache
def _algorithms(forecastle: tuple[str, ...]) -> Mapping[str, Mapping[str, str]]:
    """The metrics of the installed algorithms, by their names."""
    environ = {name: value for name, value in os.environ.items() if not ELSEWHERE.match(name)}
    done = subprocess.run(
        [*forecastle, "algorithms", "--json"], capture_output=True, text=True, env=environ, check=False
    )
    return {name: declared["metrics"] for name, declared in json.loads(done.stdout or "{}").items()}
