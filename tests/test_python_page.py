"""docs/python.md: each Python block runs and prints what it shows."""

import doctest
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "python.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs_on_its_own(number: int) -> None:
    test = doctest.DocTestParser().get_doctest(BLOCKS[number], {}, f"block {number}", str(PAGE), 0)
    assert len(test.examples) > 3
    assert doctest.DocTestRunner().run(test).failed == 0


def test_both_estimators_have_their_blocks() -> None:
    assert {name for block in BLOCKS for name in re.findall(r"from forecastle import (\w+)", block)} == {
        "DeepAR",
        "RandomCutForest",
    }
