"""The local region's own cost: InvokeEndpoint over the model server's own port, and training jobs a minute.

    python -m benchmarks.region_jobs [--json] [--runs 5] [--only invoke,jobs]

A request goes to the region and to the server behind it in turn, each over a kept connection; the row has the medians.
`jobs` trains Random Cut Forest on its example, from CreateTrainingJob to Completed, and runs the same job by
`forecastle train` without a region.
"""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3

from benchmarks.report import Row, report
from benchmarks.timing import in_turn
from forecastle.algorithms import find

EXAMPLE = find("random_cut_forest").example_folder / "input"
ROLE = "arn:aws:iam::123456789012:role/forecastle"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/randomcutforest:1"
REQUESTS = 500
BODY = b"16083\n41250\n27\n"
TARGETS: dict[str, float] = {}


def main() -> None:
    report(__doc__, PARTS, TARGETS)


class Region:
    """A region in a temporary folder, which is removed with it."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "forecastle", "region", "up", "--home", str(folder), "--port", "0"]
        self._process = subprocess.Popen([*command, "--bucket", "data"], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        found = None
        while found is None:
            found = re.search(r" at (http://\S+),", self._process.stdout.readline())
        self.address = found[1]
        for name in ("train", "test"):
            self.client("s3").upload_file(str(EXAMPLE / "data" / name / "taxi.csv"), "data", f"{name}/taxi.csv")

    def client(self, service: str) -> Any:
        keys = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
        return boto3.client(service, endpoint_url=self.address, **keys)

    def train(self, name: str) -> Any:
        """The description of a job that has completed."""
        sagemaker = self.client("sagemaker")
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}
        channel = {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": source},
            "ContentType": "text/csv;label_size=0",
        }
        sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"feature_dim": "1", "num_trees": "50"},
            InputDataConfig=[channel],
            OutputDataConfig={"S3OutputPath": "s3://data/jobs"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 1},
            StoppingCondition={"MaxRuntimeInSeconds": 600},
        )
        while True:
            job = sagemaker.describe_training_job(TrainingJobName=name)
            if job["TrainingJobStatus"] != "InProgress":
                assert job["TrainingJobStatus"] == "Completed", job
                return job
            time.sleep(0.02)

    def serve(self, uri: str) -> int:
        """Deploy a model as the endpoint `forest`; the port of the server behind it."""
        sagemaker = self.client("sagemaker")
        sagemaker.create_model(ModelName="forest", PrimaryContainer={"Image": IMAGE, "ModelDataUrl": uri})
        variant = {
            "VariantName": "one",
            "ModelName": "forest",
            "InitialInstanceCount": 1,
            "InstanceType": "ml.m5.large",
        }
        sagemaker.create_endpoint_config(EndpointConfigName="forest", ProductionVariants=[variant])
        sagemaker.create_endpoint(EndpointName="forest", EndpointConfigName="forest")
        while sagemaker.describe_endpoint(EndpointName="forest")["EndpointStatus"] == "Creating":
            time.sleep(0.02)
        group = "/aws/sagemaker/Endpoints/forest"
        events = self.client("logs").filter_log_events(logGroupName=group, filterPattern='"event":"start"')["events"]
        return int(json.loads(events[0]["message"])["port"])

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


@contextlib.contextmanager
def region() -> Iterator[Region]:
    with tempfile.TemporaryDirectory() as folder:
        running = Region(Path(folder) / "home")
        try:
            yield running
        finally:
            running.stop()


def invoke(runs: int) -> Iterator[Row]:
    """What a request costs more through the region."""
    with region() as running:
        port = running.serve(running.train("forest")["ModelArtifacts"]["S3ModelArtifacts"])
        through = http.client.HTTPConnection("127.0.0.1", int(running.address.rpartition(":")[2]))
        straight = http.client.HTTPConnection("127.0.0.1", port)
        medians = []
        for _ in range(runs + 1):
            taken: tuple[list[float], list[float]] = ([], [])
            for _ in range(REQUESTS):
                taken[0].append(_asked(through, "/endpoints/forest/invocations"))
                taken[1].append(_asked(straight, "/invocations"))
            medians.append((1000 * statistics.median(taken[0]), 1000 * statistics.median(taken[1])))
        ours, theirs = (statistics.median(each) for each in zip(*medians[1:], strict=True))
        yield "invoke_over_the_server", "ms a request, p50: through the region, straight", ours, theirs, ours / theirs


def jobs(runs: int) -> Iterator[Row]:
    """What a job costs more than its process."""
    with region() as running, tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "ml"
        (tree / "input" / "config").mkdir(parents=True)
        (tree / "input" / "config" / "hyperparameters.json").write_text('{"feature_dim": "1", "num_trees": "50"}')
        shutil.copytree(EXAMPLE / "data" / "train", tree / "input" / "data" / "train")
        environ = os.environ | {"SAGEMAKER_BASE_DIR": str(tree), "FORECASTLE_ALGORITHM": "random_cut_forest"}
        names = iter(range(runs + 1))
        command = [sys.executable, "-m", "forecastle", "train"]
        pair = in_turn(
            lambda: running.train(f"job-{next(names)}"),
            lambda: subprocess.run(command, env=environ, stdout=subprocess.DEVNULL, check=True),
            runs,
        )
        yield (
            "job_over_its_process",
            "s a job: by the region, by forecastle train",
            pair.ours,
            pair.theirs,
            1 / pair.ratio,
        )
        yield "jobs_a_minute", "jobs one after the other", 60 / pair.ours, 60 / pair.theirs, pair.theirs / pair.ours


def _asked(connection: http.client.HTTPConnection, path: str) -> float:
    begun = time.perf_counter()
    connection.request("POST", path, BODY, {"Content-Type": "text/csv"})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return time.perf_counter() - begun


PARTS = {"invoke": invoke, "jobs": jobs}


if __name__ == "__main__":
    main()
