"""The local region's own cost: InvokeEndpoint over the model server's own port, and training jobs a minute.

    [S3_PEERS_PYTHON=…/bin/python] python -m benchmarks.region_jobs [--json] [--runs 5] [--only invoke,jobs,waits]

`invoke`: a request goes to the region and to its server in turn, each over a kept connection; the row has the
medians. Where S3_PEERS_PYTHON names an interpreter that has moto, the same request goes to moto's InvokeEndpoint, which
computes nothing: its answer is a constant. ministack has no SageMaker, and no peer runs a job.

`jobs` trains Random Cut Forest on its example, from CreateTrainingJob to Completed, and runs the same job by
`forecastle train` without a region.

`waits` is what a notebook waits for: the taxi notebook's job from CreateTrainingJob to Completed, its endpoint from
CreateEndpoint to InService. Rows called `…_over_the_goal` have the goal in the second column; at most 1 is wanted.
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
from benchmarks.s3_servers import MOTO, s3_server
from benchmarks.timing import in_turn
from forecastle.algorithms import find

EXAMPLE = find("random_cut_forest").example_folder / "input"
ROLE = "arn:aws:iam::123456789012:role/forecastle"
IMAGE = "123456789012.dkr.ecr.us-east-1.amazonaws.com/randomcutforest:1"
KEYS = {"aws_access_key_id": "any", "aws_secret_access_key": "thing", "region_name": "us-east-1"}
SIGNED = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/sagemaker/aws4_request, SignedHeaders=host, Signature=0"
INVOCATIONS = "/endpoints/forest/invocations"
REQUESTS = 500
BODY = b"16083\n41250\n27\n"
TAXI_ROWS = 10320
GOALS = {"invoke": 0.5, "job": 3.0, "endpoint": 2.0}  # ms more than the server's own port; seconds
TARGETS = {f"{name}_over_the_goal": 1.0 for name in GOALS}


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
        return boto3.client(service, endpoint_url=self.address, **KEYS)

    def train(self, name: str, prefix: str = "train/", **hyperparameters: str) -> Any:
        """The description of a job that has completed."""
        sagemaker = self.client("sagemaker")
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://data/{prefix}"}
        channel = {
            "ChannelName": "train",
            "DataSource": {"S3DataSource": source},
            "ContentType": "text/csv;label_size=0",
        }
        sagemaker.create_training_job(
            TrainingJobName=name,
            RoleArn=ROLE,
            AlgorithmSpecification={"TrainingImage": IMAGE, "TrainingInputMode": "File"},
            HyperParameters={"feature_dim": "1", "num_trees": "50", **hyperparameters},
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

    def serve(self, uri: str, name: str = "forest") -> int:
        """Deploy a model as an endpoint; the port of its server."""
        sagemaker = self.client("sagemaker")
        configure(sagemaker, uri, name)
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        while sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "Creating":
            time.sleep(0.02)
        group = f"/aws/sagemaker/Endpoints/{name}"
        events = self.client("logs").filter_log_events(logGroupName=group, filterPattern='"event":"start"')["events"]
        return int(json.loads(events[0]["message"])["port"])

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait()


def configure(sagemaker: Any, uri: str, name: str) -> None:
    """A model of an archive, and a configuration of one server."""
    container = {"Image": IMAGE, "ModelDataUrl": uri}
    sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE, PrimaryContainer=container)
    variant = {"VariantName": "one", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])


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
        ours, theirs, over = _medians(runs, (through, INVOCATIONS), (straight, "/invocations"))
        yield "invoke_over_the_server", "ms a request, p50: through the region, straight", ours, theirs, ours / theirs
        goal = GOALS["invoke"]
        yield "invoke_over_the_goal", "ms more than straight, p50; goal", over, goal, over / goal
        python = os.environ.get("S3_PEERS_PYTHON")
        if python is None:
            print("moto: left out, as S3_PEERS_PYTHON names no interpreter that has it", file=sys.stderr)
            return
        with s3_server(MOTO, python) as moto:
            address = f"http://127.0.0.1:{moto.port}"
            client = boto3.client("sagemaker", endpoint_url=address, **KEYS)
            configure(client, "s3://bucket/model.tar.gz", "forest")
            client.create_endpoint(EndpointName="forest", EndpointConfigName="forest")
            constant = http.client.HTTPConnection("127.0.0.1", moto.port)
            ours, theirs, _ = _medians(runs, (through, INVOCATIONS), (constant, INVOCATIONS))
        yield "invoke_vs_moto", "ms a request, p50: scores, a constant", ours, theirs, theirs / ours


def _medians(runs: int, *asked: tuple[http.client.HTTPConnection, str]) -> tuple[float, float, float]:
    """Milliseconds of requests to two servers in turn, and of their difference: medians of each run's medians."""
    medians = []
    for _ in range(runs + 1):
        taken: tuple[list[float], list[float]] = ([], [])
        for _ in range(REQUESTS):
            for times, (connection, path) in zip(taken, asked, strict=True):
                times.append(1000 * _asked(connection, path))
        medians.append((statistics.median(taken[0]), statistics.median(taken[1])))
    first, second = zip(*medians[1:], strict=True)
    differences = [one - other for one, other in medians[1:]]
    return statistics.median(first), statistics.median(second), statistics.median(differences)


def waits(runs: int) -> Iterator[Row]:
    """What the taxi notebook waits for, on a machine whose kernels are compiled."""
    with region() as running:
        rows = "".join(f"{10000 + number % 336 * 50}\n" for number in range(TAXI_ROWS))
        running.client("s3").put_object(Bucket="data", Key="taxi/rides.csv", Body=rows.encode())
        jobs, endpoints = [], []
        for number in range(runs + 1):
            begun = time.perf_counter()
            job = running.train(f"taxi-{number}", "taxi/", num_samples_per_tree="512")
            jobs.append(time.perf_counter() - begun)
            uri, name = job["ModelArtifacts"]["S3ModelArtifacts"], f"taxi-{number}"
            begun = time.perf_counter()
            running.serve(uri, name)
            endpoints.append(time.perf_counter() - begun)
            running.client("sagemaker").delete_endpoint(EndpointName=name)
        for name, times, what in (
            ("job", jobs, "s from CreateTrainingJob to Completed; goal"),
            ("endpoint", endpoints, "s from CreateModel to InService; goal"),
        ):
            seconds, goal = statistics.median(times[1:]), GOALS[name]
            yield f"{name}_over_the_goal", what, seconds, goal, seconds / goal


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
    connection.request("POST", path, BODY, {"Content-Type": "text/csv", "Authorization": SIGNED})
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status
    return time.perf_counter() - begun


PARTS = {"invoke": invoke, "jobs": jobs, "waits": waits}


if __name__ == "__main__":
    main()
