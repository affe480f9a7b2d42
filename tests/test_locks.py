"""The locked dependencies against each other."""

import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
LOCKS = sorted(REPOSITORY.glob("requirements*.lock"))


def pins(name: str) -> dict[str, str]:
    """The version of each package of a lock."""
    text = (REPOSITORY / name).read_text()
    return dict(re.findall(r"^([\w.-]+)==([^ ;\\]+)", text, flags=re.MULTILINE))


@pytest.mark.parametrize(
    ("part", "whole"),
    [
        ("requirements.lock", "requirements-dev.lock"),
        ("requirements-build.lock", "requirements-dev.lock"),
        ("requirements-dev-lean.lock", "requirements-dev.lock"),
        ("requirements-lean.lock", "requirements-dev-lean.lock"),
        ("requirements-build.lock", "requirements-dev-lean.lock"),
    ],
)
def test_a_part_has_the_versions_of_the_whole(part: str, whole: str) -> None:
    assert pins(part)
    assert pins(part).items() <= pins(whole).items()


@pytest.mark.parametrize("name", ["requirements{}.lock", "requirements-dev{}.lock"])
def test_what_is_full_adds_the_reference_to_what_is_lean(name: str) -> None:
    full, lean = pins(name.format("")), pins(name.format("-lean"))
    assert lean.items() < full.items()
    assert {"mxnet", "gluonts", "pandas"} <= full.keys() - lean.keys()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_hashes_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    blocks = re.split(r"\n(?! )", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--index|--find-links", text)
