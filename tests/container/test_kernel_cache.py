"""The compiled kernels that an image brings along."""

import os
from pathlib import Path

import pytest

from container.kernel_cache import open_kernel_cache


def test_a_folder_that_can_be_written_stays(tmp_path: Path) -> None:
    environ = {"NUMBA_CACHE_DIR": str(tmp_path)}
    open_kernel_cache(environ)
    assert environ == {"NUMBA_CACHE_DIR": str(tmp_path)}


@pytest.mark.parametrize("environ", [{}, {"NUMBA_CACHE_DIR": ""}, {"NUMBA_CACHE_DIR": "/nowhere/at/all"}])
def test_what_names_no_folder_is_left_alone(environ: dict[str, str]) -> None:
    before = dict(environ)
    open_kernel_cache(environ)
    assert environ == before


def test_of_a_folder_that_cannot_be_written_a_copy_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = tmp_path / "shipped"
    (shipped / "forest_1234").mkdir(parents=True)
    (shipped / "forest_1234" / "score.nbc").write_bytes(b"code")
    access = os.access
    # Root may write everywhere: what a read-only file system answers has to be said for it.
    monkeypatch.setattr(os, "access", lambda path, mode: access(path, mode) and Path(path) != shipped)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    environ = {"NUMBA_CACHE_DIR": str(shipped)}
    open_kernel_cache(environ)
    copy = Path(environ["NUMBA_CACHE_DIR"])
    assert copy.parent == tmp_path
    assert copy != shipped
    assert (copy / "forest_1234" / "score.nbc").read_bytes() == b"code"


def test_where_nothing_can_be_written_the_kernels_are_compiled_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # noqa: ARG005
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    environ = {"NUMBA_CACHE_DIR": str(tmp_path)}
    open_kernel_cache(environ)
    assert environ == {"NUMBA_CACHE_DIR": str(tmp_path)}
