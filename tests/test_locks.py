"""The locks are consistent with each other."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LOCKS = sorted(REPOSITORY.glob("requirements*.lock"))


def pins(name: str) -> set[tuple[str, str]]:
    """The packages of a lock with their versions; one whose version depends on Python has several."""
    return set(re.findall(r"^([\w.-]+)==([^ ;\\]+)", (REPOSITORY / name).read_text(), flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("requirements.lock", "requirements-dev.lock"),
        ("requirements-build.lock", "requirements-dev.lock"),
        ("requirements-mxnet.lock", "requirements-dev-mxnet.lock"),
        ("requirements-build.lock", "requirements-dev-mxnet.lock"),
    ],
)
def test_a_part_has_the_versions_of_the_whole(part: str, whole: str) -> None:
    assert pins(part)
    assert pins(part) <= pins(whole)


@pytest.mark.parametrize("name", ["requirements{}.lock", "requirements-dev{}.lock"])
def test_only_the_reference_trainer_requires_numpy_1(name: str) -> None:
    core, mxnet = (dict(pins(name.format(which))) for which in ("", "-mxnet"))
    assert {"mxnet", "gluonts"} <= mxnet.keys() - core.keys()
    assert core.keys() <= mxnet.keys()
    assert mxnet["numpy"].startswith("1.")
    assert core["numpy"].startswith("2.")


def test_only_the_reference_trainer_requires_pandas() -> None:
    assert "pandas" not in dict(pins("requirements.lock"))


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_hashes_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    blocks = re.split(r"\n(?! )", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--index|--find-links", text)
