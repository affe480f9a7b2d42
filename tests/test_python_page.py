"""docs/python.md: each Python block runs and prints what it shows."""

import doctest
import re
from pathlib import Path

import pytest

import forecastle

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs_on_its_own(number: int) -> None:
    test = doctest.DocTestParser().get_doctest(BLOCKS[number], {}, f"block {number}", str(PAGE), 0)
    assert len(test.examples) > 3
    assert doctest.DocTestRunner().run(test).failed == 0


@pytest.mark.parametrize("name", sorted(set(forecastle.__all__)))
def test_every_public_name_is_documented(name: str) -> None:
    assert re.search(rf"`(?:forecastle\.)?{name}\b", PAGE.read_text("utf-8"))
