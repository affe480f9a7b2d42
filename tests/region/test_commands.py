"""`forecastle region run`, `kernel` and `data`."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.region.running_region import ROOT, RunningRegion, awaited, processes_with
from tests.region.test_region import forecastle

ENVIRON = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
ASK = "import boto3; print(boto3.client('sts').get_caller_identity()['Account'])"


def start(home: Path, *command: str) -> "subprocess.Popen[str]":
    """`forecastle region run -- COMMAND`, under way."""
    given = [sys.executable, "-m", "forecastle", "region", "run", "--home", str(home), "--", *command]
    environ = ENVIRON | {"HOME": str(home.parent)}
    return subprocess.Popen(given, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_run_starts_a_region_until_the_command_ends(tmp_path: Path) -> None:
    with start(tmp_path / "home", sys.executable, "-c", f"{ASK}; raise SystemExit(7)") as process:
        printed, errors = process.communicate(timeout=90)
    assert (process.returncode, printed) == (7, "123456789012\n"), errors
    assert not processes_with(str(tmp_path / "home"))


def test_run_uses_a_running_region(region: RunningRegion) -> None:
    address = region.address
    with start(region.home, "sh", "-c", "echo $AWS_ENDPOINT_URL; kill -9 $$") as process:
        printed, _ = process.communicate(timeout=90)
    assert (process.returncode, printed) == (137, f"{address}\n")
    assert region.client("sts").get_caller_identity()["Account"] == "123456789012"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_when_run_ends_early(tmp_path: Path, number: int) -> None:
    home = tmp_path / "home"
    with start(home, "sleep", "30") as process:
        awaited(lambda: any(each.startswith("sleep") for each in processes_with(str(home))), "the command")
        process.send_signal(number)
        assert process.wait(60) in (-number, 128 + number)
    awaited(lambda: not processes_with(str(home)), "the end of the region and the command")


def test_the_command_has_the_signals_of_a_shell(tmp_path: Path) -> None:
    with start(tmp_path / "home", "sh", "-c", "yes | head -1; kill -PIPE $$") as process:
        process.communicate(timeout=90)
    assert process.returncode == 128 + signal.SIGPIPE


def test_an_unknown_command_is_named(tmp_path: Path) -> None:
    with start(tmp_path / "home", "no-such-command") as process:
        _, errors = process.communicate(timeout=90)
    assert (process.returncode, errors) == (1, "forecastle: no-such-command: no such command.\n")


def test_a_region_that_does_not_start_has_a_reason(tmp_path: Path) -> None:
    home = tmp_path / "home"
    given = [sys.executable, "-m", "forecastle", "region", "run", "--home", str(home), "--bucket", "B", "--", "true"]
    done = subprocess.run(given, env=ENVIRON | {"HOME": str(tmp_path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr.startswith("forecastle: The region did not start: --bucket B: ")


def test_a_kernel_has_the_variables(region: RunningRegion, tmp_path: Path) -> None:
    assert region.address
    python = tmp_path / "python"  # one that has ipykernel, as far as can be seen
    python.write_text("#!/bin/sh\nexit 0\n")
    python.chmod(0o755)
    done = forecastle("kernel", "--python", str(python), home=region.home, JUPYTER_DATA_DIR=str(tmp_path / "jupyter"))
    assert done.returncode == 0, done.stderr
    described = json.loads((tmp_path / "jupyter/kernels/forecastle-region/kernel.json").read_text())
    assert described["argv"] == [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    assert described["env"]["AWS_ENDPOINT_URL"] == region.address
    assert described["env"]["PYTHONPATH"] == str(region.home / "python")


def test_a_kernel_without_ipykernel_is_refused(tmp_path: Path) -> None:
    done = forecastle("kernel", "--python", "/bin/false", home=tmp_path / "home")
    assert done.returncode == 1
    assert done.stderr == (
        "forecastle: --python /bin/false: a kernel needs ipykernel there: /bin/false -m pip install ipykernel.\n"
    )


def electricity(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "forecastle", "region", "data", "electricity", *arguments]
    return subprocess.run(command, env=ENVIRON, capture_output=True, text=True, check=False)


def test_electricity_data_have_the_originals_format(tmp_path: Path) -> None:
    path = tmp_path / "LD2011_2014.txt"
    done = electricity("--customers", "3", "--years", "2011-2012", "--out", str(path))
    assert (done.returncode, done.stdout) == (0, f"{path}: 3 customers, 2011 to 2012, synthetic.\n")
    header, *rows = path.read_text().splitlines()
    assert header == '"";"MT_001";"MT_002";"MT_003"'
    assert len(rows) == 96 * (365 + 366)
    assert rows[0].split(";")[0] == '"2011-01-01 00:15:00"'
    assert rows[-1].split(";")[0] == '"2013-01-01 00:00:00"'
    assert all(re.fullmatch(r'"[-\d: ]{19}"(;\d+(,\d+)?){3}', row) for row in rows[::997])
    numbers = np.array([[float(each.replace(",", ".")) for each in row.split(";")[1:]] for row in rows])
    by_hour = numbers[-96 * 28 :].reshape(28, 24, 4, 3).mean((0, 2))  # (hours, customers)
    assert (by_hour.max(0) > 1.2 * by_hour.min(0)).all()


def test_electricity_data_do_not_overwrite_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine")
    done = electricity("--out", str(path))
    assert (done.returncode, done.stderr) == (
        1,
        f"forecastle: --out {path}: this file exists and is not overwritten.\n",
    )
    assert path.read_text() == "mine"


@pytest.mark.parametrize("years", ["2014-2011", "14", "2011-", "x"])
def test_invalid_years_are_refused(years: str, tmp_path: Path) -> None:
    done = electricity("--years", years, "--out", str(tmp_path / "file"))
    assert done.stderr == f"forecastle: --years {years}: expected a year or two, such as 2014 or 2011-2014.\n"
