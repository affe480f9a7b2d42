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


@pytest.mark.parametrize("part", ["requirements.lock", "requirements-lean.lock", "requirements-build.lock"])
def test_what_an_image_has_is_what_the_tests_have(part: str) -> None:
    assert pins(part)
    assert pins(part).items() <= pins("requirements-dev.lock").items()


def test_the_full_image_adds_the_engine_to_the_lean_one() -> None:
    full, lean = pins("requirements.lock"), pins("requirements-lean.lock")
    assert lean.items() < full.items()
    assert {"mxnet", "gluonts", "pandas"} <= full.keys() - lean.keys()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.name)
def test_a_lock_has_hashes_and_names_no_registry(lock: Path) -> None:
    text = lock.read_text()
    blocks = re.split(r"\n(?! )", text.strip())
    assert all("--hash=sha256:" in block for block in blocks)
    assert not re.search(r"://|--index|--find-links", text)
