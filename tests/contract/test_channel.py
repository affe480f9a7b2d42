"""A channel as a series of byte streams."""

import gzip
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.contract.channel import Channel, ObservedChannel
from forecastle.contract.errors import InvalidData, InvalidJob, Stopped


def content_of(channel: Channel) -> dict[str, bytes]:
    return {name: stream.read() for name, stream in channel.streams()}


def observed(
    channel: Channel, progress: Callable[[float], None] = lambda _: None, stopping: Callable[[], bool] = lambda: False
) -> Channel:
    return ObservedChannel.of(channel, progress, stopping)


def test_files_are_at_any_depth_and_come_in_order(tmp_path: Path) -> None:
    (tmp_path / "year=2015" / "month=1").mkdir(parents=True)
    (tmp_path / "year=2015" / "month=1" / "b.csv").write_bytes(b"2")
    (tmp_path / "z.csv").write_bytes(b"3")
    (tmp_path / "a.csv").write_bytes(b"1")
    content = content_of(Channel("train", tmp_path))
    assert list(content.items()) == [
        ("train/a.csv", b"1"),
        ("train/year=2015/month=1/b.csv", b"2"),
        ("train/z.csv", b"3"),
    ]


def test_names_that_are_no_data_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".hidden").mkdir()
    for name in [".amazon.manifest", "_SUCCESS", "part.manifest", ".hidden/a", "matrix_0.pbr"]:
        (tmp_path / name).write_bytes(b"1")
    assert list(content_of(Channel("train", tmp_path))) == ["train/matrix_0.pbr"]


def test_a_single_file_goes_by_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "taxi.csv").write_bytes(b"1")
    assert content_of(Channel("train", tmp_path / "taxi.csv")) == {"taxi.csv": b"1"}


def test_gzip_is_recognised_whatever_the_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(gzip.compress(b"1\n") + gzip.compress(b"2\n"))
    (tmp_path / "b.csv.gz").write_bytes(b"plain")
    (tmp_path / "c").write_bytes(b"")
    assert list(content_of(Channel("train", tmp_path)).values()) == [b"1\n2\n", b"plain", b""]


@settings(deadline=None, max_examples=50)
@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_gzip_file_that_is_cut_off_is_the_users_error(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, data: st.DataObject
) -> None:
    zipped = gzip.compress(content)
    path = tmp_path_factory.getbasetemp() / "cut.gz"
    path.write_bytes(zipped[: data.draw(st.integers(2, len(zipped) - 1))])
    with pytest.raises(InvalidData, match=r"^the gzip stream is damaged \(.*[^.]\)\.$"):
        content_of(Channel("train", path))


def test_a_gzip_file_that_was_altered_is_the_users_error(tmp_path: Path) -> None:
    zipped = bytearray(gzip.compress(b"1\n" * 1000))
    zipped[-6] ^= 1
    (tmp_path / "a.gz").write_bytes(zipped)
    with pytest.raises(InvalidData, match=r"^the gzip stream is damaged \(CRC check failed"):
        content_of(Channel("train", tmp_path))


def test_the_share_that_was_read_is_reported_over_all_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1" * 300)
    (tmp_path / "b").write_bytes(gzip.compress(os.urandom(700)))
    shares: list[float] = []
    content = content_of(observed(Channel("train", tmp_path), progress=shares.append))
    assert [len(each) for each in content.values()] == [300, 700]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert 0.2 < shares[0] < 0.4


def test_of_empty_files_all_was_read_at_once(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    shares: list[float] = []
    assert content_of(observed(Channel("train", tmp_path), progress=shares.append)) == {"train/a": b""}
    assert set(shares) == {1.0}


def test_a_fifo_is_read_once_to_its_end(tmp_path: Path) -> None:
    fifo = tmp_path / "train_0"
    os.mkfifo(fifo)
    writer = threading.Thread(target=fifo.write_bytes, args=[b"1\n" * 100_000])
    writer.start()
    content = content_of(Channel("train", fifo, pipe=True))
    writer.join()
    assert content == {"train": b"1\n" * 100_000}


def test_a_fifo_whose_writer_comes_late_and_pauses_is_read_to_its_end(tmp_path: Path) -> None:
    fifo = tmp_path / "train_0"
    os.mkfifo(fifo)
    asked = threading.Event()

    def write() -> None:
        asked.wait()
        with fifo.open("wb", buffering=0) as file:
            file.write(b"1\n")
            asked.clear()
            asked.wait()
            file.write(b"2\n")

    def stopping() -> bool:
        asked.set()
        return False

    writer = threading.Thread(target=write)
    writer.start()
    content = content_of(observed(Channel("train", fifo, pipe=True), stopping=stopping))
    writer.join()
    assert content == {"train": b"1\n2\n"}


def test_a_fifo_that_has_no_writer_is_waited_for_until_asked_to_stop(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "train_0")
    answers = iter([False, True])
    with pytest.raises(Stopped) as caught:
        content_of(observed(Channel("train", tmp_path / "train_0", pipe=True), stopping=lambda: next(answers)))
    assert caught.value.sentence == "train: stopped by SIGTERM before all of it was read."


def test_a_fifo_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidJob) as caught:
        content_of(Channel("train", tmp_path / "train_0", pipe=True))
    assert caught.value.sentence == (
        f"Channel train: expected a FIFO at {tmp_path}/train_0, as its TrainingInputMode is Pipe."
    )


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidJob) as caught:
        content_of(Channel("train", tmp_path / "train"))
    assert caught.value.sentence == f"Channel train: there is no file or folder {tmp_path}/train."


def test_a_folder_without_a_data_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "_SUCCESS").touch()
    with pytest.raises(InvalidJob) as caught:
        content_of(Channel("train", tmp_path))
    assert caught.value.sentence == f"Channel train: there is no data file in {tmp_path}."


def test_a_link_to_nowhere_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("nowhere")
    with pytest.raises(InvalidJob, match=r"^train/a.csv: cannot be read \(No such file or directory\)\.$"):
        content_of(Channel("train", tmp_path))


@pytest.mark.parametrize(
    ("link", "target", "place"),
    [("back", "..", "back/inner/back"), ("again", ".", "again"), ("other", "../../elsewhere", "other/home")],
)
def test_links_in_a_loop_are_refused_by_name(tmp_path: Path, link: str, target: str, place: str) -> None:
    inner, elsewhere = tmp_path / "outer" / "inner", tmp_path / "elsewhere"
    for folder in (inner, elsewhere):
        folder.mkdir(parents=True)
        (folder / "a.csv").write_bytes(b"1")
    (inner / link).symlink_to(target)
    (elsewhere / "home").symlink_to("../outer/inner")
    with pytest.raises(InvalidJob) as caught:
        content_of(Channel("train", inner))
    assert caught.value.sentence == (f"Channel train: {inner}/{place} is a link to a folder that contains it, a loop.")


def test_a_file_that_is_a_loop_of_links_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    with pytest.raises(InvalidJob, match=r"^train/a.csv: cannot be read \(Too many levels of symbolic links\)\.$"):
        content_of(Channel("train", tmp_path))


def test_two_links_to_one_folder_are_no_loop(tmp_path: Path) -> None:
    (tmp_path / "store" / "day").mkdir(parents=True)
    (tmp_path / "store" / "day" / "a.csv").write_bytes(b"1")
    (tmp_path / "data").mkdir()
    for name in ("one", "two"):
        (tmp_path / "data" / name).symlink_to("../store")
    assert list(content_of(Channel("train", tmp_path / "data"))) == ["train/one/day/a.csv", "train/two/day/a.csv"]


@pytest.mark.parametrize("folder", [True, False])
def test_a_fifo_among_files_is_refused_and_not_waited_for(tmp_path: Path, folder: bool) -> None:
    os.mkfifo(tmp_path / "b.csv")
    (tmp_path / "a.csv").write_bytes(b"1")
    name, path = ("train/b.csv", tmp_path) if folder else (f"{tmp_path}/b.csv", tmp_path / "b.csv")
    with pytest.raises(InvalidJob) as caught:
        next(Channel("train", path).streams())
    assert caught.value.sentence == (
        f"{name}: expected a regular file, got a FIFO, which TrainingInputMode Pipe reads."
    )


def test_a_socket_among_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # an address of a socket is short
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("a.csv")
        with pytest.raises(InvalidJob, match=r"^train/a.csv: expected a regular file, got a device or socket\.$"):
            content_of(Channel("train", tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"1")
    (tmp_path / "closed").mkdir(mode=0)
    with pytest.raises(InvalidJob, match=r"closed cannot be read \(Permission denied\)\.$"):
        content_of(Channel("train", tmp_path))
