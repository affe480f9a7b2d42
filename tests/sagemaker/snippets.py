"""The Python code of the pages on the image in SageMaker, which readers copy."""

import re
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
SAGEMAKER = REPOSITORY / "docs" / "sagemaker.md"
PAGES = {major: REPOSITORY / "docs" / f"sagemaker-sdk-{major}.md" for major in (2, 3)}


def blocks(path: Path) -> list[str]:
    """A page's fenced blocks of Python, in order."""
    return re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)


def definitions() -> str:
    """The block of docs/sagemaker.md that a reader copies before those of a page."""
    (block,) = [each for each in blocks(SAGEMAKER) if each.startswith("METRIC_DEFINITIONS = ")]
    return block


def page(major: int) -> str:
    """A page as one script, with the block that it needs from docs/sagemaker.md."""
    return "\n\n".join([definitions(), *blocks(PAGES[major])])


def metric_definitions() -> dict[str, str]:
    """The regular expression of each metric, by its name."""
    names: dict[str, Any] = {}
    exec(definitions(), names)
    return {each["Name"]: each["Regex"] for each in names["METRIC_DEFINITIONS"]}
