"""How much memory this process may still take."""

from pathlib import Path

import pytest

from forecastle.contract.free_memory import available_memory


def _machine(root: Path, kib: int) -> None:
    (root / "proc").mkdir()
    (root / "proc" / "meminfo").write_text(f"MemTotal: 999 kB\nMemAvailable:  {kib} kB\n")


def test_without_a_limit_the_machine_s_free_memory_counts(tmp_path: Path) -> None:
    _machine(tmp_path, 500)
    groups = tmp_path / "sys" / "fs" / "cgroup"
    groups.mkdir(parents=True)
    (groups / "memory.max").write_text("max\n")
    (groups / "memory.current").write_text("77\n")
    assert available_memory(tmp_path) == 500 * 1024


def test_a_container_s_limit_counts_less_what_it_uses(tmp_path: Path) -> None:
    _machine(tmp_path, 500)
    groups = tmp_path / "sys" / "fs" / "cgroup"
    groups.mkdir(parents=True)
    (groups / "memory.max").write_text("100000\n")
    (groups / "memory.current").write_text("40000\n")
    assert available_memory(tmp_path) == 60_000


def test_control_groups_of_version_1_count_too(tmp_path: Path) -> None:
    _machine(tmp_path, 500)
    groups = tmp_path / "sys" / "fs" / "cgroup" / "memory"
    groups.mkdir(parents=True)
    (groups / "memory.limit_in_bytes").write_text("100000\n")
    (groups / "memory.usage_in_bytes").write_text("140000\n")
    assert available_memory(tmp_path) == 0


@pytest.mark.parametrize(
    ("folder", "limit", "usage", "prefix"),
    [
        (".", "memory.max", "memory.current", ""),
        ("memory", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
    ],
)
def test_files_that_were_read_count_as_free(tmp_path: Path, folder: str, limit: str, usage: str, prefix: str) -> None:
    _machine(tmp_path, 500)
    groups = tmp_path / "sys" / "fs" / "cgroup" / folder
    groups.mkdir(parents=True)
    (groups / limit).write_text("100000\n")
    (groups / usage).write_text("90000\n")
    (groups / "memory.stat").write_text(f"anon 40000\n{prefix}active_file 5000\n{prefix}inactive_file 45000\n")
    assert available_memory(tmp_path) == 60_000


def test_this_machine_has_some() -> None:
    assert available_memory() > 0
