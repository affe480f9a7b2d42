"""The content of the image."""

import json
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.image.conftest import REPOSITORY, Figures
from tests.image.container import docker

pytestmark = pytest.mark.image

MEGABYTE = 10**6
PACKAGES = "/opt/forecastle/venv/lib/python3.11/site-packages/forecastle"


def inspect(image: str) -> dict[str, Any]:
    (described,) = json.loads(docker("image", "inspect", image).stdout)
    return dict(described)


def shell(image: str, command: str) -> list[str]:
    return docker("run", "--rm", "--entrypoint", "sh", image, "-c", command).stdout.splitlines()


def test_the_full_image_is_smaller_than_1300_mb(image: str, figures: Figures) -> None:
    size = inspect(image)["Size"] / MEGABYTE
    figures.add("full image", size, "MB")
    for line in shell(image, f"du -sm {PACKAGES}/* | sort -rn | head -12"):
        megabytes, path = line.split()
        figures.add(f"  {Path(path).name}", float(megabytes), "MiB")
    assert size < 1300


def test_the_lean_image_is_smaller_than_850_mb(lean_image: str, figures: Figures) -> None:
    size = inspect(lean_image)["Size"] / MEGABYTE
    figures.add("lean image", size, "MB")
    assert size < 850


def test_it_says_what_it_is_and_what_it_can(image: str) -> None:
    labels = inspect(image)["Config"]["Labels"]
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    assert labels["com.amazonaws.sagemaker.capabilities.accept-bind-to-port"] == "true"
    assert labels["com.amazonaws.sagemaker.capabilities.multi-models"] == "true"
    assert labels["org.opencontainers.image.title"] == project["name"]
    assert labels["org.opencontainers.image.version"] == project["version"]
    assert labels["org.opencontainers.image.licenses"] == project["license"]
    assert {"org.opencontainers.image.revision", "org.opencontainers.image.source"} <= labels.keys()


def test_its_command_is_a_verb_and_it_serves_on_port_8080(image: str) -> None:
    config = inspect(image)["Config"]
    assert (config["Entrypoint"], config["Cmd"]) == (["forecastle"], ["serve"])
    assert list(config["ExposedPorts"]) == ["8080/tcp"]
    assert config["Healthcheck"]["Test"] == ["CMD", "python", "-m", "forecastle.container.healthcheck"]
    assert config["User"] == ""  # SageMaker mounts /opt/ml for root
    assert docker("run", "--rm", image, "--version").stdout == f"forecastle {config['Labels'][VERSION]}\n"


VERSION = "org.opencontainers.image.version"


def test_nothing_remains_that_only_the_build_needs(image: str) -> None:
    caches = "/root/.cache /var/lib/apt/lists/*_* /var/cache/apt/*.bin /var/cache/apt/archives/*.deb /tmp/* /src"
    assert shell(image, f"ls -d {caches} 2>/dev/null; true") == []
    assert shell(image, f"find {PACKAGES} -name tests -path '*/scipy/*' -o -name '*.pyx' -o -name '*.a'") == []
    assert shell(image, f"ls {PACKAGES} | grep -x -e pip -e setuptools -e hatchling -e pytest; true") == []


def test_its_kernels_are_those_of_its_sources(image: str) -> None:
    """A folder of machine code is named after its sources: none is left from other sources."""
    shipped = shell(image, "ls /opt/forecastle/kernels")
    current = docker("run", "--rm", "--entrypoint", "python", image, "-c", CURRENT).stdout.split()
    assert shipped
    assert set(shipped) <= set(current)


CURRENT = f"""
from pathlib import Path
from forecastle.kernels.cache import code_folder
for package in ("algorithms", "formats", "kernels"):
    for source in Path("{PACKAGES}", package).rglob("*.py"):
        print(code_folder(Path(), source))
"""
