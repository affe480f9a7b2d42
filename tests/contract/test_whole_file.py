"""Files that appear whole or not at all."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from forecastle.contract.errors import InvalidJob, OutOfSpace
from forecastle.contract.whole_file import write_whole


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_and_its_folders_appear(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    write_whole(path, b"content")
    assert path.read_bytes() == b"content"
    assert names(path.parent) == ["file"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_a_writer_may_write_piece_by_piece(tmp_path: Path) -> None:
    write_whole(tmp_path / "file", lambda file: [file.write(b"a"), file.write(b"b")])
    assert (tmp_path / "file").read_bytes() == b"ab"


def test_a_writer_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")

    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_whole(path, fail)
    assert path.read_bytes() == b"before"
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, OutOfSpace), (errno.EDQUOT, OutOfSpace), (errno.EROFS, InvalidJob), (errno.EIO, OSError)],
)
def test_the_blame_is_the_errors(tmp_path: Path, number: int, expected: type[Exception]) -> None:
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError(number, os.strerror(number))

    with pytest.raises(expected):
        write_whole(tmp_path / "file", fail)
    assert names(tmp_path) == []


def test_a_file_where_a_folder_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(InvalidJob, match=r"/a/file: cannot be written \((File exists|Not a directory)\)\.$"):
        write_whole(tmp_path / "a" / "file", b"")


def test_a_folder_where_the_file_should_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    with pytest.raises(InvalidJob, match=r"/a: cannot be written \(Is a directory\)\.$"):
        write_whole(tmp_path / "a", b"")
    assert names(tmp_path) == ["a"]
