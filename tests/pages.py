"""README and docs/ as data: their fenced blocks and what surrounds them.

Comments in a page's source describe the blocks below them to the tests:

- `<!-- not run: REASON -->`: the next block is not run.
- `<!-- not run here: REASON -->`: no block of the page is run.
- `<!-- server: several models -->`: from here on, the server is one of several models.
"""

import re
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
README = REPOSITORY / "README.md"
PAGES = [README, *sorted((REPOSITORY / "docs").rglob("*.md"))]
RUNNABLE = ("sh", "console", "python")

_FENCE = re.compile(
    r"(?P<marks>(?:^<!-- (?:not run|server): [^\n]* -->\n)*)^```(?P<language>[a-z]*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
_PAGE_MARK = re.compile(r"^<!-- not run here: (.*) -->$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: its page, the line of its opening fence, its language and text, and the marks above it."""

    page: Path
    line: int
    language: str
    text: str
    not_run: str | None = None
    server: str | None = None

    @property
    def place(self) -> str:
        return f"{self.page.relative_to(REPOSITORY)}:{self.line}"


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in order, of every language."""
    text = page.read_text("utf-8")
    whole = _PAGE_MARK.search(text)
    found = []
    for match in _FENCE.finditer(text):
        marks = dict(re.findall(r"<!-- (not run|server): (.*?) -->", match["marks"]))
        line = text.count("\n", 0, match.end("marks")) + 1
        reason = whole[1] if whole else marks.get("not run")
        found.append(Block(page, line, match["language"], match["text"], reason, marks.get("server")))
    return found


def runnable(page: Path) -> list[Block]:
    """The blocks of shell and Python in a page, run or not."""
    return [block for block in blocks(page) if block.language in RUNNABLE]


def commands(console: str) -> list[tuple[str, str]]:
    """A console block's commands, after `$ `, with the output that the page shows for each."""
    found: list[tuple[str, str]] = []
    for text in re.split(r"^\$ ", console, flags=re.MULTILINE)[1:]:
        lines = text.splitlines(keepends=True)
        length = next(n for n in range(1, len(lines) + 1) if _is_complete("".join(lines[:n])))
        found.append(("".join(lines[:length]), "".join(lines[length:])))
    return found


def _is_complete(command: str) -> bool:
    return command.count("'") % 2 == 0 and not command.rstrip("\n").endswith("\\")


def pattern(shown: str) -> re.Pattern[str]:
    """The pattern of an expected output: the text shown, where `…` matches anything."""
    return re.compile(re.escape(shown.strip()).replace("…", ".*"), re.DOTALL)
