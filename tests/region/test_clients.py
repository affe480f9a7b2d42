"""AWS's other clients, and SDKs as old as the notebooks', by the variables and through the proxy."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from forecastle.region.home import Home
from forecastle.region.proxy.environment import proxied_variables
from forecastle.region.variables import Variables, variables
from tests.region.endpoints import config, endpoint, model, trained
from tests.region.running_region import ROOT, RunningRegion
from tests.region.test_notebooks import LOCKS as NOTEBOOK_LOCKS
from tests.region.test_pages import fill, sdk
from tests.sagemaker.sdk import environment
from tests.sagemaker.test_snippets import HURRIED

LOCK = Path(__file__).parent / "clients" / "clients.lock"
WAYS = {"by its address": variables, "through its proxy": proxied_variables}

pytestmark = pytest.mark.image  # no Docker, but packages that nothing else needs


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest) -> Variables:
    """What gives the variables of a client."""
    return WAYS[request.param]


def environ_of(region: RunningRegion, way: Variables, folder: Path, **more: str) -> dict[str, str]:
    """The region's variables and nothing that leads elsewhere."""
    own = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_CONFIG_FILE": os.devnull, "AWS_PAGER": ""}
    return own | way(Home(region.home), region.address, more)


def run(command: list[str], environ: Mapping[str, str], folder: Path) -> str:
    done = subprocess.run(command, env=environ, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def test_the_aws_cli(region: RunningRegion, way: Variables, tmp_path: Path) -> None:
    aws = environment("clients", LOCK, sys.executable).with_name("aws")
    environ = environ_of(region, way, tmp_path)

    def call(*arguments: str) -> str:
        return run([str(aws), *arguments], environ, tmp_path)

    bucket = f"cli-{way.__name__.replace('_', '-')}"
    assert json.loads(call("sts", "get-caller-identity"))["Account"] == "123456789012"
    call("s3", "mb", f"s3://{bucket}")
    large = os.urandom(20 << 20)  # uploaded in parts
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "large").write_bytes(large)
    (tmp_path / "up" / "a b,ü.txt").write_text("small")
    call("s3", "sync", "up", f"s3://{bucket}/x/")
    assert [line.split(None, 3)[2:] for line in call("s3", "ls", f"s3://{bucket}/x/").splitlines()] == [
        ["5", "a b,ü.txt"],
        [str(20 << 20), "large"],
    ]
    call("s3", "mv", f"s3://{bucket}/x/large", f"s3://{bucket}/y/large")
    call("s3", "sync", f"s3://{bucket}", "down")
    assert (tmp_path / "down" / "y" / "large").read_bytes() == large
    assert (tmp_path / "down" / "x" / "a b,ü.txt").read_text() == "small"
    url = call("s3", "presign", f"s3://{bucket}/x/a b,ü.txt").strip()
    script = "import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1]).read().decode())"
    assert run([sys.executable, "-c", script, url], environ, tmp_path) == "small\n"
    name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
    (tmp_path / "body").write_text("1\n")
    options = ("--content-type", "text/csv", "--body", "fileb://body", "answer")
    call("sagemaker-runtime", "invoke-endpoint", "--endpoint-name", name, *options)
    assert (tmp_path / "answer").read_bytes() == b'{"mean": 2.000}'
    call("sagemaker", "wait", "endpoint-in-service", "--endpoint-name", name)
    call("sagemaker", "delete-endpoint", "--endpoint-name", name)
    assert isinstance(json.loads(call("lambda", "list-functions"))["Functions"], list)
    call("s3", "rb", "--force", f"s3://{bucket}")


def test_s3fs(region: RunningRegion, way: Variables, tmp_path: Path) -> None:
    script = """
import s3fs, sys
fs = s3fs.S3FileSystem()
root = sys.argv[1]
fs.mkdir(root)
large = bytes(range(256)) * (50 << 12)  # 50 MiB, in parts
with fs.open(f"{root}/deep/large", "wb") as file:
    file.write(large)
fs.pipe(f"{root}/deep/small", b"0123456789")
assert fs.cat_file(f"{root}/deep/small", start=3, end=6) == b"345"
assert fs.info(f"{root}/deep/large")["size"] == len(large)
with fs.open(f"{root}/deep/large") as file:
    file.seek(len(large) - 3)
    assert file.read() == large[-3:]
assert fs.cat(f"{root}/deep/large") == large
fs.copy(f"{root}/deep/small", f"{root}/other")
assert sorted(fs.glob(f"{root}/**")) == [f"{root}/deep", f"{root}/deep/large", f"{root}/deep/small", f"{root}/other"]
fs.rm(root, recursive=True)
print(fs.exists(root))
"""
    python = environment("clients", LOCK, sys.executable)
    root = f"s3fs-{way.__name__.replace('_', '-')}"
    assert run([str(python), "-c", script, root], environ_of(region, way, tmp_path), tmp_path) == "False\n"


def test_sdk_2_without_our_sitecustomize(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    with RunningRegion(tmp_path / "home", "--bucket", "my-bucket") as region:
        fill(region)
        environ = environ_of(region, proxied_variables, tmp_path) | {"PYTHONPATH": str(tmp_path)}
        script = str(Path(__file__).with_name("sdk2_flow.py"))
        printed = json.loads(run([str(sdk(2).python), script], environ, tmp_path).splitlines()[-1])
    assert (printed["role"], printed["same"]) == ("arn:aws:iam::123456789012:role/forecastle", True)


def test_sdk_3_without_our_sitecustomize(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    with RunningRegion(tmp_path / "home") as region:
        environ = environ_of(region, proxied_variables, tmp_path) | {"PYTHONPATH": str(tmp_path)}
        printed = run([str(sdk(3).python), str(ROOT / "examples" / "taxi_sdk_3.py")], environ, tmp_path)
    assert "2014-11-02" in printed  # the marathon's night


def test_sdk_1_trains_and_deploys(way: Variables, tmp_path: Path) -> None:
    interpreter = next(Path.home().glob(".pyenv/versions/3.8.*/bin/python"), None)
    if interpreter is None:
        pytest.skip("SDK 1.72 needs CPython 3.8, and ~/.pyenv has none")
    python = environment("electricity", NOTEBOOK_LOCKS / "electricity.lock", str(interpreter))
    script = """
import json, sagemaker
from sagemaker.amazon.amazon_estimator import get_image_uri
from sagemaker.predictor import RealTimePredictor, csv_serializer, json_deserializer
session, role = sagemaker.Session(), sagemaker.get_execution_role()
bucket = session.default_bucket()
estimator = sagemaker.estimator.Estimator(
    get_image_uri(session.boto_region_name, "randomcutforest"), role, 1, "ml.m4.xlarge",
    output_path="s3://" + bucket + "/jobs", hyperparameters={"feature_dim": 1, "num_trees": 50},
)
channel = sagemaker.s3_input("s3://my-bucket/taxi/train/", content_type="text/csv;label_size=0")
estimator.fit({"train": channel}, logs=False)
predictor = estimator.deploy(1, "ml.m4.xlarge", wait=False)
session.wait_for_endpoint(predictor.endpoint, poll=1)
predictor = RealTimePredictor(
    predictor.endpoint, session, serializer=csv_serializer, deserializer=json_deserializer, content_type="text/csv"
)
print()  # after the SDK's dashes
print(json.dumps([role, bucket, len(predictor.predict([[10000], [20000]])["scores"])]))
predictor.delete_endpoint()
"""
    with RunningRegion(tmp_path / "home", "--bucket", "my-bucket") as region:
        fill(region)
        environ = environ_of(region, way, tmp_path)
        printed = json.loads(run([str(python), "-W", "ignore", "-c", script], environ, tmp_path).splitlines()[-1])
    assert printed == ["arn:aws:iam::123456789012:role/forecastle", "sagemaker-us-east-1-123456789012", 2]
