"""How far a run has come with one output, on disk, so that the next run goes on from there."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from forecastle.contract.errors import InvalidJob
from forecastle.contract.place import Source
from forecastle.contract.transform.packs import Position
from forecastle.contract.whole_file import write_whole

ERRORS = "--errors"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment of a run at which everything before it was written.

    Attributes
    ----------
    source, offset, number : which of the output's sources comes next, and from where.
    written, errors : bytes of the output and of the file of errors.
    records, refused : how many records were read, and how many of them refused.
    done : whether the output is complete.
    """

    source: int = 0
    offset: int = 0
    number: int = 1
    written: int = 0
    errors: int = 0
    records: int = 0
    refused: int = 0
    done: bool = False

    @property
    def position(self) -> Position:
        return Position(self.offset, self.number)


@dataclass(frozen=True, slots=True)
class Journal:
    """The file with an output's mark, and what the run was asked for, by name."""

    path: Path
    asked: Mapping[str, Any]

    def read(self, restart: bool) -> Mark | None:
        """The mark of an earlier run, if there is one and `restart` does not discard it.

        Raises `InvalidJob` if that run was asked for something else.
        """
        if restart:
            self.path.unlink(missing_ok=True)
        try:
            content = json.loads(self.path.read_bytes())
            before, mark = content["asked"], Mark(**content["mark"])
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (ValueError, KeyError, TypeError, OSError):
            raise self._refusal("and cannot be read") from None
        if mark.records == 0:
            return None
        asked = json.loads(json.dumps(self.asked))
        changed = [name for name in {**before, **asked} if before.get(name) != asked.get(name)]
        if mark.refused == 0 and ERRORS in changed:
            changed.remove(ERRORS)  # nothing depends on it yet
        if changed:
            raise self._refusal(f"with another {changed[0]}")
        return mark

    def write(self, mark: Mark) -> None:
        write_whole(self.path, json.dumps({"asked": self.asked, "mark": asdict(mark)}, indent=1).encode())

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)

    def _refusal(self, what: str) -> InvalidJob:
        text = f"it is of an interrupted run {what}: repeat that run, or discard it with --restart."
        return InvalidJob(text, place=(Source(str(self.path)),))
