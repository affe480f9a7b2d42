"""The region as a process: its folder, its port and who may call it."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from forecastle.region.cli import forecastle_command
from tests.region.running_region import ROOT, RunningRegion


def forecastle(*arguments: str, home: Path, **environ: str) -> "subprocess.CompletedProcess[str]":
    given = {"PATH": os.environ["PATH"], "HOME": str(home.parent), "PYTHONPATH": str(ROOT), **environ}
    command = [sys.executable, "-m", "forecastle", "region", *arguments, "--home", str(home)]
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=60, check=False)


def test_the_folder_is_for_its_owner_alone(region: RunningRegion) -> None:
    assert region.address
    assert stat.S_IMODE(region.home.stat().st_mode) == 0o700


def test_a_second_region_in_the_same_folder_is_refused(region: RunningRegion) -> None:
    done = forecastle("up", "--port", "0", home=region.home) if region.address else None
    assert done is not None
    assert done.returncode == 1
    assert f"a region at {region.address} uses this folder already" in done.stderr


def test_a_port_that_is_taken_is_named(region: RunningRegion, tmp_path: Path) -> None:
    port = region.address.rpartition(":")[2]
    done = forecastle("up", "--port", port, home=tmp_path / "other")
    assert (done.returncode, done.stderr) == (
        1,
        f"forecastle: 127.0.0.1:{port}: the region cannot be bound there (Address already in use); --port takes "
        "another.\n",
    )


def test_a_bucket_whose_name_s3_refuses_is_named(tmp_path: Path) -> None:
    done = forecastle("up", "--port", "0", "--bucket", "No_Bucket", home=tmp_path / "home")
    assert done.returncode == 1
    assert done.stderr.startswith("forecastle: --bucket No_Bucket: ")


@pytest.mark.parametrize("number", [1, 2, 15])
def test_a_signal_stops_it_in_order(tmp_path: Path, number: int) -> None:
    with RunningRegion(tmp_path / "home") as region:
        assert region.address
        assert region.stop(number) == 0
        assert region.lines[-1].endswith("stopped")
    assert not (tmp_path / "home" / "running.json").exists()


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("sh", "export AWS_ENDPOINT_URL={}"),
        ("fish", "set -gx AWS_ENDPOINT_URL '{}'"),
        ("powershell", "$env:AWS_ENDPOINT_URL = '{}'"),
        ("dotenv", "AWS_ENDPOINT_URL={}"),
    ],
)
def test_env_speaks_each_shell(region: RunningRegion, shell: str, line: str) -> None:
    address = region.address
    done = forecastle("env", "--shell", shell, home=region.home)
    assert done.stdout.splitlines()[0] == line.format(address)
    assert len(done.stdout.splitlines()) == 11


def test_env_can_be_evaluated_by_sh(region: RunningRegion) -> None:
    address = region.address
    printed = forecastle("env", home=region.home, PYTHONPATH=f"{ROOT}:/a folder's").stdout
    script = f'{printed}\nprintf "%s\\n" "$AWS_ENDPOINT_URL" "$PYTHONPATH"'
    shown = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown == [address, f"{region.home}/python:{ROOT}:/a folder's"]


def test_env_keeps_what_goes_past_a_proxy_already(region: RunningRegion) -> None:
    assert region.address
    printed = forecastle(
        "env", "--shell", "dotenv", home=region.home, no_proxy="intranet", NO_PROXY="localhost,a"
    ).stdout
    assert {"NO_PROXY=127.0.0.1,localhost,a,intranet", "no_proxy=127.0.0.1,localhost,a,intranet"} <= set(
        printed.splitlines()
    )


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ({"Host": "evil.example"}, "Host 'evil.example' is not a name of this region; --allow-host NAME makes it one."),
        ({"Host": "127.0.0.1.evil.example:4566"}, "Host '127.0.0.1.evil.example:4566' is not"),
        ({"Origin": "https://evil.example"}, "Origin 'https://evil.example': pages in a browser may not call"),
        ({"Origin": "null"}, "Origin 'null': pages in a browser may not call"),
        ({"Sec-Fetch-Site": "cross-site"}, "Pages of another site may not call this region."),
    ],
)
def test_a_browsers_page_and_an_unknown_host_are_refused(
    region: RunningRegion, headers: dict[str, str], sentence: str
) -> None:
    answer = httpx.post(region.address, headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert answer.text.startswith(sentence)


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "sts.us-east-1.amazonaws.com", "b.localhost"])
def test_the_regions_own_names_are_taken(region: RunningRegion, host: str) -> None:
    form = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    answer = httpx.post(region.address, headers={"Host": host}, data=form, trust_env=False)
    assert answer.status_code == 200
    assert "assumed-role/forecastle" in answer.text


def test_a_name_that_is_allowed_is_taken(tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home", "--allow-host", "region") as region:
        form = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
        answer = httpx.post(region.address, headers={"Host": "region:4566"}, data=form, trust_env=False)
        assert answer.status_code == 200


def test_a_server_without_the_extra_imports_none_of_it() -> None:
    script = (
        "import sys; import forecastle.container.cli, forecastle.serving.server, forecastle.training.job; "
        "extra = {'boto3', 'botocore', 'cryptography', 'httpx', 'awscrt'}; "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & extra))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


def test_the_command_that_starts_jobs_is_this_pythons() -> None:
    done = subprocess.run([*forecastle_command(), "--version"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert re.fullmatch(r"forecastle \S+\n", done.stdout)
