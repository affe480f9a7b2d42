"""Files that appear whole or not at all."""

import errno
import os
import stat
import subprocess
import sys
import threading
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


def test_what_a_killed_writer_left_is_removed_by_the_next(tmp_path: Path) -> None:
    half_done = "import os, sys, pathlib; from forecastle.contract.whole_file import write_whole\n"
    half_done += "write_whole(pathlib.Path(sys.argv[1]), lambda file: os.kill(os.getpid(), 9))"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", half_done, str(tmp_path / "file")], check=False)
    (tmp_path / ".file.x").touch()
    (tmp_path / ".other.abcdefgh").touch()
    assert len(names(tmp_path)) == 3  # the second writer removed what the first one left
    write_whole(tmp_path / "file", b"content")
    assert names(tmp_path) == [".file.x", ".other.abcdefgh", "file"]


def test_a_writer_that_lives_keeps_its_file(tmp_path: Path) -> None:
    begun, other_done = threading.Event(), threading.Event()

    def slowly(file: BinaryIO) -> None:
        file.write(b"slow")
        begun.set()
        other_done.wait(30)

    writer = threading.Thread(target=write_whole, args=[tmp_path / "file", slowly])
    writer.start()
    begun.wait(30)
    in_another_process = "import sys, pathlib; from forecastle.contract.whole_file import write_whole\n"
    in_another_process += "write_whole(pathlib.Path(sys.argv[1]), b'quick')"
    subprocess.run([sys.executable, "-c", in_another_process, str(tmp_path / "file")], check=True)
    write_whole(tmp_path / "file", b"quick")
    assert (tmp_path / "file").read_bytes() == b"quick"
    assert len(names(tmp_path)) == 2
    other_done.set()
    writer.join()
    assert (tmp_path / "file").read_bytes() == b"slow"
    assert names(tmp_path) == ["file"]


def test_many_writers_of_one_file_do_not_take_each_other_for_dead(tmp_path: Path) -> None:
    def write(number: int) -> None:
        for step in range(100):
            write_whole(tmp_path / "file", b"%d %d" % (number, step))

    faults: list[object] = []
    hook, threading.excepthook = threading.excepthook, faults.append
    try:
        writers = [threading.Thread(target=write, args=[number]) for number in range(8)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
    finally:
        threading.excepthook = hook
    assert faults == []
    assert names(tmp_path) == ["file"]
