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


def test_the_folder_is_for_its_owner_only(region: RunningRegion) -> None:
    assert region.address
    assert stat.S_IMODE(region.home.stat().st_mode) == 0o700


def test_a_second_region_in_the_same_folder_is_refused(region: RunningRegion) -> None:
    done = forecastle("up", "--port", "0", home=region.home) if region.address else None
    assert done is not None
    assert done.returncode == 1
    assert f"a region at {region.address} is using this folder" in done.stderr


def test_a_port_in_use_is_named(region: RunningRegion, tmp_path: Path) -> None:
    port = region.address.rpartition(":")[2]
    done = forecastle("up", "--port", port, home=tmp_path / "other")
    assert (done.returncode, done.stderr) == (
        1,
        f"forecastle: 127.0.0.1:{port}: the region cannot listen there (Address already in use); choose another "
        "with --port.\n",
    )


def test_a_bucket_whose_name_s3_refuses_is_named(tmp_path: Path) -> None:
    done = forecastle("up", "--port", "0", "--bucket", "No_Bucket", home=tmp_path / "home")
    assert done.returncode == 1
    assert done.stderr.startswith("forecastle: --bucket No_Bucket: ")


@pytest.mark.parametrize("number", [1, 2, 3, 15])
def test_a_signal_stops_it_cleanly(tmp_path: Path, number: int) -> None:
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
def test_env_has_the_syntax_of_each_shell(region: RunningRegion, shell: str, line: str) -> None:
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


def test_env_keeps_the_hosts_in_no_proxy(region: RunningRegion) -> None:
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
        ({"Host": "evil.example"}, "Host 'evil.example' is not a name of this region; allow it with --allow-host."),
        ({"Host": "127.0.0.1.evil.example:4566"}, "Host '127.0.0.1.evil.example:4566' is not"),
        ({"Origin": "https://evil.example"}, "Origin 'https://evil.example': web pages may not call"),
        ({"Origin": "null"}, "Origin 'null': web pages may not call"),
        ({"Sec-Fetch-Site": "cross-site"}, "Pages of another site may not call this region."),
    ],
)
def test_a_web_page_and_an_unknown_host_are_refused(
    region: RunningRegion, headers: dict[str, str], sentence: str
) -> None:
    answer = httpx.post(region.address, headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert answer.text.startswith(sentence)


def test_a_web_page_may_use_a_bucket_whose_rules_allow_it(region: RunningRegion) -> None:
    s3 = region.client("s3")
    s3.create_bucket(Bucket="shared-with-pages")
    s3.put_object(Bucket="shared-with-pages", Key="a", Body=b"content")
    url, page = f"{region.address}/shared-with-pages/a", {"Origin": "https://page.example"}
    answer = httpx.put(url, content=b"of a page", headers=page, trust_env=False)
    assert (answer.status_code, "CORS is not enabled for this bucket." in answer.text) == (403, True)

    rule = {"AllowedOrigins": ["https://page.example"], "AllowedMethods": ["GET"]}
    s3.put_bucket_cors(Bucket="shared-with-pages", CORSConfiguration={"CORSRules": [rule]})
    answer = httpx.get(url, headers=page, trust_env=False)
    assert (answer.text, answer.headers["access-control-allow-origin"]) == ("content", "https://page.example")
    assert httpx.put(url, content=b"of a page", headers=page, trust_env=False).status_code == 403
    assert httpx.delete(url, headers={"Origin": "https://evil.example"}, trust_env=False).status_code == 403
    assert s3.get_object(Bucket="shared-with-pages", Key="a")["Body"].read() == b"content"


@pytest.mark.parametrize("host", ["localhost:1", "127.0.0.1", "[::1]:80", "sts.us-east-1.amazonaws.com", "b.localhost"])
def test_the_regions_own_host_names_are_accepted(region: RunningRegion, host: str) -> None:
    form = {"Action": "GetCallerIdentity", "Version": "2011-06-15"}
    answer = httpx.post(region.address, headers={"Host": host}, data=form, trust_env=False)
    assert answer.status_code == 200
    assert "assumed-role/forecastle" in answer.text


def test_an_allowed_host_is_accepted(tmp_path: Path) -> None:
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


def test_a_region_imports_none_of_what_its_jobs_need() -> None:
    script = (
        "import sys, forecastle.region.server; from forecastle.region.samples.taxi import generated; generated(); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} & {'numpy', 'numba', 'optuna', 'pandas'}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout == "[]\n"


def test_a_large_object_needs_little_memory_of_a_region(tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home", "--bucket", "data") as region:
        s3, sagemaker, size = region.client("s3"), region.client("sagemaker"), 200 << 20
        sagemaker.list_training_jobs()  # AWS's models are loaded
        upload = s3.create_multipart_upload(Bucket="data", Key="large")["UploadId"]
        named = {"Bucket": "data", "Key": "large", "UploadId": upload}
        parts = [
            {"PartNumber": n, "ETag": s3.upload_part(**named, PartNumber=n, Body=bytes(size // 4))["ETag"]}
            for n in range(1, 5)
        ]
        s3.complete_multipart_upload(**named, MultipartUpload={"Parts": parts})
        s3.copy_object(Bucket="data", Key="copy", CopySource="data/large")
        assert sum(map(len, s3.get_object(Bucket="data", Key="copy")["Body"].iter_chunks(1 << 20))) == size
        assert (
            int(re.findall(r"VmHWM:\s*(\d+)", Path(f"/proc/{region.pid}/status").read_text())[0]) * 1024 < 100_000_000
        )


def test_jobs_are_started_with_this_python() -> None:
    done = subprocess.run([*forecastle_command(), "--version"], capture_output=True, text=True, cwd=ROOT, check=True)
    assert re.fullmatch(r"forecastle \S+\n", done.stdout)
