"""The bar on a terminal."""

import contextlib
import os
import pty
import re
import select
import subprocess
import sys
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from forecastle.contract.bar import WIDTH, Bar, picture
from forecastle.training.job_log import StreamLog
from tests.training.tree import environ_of, write_job


def on_a_terminal(shares: list[tuple[float, float]], kind: str = "xterm") -> str:
    """What a terminal of that kind gets of a bar that is drawn at each (time, share)."""
    leader, follower = pty.openpty()
    clock = [0.0]
    with open(follower, "w", encoding="utf-8") as stream:
        bar = Bar(stream, {"TERM": kind}, now=lambda: clock[0])
        for clock[0], share in shares:
            bar.draw(share, "trees")
        stream.flush()
        shown = b""
        while select.select([leader], [], [], 0)[0]:
            shown += os.read(leader, 4096)
    os.close(leader)
    return shown.decode()


def test_a_terminal_gets_the_share_and_the_time_left() -> None:
    shown = on_a_terminal([(0.0, 0.0), (30.0, 0.25)])
    assert "━━━━━━━╌" in shown
    assert shown.endswith(" 25%  1:30 left  trees")


def test_a_terminal_that_cannot_erase_a_line_gets_no_bar() -> None:
    assert on_a_terminal([(0.0, 0.0), (30.0, 0.25)], kind="dumb") == ""


def test_what_was_done_before_the_bar_began_took_none_of_its_time() -> None:
    shown = on_a_terminal([(0.0, 0.8), (30.0, 0.9)])
    assert shown.endswith(" 90%  0:30 left  trees")


def test_what_comes_after_something_else_has_a_time_of_its_own() -> None:
    shown = on_a_terminal([(0.0, 0.0), (3000.0, 0.999), (3010.0, 0.0), (3020.0, 0.5)])
    assert shown.endswith(" 50%  0:10 left  trees")


def test_the_bar_is_drawn_no_more_often_than_eyes_can_follow() -> None:
    often = on_a_terminal([(step / 1000, step / 1000) for step in range(1000)])
    assert often.count("trees") <= 11


def test_the_bar_is_gone_at_the_end() -> None:
    assert on_a_terminal([(0.0, 0.5), (1.0, 1.0)]).endswith("\r\x1b[K")


def test_a_line_is_printed_above_the_bar() -> None:
    leader, follower = pty.openpty()
    with open(follower, "w", encoding="utf-8") as stream:
        log = StreamLog(stream, "algo-1", {}, now=lambda: 0.0)
        log.progress(0.5, "trees")
        log.line("100 samples gathered")
    above, _, below = everything(leader).partition("100 samples gathered\r\n")
    assert above.count("\x1b[K") == 2
    assert below.endswith("50%  trees")


def everything(leader: int) -> str:
    """What a terminal got, up to the end."""
    shown = b""
    with contextlib.suppress(OSError):  # the terminal's other end was closed
        while piece := os.read(leader, 4096):
            shown += piece
    os.close(leader)
    return shown.decode()


def job_on_a_terminal(tmp_path: Path, mood: str) -> str:
    """What a terminal gets of `forecastle train`."""
    tree = write_job(tmp_path, {"shrinkage": "0", "mood": mood}, {"train/a": "1\n2\n3\n6\n"})
    leader, follower = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "forecastle", "train"],
        env=environ_of(tree, TERM="xterm"),
        stdout=follower,
        stderr=subprocess.DEVNULL,
    ):
        os.close(follower)
        return everything(leader)


def test_a_job_on_a_terminal_draws_a_bar_and_leaves_none(tmp_path: Path) -> None:
    shown = job_on_a_terminal(tmp_path, "well")
    assert " 25%  averaging" in shown
    assert re.fullmatch(r"(\r\x1b\[K)?#metrics .*\}\}\}", shown.splitlines()[-1])


def test_a_job_that_fails_leaves_no_bar_either(tmp_path: Path) -> None:
    assert job_on_a_terminal(tmp_path, "faulty").endswith(" 50%  averaging\r\x1b[K")


def test_a_file_gets_no_bar(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("w") as stream:
        log = StreamLog(stream, "algo-1", {})
        log.progress(0.5)
        log.line("text")
        log.progress(1.0)
    assert path.read_text().endswith("] text\n")
    assert "\x1b" not in path.read_text()


@given(st.floats(-1, 2), st.floats(0, 1e6))
def test_a_picture_is_always_one_bar_of_the_same_width(share: float, elapsed: float) -> None:
    shown = picture(share, elapsed)
    assert len(shown) - len(shown.lstrip("━╌")) == WIDTH
    assert "\n" not in shown


def test_hours_are_hours() -> None:
    assert "  3:00:00 left" in picture(0.25, 3600)
