"""The failure file, and the blame for an error."""

import errno
from pathlib import Path

import pytest

from forecastle.contract.errors import InvalidData, InvalidJob, OutOfSpace
from forecastle.contract.whole_file import write_whole
from forecastle.training.failure import SHOWN, blame, cause, failure_reported


def test_a_sentence_is_one_line_even_if_what_it_quotes_is_not() -> None:
    assert cause(InvalidData("row 1: got 'a\nb'.")) == "row 1: got 'a b'."


def test_a_cause_is_never_longer_than_what_is_shown_of_it() -> None:
    assert len(cause(InvalidData("x" * 5000))) == SHOWN - 1


def test_a_full_disk_is_the_machines_fault_and_a_read_only_one_the_users() -> None:
    full = blame(OSError(errno.ENOSPC, "No space left on device", "/opt/ml/checkpoints/a"))
    assert isinstance(full, OutOfSpace)
    assert full.sentence == "/opt/ml/checkpoints/a: no space left on its disk."
    fixed = blame(OSError(errno.EROFS, "Read-only file system", "/opt/ml/checkpoints/a"))
    assert isinstance(fixed, InvalidJob)
    assert fixed.sentence == "/opt/ml/checkpoints/a: not permitted (Read-only file system)."


def test_any_other_error_is_left_as_it_is() -> None:
    error = OSError(errno.EIO, "Input/output error", "a")
    assert blame(error) is error


def test_text_that_no_file_can_hold_does_not_hide_the_cause(tmp_path: Path) -> None:
    with pytest.raises(InvalidData), failure_reported(tmp_path / "failure"):
        raise InvalidData("file \udcff: expected rows.")
    assert (tmp_path / "failure").read_text() == "file \\udcff: expected rows.\n"


def test_a_failure_file_that_cannot_be_written_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "output").write_text("no folder")
    path = tmp_path / "output" / "job" / "failure"
    with pytest.raises(InvalidData), failure_reported(path):
        raise InvalidData("row 1.")
    assert capsys.readouterr().err == (
        f"forecastle: the failure file was not written: {path}: cannot be written (Not a directory).\n"
    )


def test_but_not_where_that_is_the_failure_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "output").write_text("no folder")
    with pytest.raises(InvalidJob), failure_reported(tmp_path / "output" / "job" / "failure"):
        write_whole(tmp_path / "output" / "data" / "metrics.json", b"{}")
    assert capsys.readouterr().err == ""


def test_ctrl_c_is_not_a_failure(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), failure_reported(tmp_path / "failure"):
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
