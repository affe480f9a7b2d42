"""The pages on the image in SageMaker, run from top to bottom against a fake of AWS.

The fake holds each request against SageMaker's own service model. Its endpoints are servers of ours, so what the pages
print are real answers.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from forecastle.algorithms import find
from forecastle.training.job import train_files
from tests.sagemaker.fake_aws import FakeAws
from tests.sagemaker.sdk import Sdk
from tests.sagemaker.snippets import metric_definitions, page
from tests.serving.running_server import RunningServer

EXAMPLE = find("random_cut_forest").example_folder
IMAGE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/forecastle:0.1.0"
# Nobody waits for a fake, where the SDK sleeps up to 30 seconds between two looks at it.
HURRIED = "import time\nsleep = time.sleep\ntime.sleep = lambda seconds: sleep(min(seconds, 0.05))\n"
FORWARDED = ("Content-Type", "Accept", "X-Amzn-SageMaker-Custom-Attributes")

pytestmark = pytest.mark.image  # no Docker, but minutes, and packages that nothing else needs


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with a forest."""
    folder = tmp_path_factory.mktemp("forest")
    with (folder / "log").open("w") as log:
        data = EXAMPLE / "input" / "data" / "train"
        given = {"num_trees": "50", "seed": "7"}
        train_files("random_cut_forest", data, folder / "model", given, log, {})
    return folder


@pytest.fixture
def aws(base: Path) -> Iterator[FakeAws]:
    """AWS, whose endpoints have the forest, either alone or among others as `taxi.tar.gz`."""
    with contextlib.ExitStack() as stack:
        one = stack.enter_context(RunningServer(base, {})).await_ready()
        several = stack.enter_context(RunningServer(base, {"SAGEMAKER_MULTI_MODEL": "true"})).await_ready()

        def invoke(body: bytes, headers: Mapping[str, str]) -> tuple[int, str, bytes]:
            sent = {name: headers[name] for name in FORWARDED if name in headers}
            target = headers.get("X-Amzn-SageMaker-Target-Model")
            if target is None:
                answer = one.request("POST", "/invocations", content=body, headers=sent)
            else:  # as the platform does: it loads a model under its own name when a request asks for it
                several.request("POST", "/models", json={"model_name": "0f3a", "url": str(base / "model")})
                answer = several.request("POST", "/models/0f3a/invoke", content=body, headers=sent)
            return answer.status_code, answer.headers["Content-Type"], answer.content

        yield stack.enter_context(FakeAws(invoke))


@pytest.mark.parametrize("major", [2, 3])
def test_a_page_runs_from_top_to_bottom(
    major: int, request: pytest.FixtureRequest, aws: FakeAws, tmp_path: Path
) -> None:
    sdk: Sdk = request.getfixturevalue(f"sdk{major}")
    (tmp_path / "page.py").write_text(page(major), "utf-8")
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    environ = {
        "AWS_ENDPOINT_URL": aws.url,
        "PYTHONPATH": str(tmp_path),
        "AWS_REQUEST_CHECKSUM_CALCULATION": "when_required",
    }
    aws.objects["my-bucket/taxi/async/requests/rows.csv"] = b"16083\n41250\n"
    printed = sdk.run(tmp_path / "page.py", home=tmp_path, environ=environ)

    assert aws.faults == []
    assert_trained(aws)
    assert_deployed(aws)
    assert_transformed(aws)
    assert_tuned(aws)
    assert len([line for line in printed.splitlines() if "scores" in line and line.count("'score'") == 2]) == 4, printed
    assert aws.running() == []


def assert_trained(aws: FakeAws) -> None:
    """A job for each algorithm, with every metric; the second one may be interrupted."""
    forest, deepar = aws.asked("CreateTrainingJob")
    assert {forest["AlgorithmSpecification"]["TrainingImage"], deepar["AlgorithmSpecification"]["TrainingImage"]} == {
        IMAGE
    }
    assert forest["HyperParameters"] == {"feature_dim": "1", "num_trees": "50", "seed": "7"}
    assert named(forest["AlgorithmSpecification"]["MetricDefinitions"]) == metric_definitions()
    assert {each["ChannelName"]: each["ContentType"] for each in forest["InputDataConfig"]} == {
        "train": "text/csv;label_size=0",
        "test": "text/csv;label_size=1",
    }
    assert deepar["EnableManagedSpotTraining"]
    assert deepar["CheckpointConfig"]["S3Uri"] == "s3://my-bucket/taxi/checkpoints"


def assert_deployed(aws: FakeAws) -> None:
    """Endpoints of each kind: ordinary, of several models, asynchronous, serverless."""
    modes = [model["PrimaryContainer"].get("Mode", "SingleModel") for model in aws.asked("CreateModel")]
    assert modes.count("MultiModel") == 1
    assert {model["PrimaryContainer"]["Image"] for model in aws.asked("CreateModel")} == {IMAGE}
    configs = aws.asked("CreateEndpointConfig")
    assert len(configs) == len(aws.asked("CreateEndpoint")) == 4
    assert len([each for each in configs if "AsyncInferenceConfig" in each]) == 1
    assert [each["ProductionVariants"][0].get("ServerlessConfig") for each in configs].count(None) == 3
    asked = [each for each in aws.invocations if "x-amzn-sagemaker-target-model" in each]
    assert [each["x-amzn-sagemaker-target-model"] for each in asked] == ["taxi.tar.gz"]


def assert_transformed(aws: FakeAws) -> None:
    (job,) = aws.asked("CreateTransformJob")
    assert job["TransformInput"]["SplitType"] == "Line"
    assert job["TransformInput"]["ContentType"] == "text/csv"
    assert job["TransformOutput"]["Accept"] == "application/jsonlines"
    assert job["BatchStrategy"] == "MultiRecord"


def assert_tuned(aws: FakeAws) -> None:
    (job,) = aws.asked("CreateHyperParameterTuningJob")
    aim = job["HyperParameterTuningJobConfig"]["HyperParameterTuningJobObjective"]
    assert aim == {"Type": "Maximize", "MetricName": "test:f1"}
    assert named(job["TrainingJobDefinition"]["AlgorithmSpecification"]["MetricDefinitions"]) == metric_definitions()


def named(definitions: list[dict[str, Any]]) -> dict[str, str]:
    return {each["Name"]: each["Regex"] for each in definitions}
