"""Packed models: what is unpacked, and what is refused."""

import gzip
import io
import os
import random
import tarfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecastle.contract import archive
from forecastle.contract.archive import ARCHIVE, unpacked
from forecastle.contract.artifact import MAPPED_BYTES, Artifact, read_artifact, write_artifact
from forecastle.contract.errors import InvalidData


def member(name: str, content: bytes = b"x", **more: object) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for attribute, value in more.items():
        setattr(info, attribute, value)
    return info, content


def packed(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def fault(path: Path) -> str:
    with pytest.raises(InvalidData) as caught, unpacked(path):
        pass
    assert caught.value.sentence.startswith(f"{path}: ")
    return caught.value.sentence


def test_a_script_can_still_be_run(tmp_path: Path) -> None:
    path = packed(tmp_path / ARCHIVE, member("run.sh", mode=0o755), member("data", mode=0o644))
    with unpacked(path) as folder:
        assert os.access(folder / "run.sh", os.X_OK)
        assert (folder / "data").stat().st_mode & 0o111 == 0


def test_an_archive_is_unpacked_for_as_long_as_it_is_read(tmp_path: Path) -> None:
    path = packed(tmp_path / ARCHIVE, member("./a"), member("in/b", b"yz"))
    with unpacked(path) as folder:
        files = {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    assert files == {"a": b"x", "in/b": b"yz"}
    assert not folder.exists()


def test_a_folder_is_left_as_it_is_and_its_archive_unpacked_if_there_is_no_model_beside_it(tmp_path: Path) -> None:
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path
    packed(tmp_path / ARCHIVE, member("a"))
    with unpacked(tmp_path) as folder:
        assert (folder / "a").read_bytes() == b"x"
    (tmp_path / "manifest.json").touch()
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path


def test_our_own_models_are_read_from_archives_and_their_mapped_arrays_stay(tmp_path: Path) -> None:
    large = np.arange(MAPPED_BYTES // 8 + 5, dtype=np.float64)
    write_artifact(tmp_path / "model", Artifact({"large": large}, algorithm="any"))
    with tarfile.open(tmp_path / ARCHIVE, "w:gz", compresslevel=1) as tar:
        tar.add(tmp_path / "model", ".")
    with unpacked(tmp_path / ARCHIVE) as folder:
        artifact = read_artifact(folder)
    np.testing.assert_array_equal(artifact.arrays["large"], large)


@pytest.mark.parametrize(
    ("bad", "expected"),
    [
        (member("../a"), "inside the archive"),
        (member("a/../../b"), "inside the archive"),
        (member("/etc/passwd"), "inside the archive"),
        (member("a/" * 9 + "b"), "at most 8 folders"),
        (member("a", b"", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "only regular files"),
        (member("a", b"", type=tarfile.LNKTYPE, linkname="b"), "only regular files"),
        (member("a", b"", type=tarfile.FIFOTYPE), "only regular files"),
        (member("a", b"", type=tarfile.CHRTYPE), "only regular files"),
    ],
)
def test_what_would_leave_the_folder_or_is_no_file_is_refused(
    bad: tuple[tarfile.TarInfo, bytes], expected: str, tmp_path: Path
) -> None:
    assert expected in fault(packed(tmp_path / ARCHIVE, member("good"), bad))


def test_a_file_that_comes_twice_is_refused(tmp_path: Path) -> None:
    assert "twice" in fault(packed(tmp_path / ARCHIVE, member("a"), member("./a", b"y")))


def test_a_file_in_the_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    assert "cannot be unpacked" in fault(packed(tmp_path / ARCHIVE, member("a"), member("a/b")))


def test_sizes_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = packed(tmp_path / ARCHIVE, *(member(f"a{number}", bytes(300_000)) for number in range(5)))
    monkeypatch.setattr(archive, "MOST_BYTES", 1_000_000)
    assert "more than 1000000 bytes" in fault(path)
    monkeypatch.setattr(archive, "MOST_BYTES", 2_000_000)
    monkeypatch.setattr(archive, "MOST_FILES", 4)
    assert "at most 4 files" in fault(path)


def test_a_header_of_gigabytes_is_refused_before_it_is_read(tmp_path: Path) -> None:
    info = tarfile.TarInfo("././@PaxHeader")
    info.type, info.size = tarfile.XHDTYPE, 2**32
    with gzip.open(tmp_path / ARCHIVE, "wb") as file:
        file.write(info.tobuf() + bytes(10**7))
    tracemalloc.start()
    assert "a header is too large" in fault(tmp_path / ARCHIVE)
    assert tracemalloc.get_traced_memory()[1] < 2**24
    tracemalloc.stop()


@pytest.mark.parametrize("content", [b"", b"no archive", gzip.compress(b"no tar", mtime=0), b"\x1f\x8b" + bytes(50)])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "any").write_bytes(content)
    assert "expected a complete .tar.gz" in fault(tmp_path / "any")


def whole() -> bytes:
    """An archive, the same each time."""
    written = io.BytesIO()
    with gzip.GzipFile(fileobj=written, mode="wb", mtime=0) as file, tarfile.open(fileobj=file, mode="w") as tar:
        for info, content in (member("a", random.Random(0).randbytes(2_000)), member("in/b")):
            tar.addfile(info, io.BytesIO(content))
    return written.getvalue()


WHOLE = whole()


@given(st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_truncated_or_altered_archive_is_unpacked_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(WHOLE[: data.draw(st.integers(1, len(WHOLE)))])
    for at in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=3)):
        content[at] ^= 1 + data.draw(st.integers(0, 254))
    path = tmp_path / ARCHIVE
    path.write_bytes(content)
    try:
        with unpacked(path):
            pass
    except InvalidData:
        return
