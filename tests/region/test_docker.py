"""Jobs and endpoints in containers: of a foreign image and of forecastle's own."""

import io
import json
import shutil
import signal
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.container import docker
from tests.region.endpoints import ask, config, endpoint, model
from tests.region.jobs import channel, create, ended, lines
from tests.region.running_region import RunningRegion, awaited

pytestmark = pytest.mark.image

BASE = "python:3.11-slim-bookworm"
IMAGE = "forecastle-region-tests/foreign:1"
PROGRAM = """#!/usr/local/bin/python3
import json, os, pathlib, socket, sys, time
from http.server import BaseHTTPRequestHandler, HTTPServer

ml = pathlib.Path("/opt/ml")
if sys.argv[1] == "train":
    given = json.loads((ml / "input/config/hyperparameters.json").read_text())
    print("training", os.environ["TRAINING_JOB_NAME"], "in", ml, flush=True)
    if given.get("mood") == "deaf":
        time.sleep(600)
    if given.get("mood") == "bad":
        (ml / "output/failure").write_text("it was bad")
        sys.exit(7)
    if given.get("mood") == "meeting":
        resources = json.loads((ml / "input/config/resourceconfig.json").read_text())
        first, second = resources["hosts"]
        if resources["current_host"] == first:
            print("met", socket.create_server(("", 9000)).accept()[0].recv(10).decode(), flush=True)
        else:
            for _ in range(100):
                try:
                    socket.create_connection((first, 9000)).sendall(second.encode())
                    break
                except OSError:
                    time.sleep(0.1)
    numbers = [float(path.read_text()) for path in sorted((ml / "input/data/train").iterdir())]
    (ml / "model/sum").write_text(str(sum(numbers)))
else:
    total = (ml / "model/sum").read_text()
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(b"")
        def do_POST(self):
            self.answer(total.encode() + b" " + self.rfile.read(int(self.headers["Content-Length"])))
        def answer(self, body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
    HTTPServer(("0.0.0.0", int(os.environ["SAGEMAKER_BIND_TO_PORT"])), Handler).serve_forever()
"""


@pytest.fixture(scope="module")
def foreign_image(tmp_path_factory: pytest.TempPathFactory) -> str:
    """An image with a `train` and a `serve` that know nothing of forecastle."""
    if not shutil.which("docker") or docker("info", check=False).returncode:
        pytest.skip("no Docker engine answers here")
    context = tmp_path_factory.mktemp("image")
    (context / "program").write_text(PROGRAM)
    (context / "Dockerfile").write_text(f'FROM {BASE}\nCOPY --chmod=755 program /program\nENTRYPOINT ["/program"]\n')
    docker("build", "-t", IMAGE, context)
    return IMAGE


@pytest.fixture(scope="module")
def region(foreign_image: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningRegion]:
    assert foreign_image
    with RunningRegion(tmp_path_factory.mktemp("docker") / "home", "--bucket", "data") as running:
        for number in (1, 2):
            running.client("s3").put_object(Bucket="data", Key=f"numbers/{number}", Body=str(number).encode())
        yield running


def left(home: Path) -> list[str]:
    """The containers of a region."""
    return docker("ps", "--all", "--quiet", "--filter", f"label=forecastle.region={home}").stdout.split()


def networks(home: Path) -> list[str]:
    """The networks of a region."""
    return docker("network", "ls", "--quiet", "--filter", f"label=forecastle.region={home}").stdout.split()


def test_containers_of_a_job_find_each_other_by_name(region: RunningRegion) -> None:
    resources = {"InstanceType": "ml.m5.large", "InstanceCount": 2, "VolumeSizeInGB": 1}
    name = create(
        region,
        channel("s3://data/numbers/", spread="ShardedByS3Key"),
        image=IMAGE,
        hyperparameters={"mood": "meeting"},
        ResourceConfig=resources,
    )
    assert ended(region, name)["TrainingJobStatus"] == "Completed", lines(region, name)
    assert "met algo-2" in lines(region, name)
    assert networks(region.home) == left(region.home) == []


def test_a_container_trains_and_serves(region: RunningRegion) -> None:
    name = create(region, channel("s3://data/numbers/"), image=IMAGE)
    job = ended(region, name)
    assert job["TrainingJobStatus"] == "Completed", job
    assert lines(region, name) == [f"training {name} in /opt/ml"]
    served = endpoint(
        region, config(region, {"one": (model(region, job["ModelArtifacts"]["S3ModelArtifacts"], Image=IMAGE), 1.0)})
    )
    assert ask(region, served, b"asked")["Body"].read() == b"3.0 asked"
    region.client("sagemaker").delete_endpoint(EndpointName=served)
    awaited(lambda: not left(region.home), "the end of the containers")


def test_a_failed_container_has_a_reason(region: RunningRegion) -> None:
    job = ended(region, create(region, channel("s3://data/numbers/"), image=IMAGE, hyperparameters={"mood": "bad"}))
    assert job["FailureReason"] == "AlgorithmError: it was bad, exit code: 7"


def test_containers_end_with_the_region_or_at_its_next_start(foreign_image: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for number in (signal.SIGTERM, signal.SIGKILL):
        with RunningRegion(home, "--bucket", "data") as region:
            region.client("s3").put_object(Bucket="data", Key="numbers/1", Body=b"1")
            create(region, channel("s3://data/numbers/"), image=foreign_image, hyperparameters={"mood": "deaf"})
            awaited(lambda: left(home), "the container")
            region.stop(number)
        if number == signal.SIGTERM:
            assert not left(home)
    with RunningRegion(home) as region:
        assert region.address
        assert not left(home)


def test_our_own_jobs_and_endpoints_can_be_containers(image: str, tmp_path: Path) -> None:
    with RunningRegion(tmp_path / "home", "--bucket", "data", "--docker", image) as region:
        rows = "\n".join(str(number % 17) for number in range(1000)).encode()
        region.client("s3").put_object(Bucket="data", Key="rows/rows.csv", Body=rows)
        given = {"feature_dim": "1", "num_trees": "50"}
        train = channel("s3://data/rows/", ContentType="text/csv;label_size=0")
        name = create(region, train, image="x.example/randomcutforest:1", HyperParameters=given)
        job = ended(region, name)
        assert job["TrainingJobStatus"] == "Completed", job
        uri = job["ModelArtifacts"]["S3ModelArtifacts"]
        content = region.client("s3").get_object(Bucket="data", Key=uri.removeprefix("s3://data/"))["Body"].read()
        with tarfile.open(fileobj=io.BytesIO(content)) as tar:
            assert "manifest.json" in tar.getnames()
        served = endpoint(
            region, config(region, {"one": (model(region, uri, Image="x.example/randomcutforest:1"), 1.0)})
        )
        assert len(json.loads(ask(region, served)["Body"].read())["scores"]) == 1
    assert not left(tmp_path / "home")
