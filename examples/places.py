"""Where the notebooks' cells run: processes of this machine, the container, a local region, or AWS.

    place = at("LocalProcess")  # or "Container", "Region", "AWS"
    model = place.train("deepar", {"train": Path("train.json")}, {"epochs": 10, …})
    predictor = DeepARPredictor(*place.deploy(model))
    place.clean()

"Container" needs Docker and the image `forecastle`, or that of IMAGE. "Region" starts a local region unless
AWS_ENDPOINT_URL names one. "AWS" needs credentials, and in the environment ROLE, a role's ARN, and IMAGE, an image of
forecastle in your registry.
"""

import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FORECASTLE = [sys.executable, "-m", "forecastle"]
PATIENCE_SECONDS = 600.0
REPOSITORIES = {"deepar": "forecasting-deepar", "random_cut_forest": "randomcutforest"}


def at(where: str) -> "LocalProcess | Container | SageMaker":
    """The place of that name. Raises `ValueError` if there is none."""
    places = {"LocalProcess": LocalProcess, "Container": Container, "Region": Region, "AWS": SageMaker}
    if where not in places:
        raise ValueError(f"WHERE: expected one of {', '.join(places)}, got {where!r}.")
    place = places[where]()
    atexit.register(place.clean)
    print(f"Jobs and endpoints: {where}.")
    return place


class LocalProcess:
    """Processes of this machine, in a temporary folder."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="forecastle-notebook-"))
        self._servers: list[subprocess.Popen[bytes]] = []

    def train(self, algorithm: str, channels: Mapping[str, Path], hyperparameters: Mapping[str, object]) -> Path:
        """Train, and print the metrics; the folder of the model."""
        out = self._new("model")
        data = [part for name, option in (("train", "--data"), ("test", "--test")) if name in channels
                for part in (option, str(channels[name]))]  # fmt: skip
        given = [part for name, value in hyperparameters.items() for part in ("--set", f"{name}={value}")]
        log = run([*FORECASTLE, "train", algorithm, *data, *given, "--out", str(out)])
        _show_metrics(log)
        return out

    def deploy(self, model: Any) -> tuple[str, Any]:
        """Serve a model; what a predictor takes."""
        port = free_port()
        environ = {**os.environ, "SAGEMAKER_BIND_TO_PORT": str(port)}
        command = [*FORECASTLE, "serve", "--model", str(model)]
        with (self.folder / f"serve-{port}.log").open("wb") as log:
            self._servers.append(subprocess.Popen(command, env=environ, stdout=log, start_new_session=True))
        return ready(f"http://127.0.0.1:{port}"), None

    def clean(self) -> None:
        """Stop the servers, and remove the models."""
        for server in self._servers:
            server.send_signal(signal.SIGTERM)
            server.wait()
        self._servers.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _new(self, noun: str) -> Path:
        return self.folder / f"{noun}-{len(list(self.folder.glob(noun + '-*')))}"


class Container:
    """Containers of the image `forecastle`, through Docker."""

    image = os.environ.get("IMAGE", "forecastle")

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="forecastle-notebook-"))
        self._running: list[str] = []

    def train(self, algorithm: str, channels: Mapping[str, Path], hyperparameters: Mapping[str, object]) -> Path:
        """Train in the tree that SageMaker mounts at /opt/ml; the folder of the model."""
        tree = self.folder / f"ml-{len(list(self.folder.iterdir()))}"
        configuration = tree / "input" / "config"
        configuration.mkdir(parents=True)
        for name, file in channels.items():
            channel = tree / "input" / "data" / name
            channel.mkdir(parents=True)
            shutil.copy(file, channel)
        texts = {name: str(value) for name, value in hyperparameters.items()}
        (configuration / "hyperparameters.json").write_text(json.dumps(texts))
        types = {name: {"ContentType": content_type(file)} for name, file in channels.items()}
        (configuration / "inputdataconfig.json").write_text(json.dumps(types))
        user = f"{os.getuid()}:{os.getgid()}"
        setting = f"FORECASTLE_ALGORITHM={algorithm}"
        mounted = f"{tree}:/opt/ml"
        log = run(["docker", "run", "--rm", "--user", user, "-e", setting, "-v", mounted, self.image, "train"])
        _show_metrics(log)
        return tree / "model"

    def deploy(self, model: Any) -> tuple[str, Any]:
        """Serve a model; what a predictor takes."""
        port = free_port()
        ports, mounted = f"127.0.0.1:{port}:8080", f"{model}:/opt/ml/model:ro"
        started = run(["docker", "run", "--rm", "--detach", "-p", ports, "-v", mounted, self.image, "serve"])
        self._running.append(started.strip())
        return ready(f"http://127.0.0.1:{port}"), None

    def clean(self) -> None:
        """Stop the containers, and remove the models."""
        for name in self._running:
            run(["docker", "stop", name])
        self._running.clear()
        shutil.rmtree(self.folder, ignore_errors=True)


class SageMaker:
    """SageMaker's jobs and endpoints, through boto3."""

    def __init__(self) -> None:
        import boto3

        self.folder = Path(tempfile.mkdtemp(prefix="forecastle-notebook-"))
        self.session = boto3.Session()
        self._sagemaker = self.session.client("sagemaker")
        account = self.session.client("sts").get_caller_identity()["Account"]
        self._bucket = f"sagemaker-{self.session.region_name}-{account}"
        self._endpoints: list[str] = []

    def train(self, algorithm: str, channels: Mapping[str, Path], hyperparameters: Mapping[str, object]) -> str:
        """Train in a job; the URI of its model.tar.gz."""
        name, s3 = self._name(algorithm), self.session.client("s3")
        inputs = []
        for channel, file in channels.items():
            s3.upload_file(str(file), self._bucket, f"{name}/{channel}/{file.name}")
            source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{self._bucket}/{name}/{channel}/"}
            inputs.append(
                {"ChannelName": channel, "DataSource": {"S3DataSource": source}, "ContentType": content_type(file)}
            )
        self._sagemaker.create_training_job(
            TrainingJobName=name,
            AlgorithmSpecification={"TrainingImage": self._image(algorithm), "TrainingInputMode": "File"},
            RoleArn=self._role(),
            InputDataConfig=inputs,
            OutputDataConfig={"S3OutputPath": f"s3://{self._bucket}/{name}/output"},
            ResourceConfig={"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            StoppingCondition={"MaxRuntimeInSeconds": 3600},
            HyperParameters={key: str(value) for key, value in hyperparameters.items()},
        )
        self._sagemaker.get_waiter("training_job_completed_or_stopped").wait(
            TrainingJobName=name, WaiterConfig={"Delay": self.delay, "MaxAttempts": 3600}
        )
        job = self._sagemaker.describe_training_job(TrainingJobName=name)
        for metric in job.get("FinalMetricDataList", []):
            print(f"{metric['MetricName']} = {metric['Value']:.4f}")
        self._algorithm = algorithm
        model: str = job["ModelArtifacts"]["S3ModelArtifacts"]
        return model

    def deploy(self, model: Any) -> tuple[str, Any]:
        """Create an endpoint; what a predictor takes."""
        name = self._name(self._algorithm)
        container = {"Image": self._image(self._algorithm), "ModelDataUrl": model}
        self._sagemaker.create_model(ModelName=name, ExecutionRoleArn=self._role(), PrimaryContainer=container)
        variant = {"VariantName": "all", "ModelName": name, "InitialInstanceCount": 1, "InstanceType": "ml.m5.large"}
        self._sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
        self._sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
        self._endpoints.append(name)
        self._sagemaker.get_waiter("endpoint_in_service").wait(
            EndpointName=name, WaiterConfig={"Delay": self.delay, "MaxAttempts": 3600}
        )
        return name, self.session

    delay = 15

    def clean(self) -> None:
        """Delete the endpoints, which cost money."""
        for name in self._endpoints:
            self._sagemaker.delete_endpoint(EndpointName=name)
            self._sagemaker.delete_endpoint_config(EndpointConfigName=name)
            self._sagemaker.delete_model(ModelName=name)
        self._endpoints.clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _image(self, algorithm: str) -> str:
        del algorithm  # forecastle's image finds it by its hyperparameters
        return os.environ["IMAGE"]

    def _role(self) -> str:
        return os.environ["ROLE"]

    @staticmethod
    def _name(algorithm: str) -> str:
        return f"{algorithm.replace('_', '-')}-{time.time_ns() // 1_000_000}"


class Region(SageMaker):
    """A local region, which answers what SageMaker answers."""

    delay = 1

    def __init__(self) -> None:
        self._region: subprocess.Popen[bytes] | None = None
        if "AWS_ENDPOINT_URL" not in os.environ:
            port, home = free_port(), tempfile.mkdtemp(prefix="forecastle-region-")
            atexit.register(shutil.rmtree, home, ignore_errors=True)
            command = [*FORECASTLE, "region", "up", "--port", str(port), "--home", home]
            self._region = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
            keys = {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "thing", "AWS_DEFAULT_REGION": "us-east-1"}
            os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", **keys}
            connected(port)
        super().__init__()
        self.session.client("s3").create_bucket(Bucket=self._bucket)

    def clean(self) -> None:
        super().clean()
        if self._region is not None:
            self._region.send_signal(signal.SIGTERM)
            self._region.wait()
            self._region = None
            del os.environ["AWS_ENDPOINT_URL"]

    def _image(self, algorithm: str) -> str:
        return f"123456789012.dkr.ecr.us-east-1.amazonaws.com/{REPOSITORIES[algorithm]}:1"

    def _role(self) -> str:
        return "arn:aws:iam::123456789012:role/forecastle"


def run(command: list[str]) -> str:
    """The standard output of a command; its errors where it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command[:4])} … ended with {done.returncode}:\n{done.stdout[-800:]}{done.stderr}"
        )
    return done.stdout


def content_type(file: Path) -> str:
    return "text/csv;label_size=0" if file.suffix == ".csv" else "application/jsonlines"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def connected(port: int) -> None:
    """Wait until something listens on the port."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def ready(url: str) -> str:
    """Wait until a server's model is ready; its URL."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"{url}/ping", timeout=5).close()
            return url
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _show_metrics(log: str) -> None:
    for line in log.splitlines():
        if "#test_score" in line:
            print(line.partition("#test_score ")[2])
