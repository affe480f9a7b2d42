"""Kernels that are compiled in the background of a region."""

from pathlib import Path

from tests.region.jobs import create, ended, put_numbers
from tests.region.running_region import RunningRegion, awaited, processes_with


def test_kernels_are_compiled_while_the_region_answers(tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    with RunningRegion(tmp_path / "home", "--bucket", "data", code=code) as region:
        put_numbers(region)
        assert not any(code.iterdir())
        region.await_line(r"kernels of \w+: compiling in the background")
        awaited(lambda: any(code.rglob("*.nbc")), "machine code")
        assert ended(region, create(region))["TrainingJobStatus"] == "Completed"
    awaited(lambda: not processes_with(str(code)), "the end of all processes")
