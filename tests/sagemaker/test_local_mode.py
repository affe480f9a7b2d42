"""Real clients: SageMaker's Python SDK, 2 and 3, in local mode, with this image.

What is the SDK's own fault there, and how these tests get round it:

- SDK 2 looks for the text `v2` in what `docker compose version` prints, which neither `2.26.1-4` nor `v5.0.0` holds,
  and falls back to `docker-compose`; the tests put Compose there, below that name.
- SDK 2 sends SIGTERM to the process that it started and to each of its children. `docker compose` is two processes, the
  second of which gets the signal twice and kills the container at once. `docker-compose` is Compose itself: one.
- SDK 2 reads the log of a transform job in CloudWatch, in local mode too: `transform(…, logs=False)`.
- SDK 2 hands an error's body on as if it were a prediction. (Against AWS, boto3 raises.)
- SDK 2 and 3 leave their stopped containers and the network `sagemaker-local`; the tests take them away.
- SDK 3 does not say `train` to the image, so it would serve: `SourceCode(command="forecastle train")`.
- SDK 3 serves locally only what is built on the servers it knows, and pulls an image that is only here: not tested.
"""

import json
import os
import re
import shutil
import socket
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from forecastle.algorithms import find
from tests.image.container import docker
from tests.sagemaker.sdk import Sdk
from tests.sagemaker.snippets import metric_definitions

HERE = Path(__file__).parent
NETWORK = "sagemaker-local"
LABEL = "com.docker.compose.project.config_files"

pytestmark = pytest.mark.image


@pytest.fixture
def work(tmp_path: Path, image: str) -> Iterator[Path]:
    """A folder for a job of the image; the containers that were started from it are gone afterwards."""
    networks = docker("network", "ls", "--format", "{{.Name}}").stdout.split()
    (tmp_path / "image").write_text(image)
    (tmp_path / "records").mkdir()
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "docker-compose").symlink_to(compose())
    yield tmp_path
    for name, _ in containers(tmp_path):
        docker("rm", "-f", name)
    if NETWORK not in networks:
        docker("network", "rm", NETWORK)


def test_sdk_2_trains_deploys_predicts_transforms_and_deletes_a_forest(sdk2: Sdk, work: Path) -> None:
    job = job_for("random_cut_forest", work)
    shutil.copy(Path(job["example"]) / "request.csv", work / "records")
    job |= {"records_type": "text/csv", "transform_environment": {}}
    answers = json.loads(run(sdk2, "local_mode.py", job, work)[-1])

    assert holds(work / "output" / "model.tar.gz", "manifest.json")
    metrics = json.loads(holds(work / "output" / "output.tar.gz", "data/metrics.json"))
    assert 0 < metrics["test:f1"] <= 1
    scores = [row["score"] for row in answers["csv"]["scores"]]
    ordinary, surge, storm = scores
    assert min(surge, storm) > 2 * ordinary
    assert answers["csv as bytes"] == answers["json"] == answers["csv"]
    assert [row["score"] for row in answers["json lines"]] == scores
    assert [value for row in answers["recordio"] for value in row] == pytest.approx(scores, rel=1e-6)
    assert answers["wrong"] == "row 2, column 1: expected a number, got 'many'."
    assert [row["score"] for row in transformed(work, "request.csv")] == scores
    assert_left_in_order(work)


def test_sdk_2_trains_on_two_instances_deploys_predicts_transforms_and_deletes_a_deepar(sdk2: Sdk, work: Path) -> None:
    job = job_for("deepar", work, epochs=1, num_eval_samples=10) | {"instances": 2}
    series = (Path(job["example"]) / "input" / "data" / "train" / "train.json").read_text().splitlines()[:5]
    (work / "records" / "series.json").write_text("\n".join(series) + "\n")
    configuration = {"num_samples": 20, "output_types": ["quantiles"], "quantiles": ["0.5"]}
    transform = {"DEEPAR_INFERENCE_CONFIG": json.dumps(configuration)}
    job |= {"records_type": "application/jsonlines", "transform_environment": transform}
    *log, answered = run(sdk2, "local_mode.py", job, work)
    answers = json.loads(answered)

    defined = metric_definitions()
    forests = {f"test:{name}" for name in ("f1", "accuracy", "precision", "recall")}
    calibrated = {name for name in defined if name.startswith("test:calibrated_")}
    assert calibrated
    assert {
        name for name, regex in defined.items() if not any(re.search(regex, line) for line in log)
    } == forests | calibrated
    hosts = {match[1] for line in log if (match := re.search(r"host=(algo-\d)-\w+, epoch=0, train loss", line))}
    assert hosts == {"algo-1", "algo-2"}
    assert holds(work / "output" / "model.tar.gz", "manifest.json")
    assert "test:mean_wQuantileLoss" in json.loads(holds(work / "output" / "output.tar.gz", "data/metrics.json"))
    steps = job["hyperparameters"]["prediction_length"]
    (forecast,) = answers["json"]["predictions"]
    assert {*forecast} == {"mean", "quantiles"}
    assert [len(values) for values in (forecast["mean"], *forecast["quantiles"].values())] == [int(steps)] * 4
    (line,) = answers["json lines"]
    assert len(line["mean"]) == int(steps)
    assert answers["wrong"].startswith("instances[0].target[0]: expected a number")
    forecasts = transformed(work, "series.json")
    assert [{name: [*values] for name, values in each.items()} for each in forecasts] == [{"quantiles": ["0.5"]}] * 5
    assert_left_in_order(work, instances=2)


def test_sdk_3_trains_a_forest(sdk3: Sdk, work: Path) -> None:
    job = job_for("random_cut_forest", work)
    run(sdk3, "local_training.py", job, work)
    assert holds(work / "compressed_artifacts" / "model.tar.gz", "manifest.json")
    assert "test:f1" in json.loads(holds(work / "compressed_artifacts" / "output.tar.gz", "data/metrics.json"))
    assert [code for _, code in containers(work)] == [0]


def job_for(algorithm: str, work: Path, **changes: Any) -> dict[str, Any]:
    """A copy of the algorithm's example: local mode cannot mount folders such as /root."""
    example = shutil.copytree(find(algorithm).example_folder, work / "example")
    hyperparameters = json.loads((example / "input" / "config" / "hyperparameters.json").read_text()) | changes
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return {
        "algorithm": algorithm,
        "instances": 1,
        "example": str(example),
        "work": str(work),
        "image": (work / "image").read_text(),
        "name": algorithm.replace("_", "-"),
        "hyperparameters": hyperparameters,
        "port": port,
        "user": f"{os.getuid()}:{os.getgid()}",
    }


def run(sdk: Sdk, script: str, job: dict[str, Any], work: Path) -> list[str]:
    """The output of a script for a job, which includes the container's log."""
    (work / "job.json").write_text(json.dumps(job))
    environ = {"PATH": f"{work / 'bin'}:{os.environ['PATH']}"}
    return sdk.run(HERE / script, str(work / "job.json"), home=work, environ=environ).splitlines()


def holds(archive: Path, name: str) -> bytes:
    """That file of an archive."""
    with tarfile.open(archive) as tar:
        file = tar.extractfile(name)
        assert file is not None
        return file.read()


def transformed(work: Path, name: str) -> list[dict[str, Any]]:
    """The records of one object of a transform job."""
    lines = (work / "transformed" / f"{name}.out").read_text().splitlines()
    return [json.loads(line) for line in lines if line]  # local mode ends each answer with a line's end more


def assert_left_in_order(work: Path, instances: int = 1) -> None:
    """Training, the endpoint and the transform job have each succeeded, and every file belongs to us."""
    assert [code for _, code in containers(work)] == [0] * (instances + 2)
    assert {path.stat().st_uid for path in work.rglob("*")} == {os.getuid()}


def containers(work: Path) -> list[tuple[str, int]]:
    """The containers that were started from a folder, with their exit codes."""
    listed = docker(
        "ps", "-a", "--filter", f"label={LABEL}", "--format", f'{{{{.ID}}}} {{{{.Label "{LABEL}"}}}}'
    ).stdout
    names = [line.split()[0] for line in listed.splitlines() if Path(line.split()[1]).is_relative_to(work)]
    return [(name, int(docker("inspect", "-f", "{{.State.ExitCode}}", name).stdout)) for name in names]


def compose() -> str:
    """The path of Compose: the client's plugin also runs by itself."""
    for plugin in json.loads(docker("info", "--format", "{{json .ClientInfo.Plugins}}").stdout):
        if plugin["Name"] == "compose":
            return str(plugin["Path"])
    pytest.skip("the Docker client has no Compose, and local mode needs it")
