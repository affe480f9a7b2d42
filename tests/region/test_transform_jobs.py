"""Batch transform jobs, through boto3."""

import gzip
import itertools
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.region.endpoints import model, trained
from tests.region.running_region import RunningRegion, awaited

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def means(region: RunningRegion) -> str:
    """A model that predicts {"mean": 2 · lines} for CSV."""
    return model(region, trained(region))


def put(region: RunningRegion, key: str, body: bytes) -> None:
    region.client("s3").put_object(Bucket="data", Key=key, Body=body)


def run(region: RunningRegion, model_name: str, uri: str, **more: Any) -> Any:
    """The description of a transform job that has ended."""
    sagemaker, name = region.client("sagemaker"), f"transform-{next(NUMBERS)}"
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": uri}}, "ContentType": "text/csv"}
    request = {
        "TransformJobName": name,
        "ModelName": model_name,
        "TransformInput": source | more.pop("source", {}),
        "TransformOutput": {"S3OutputPath": f"s3://data/{name}", **more.pop("output", {})},
        "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        **more,
    }
    sagemaker.create_transform_job(**request)

    def found() -> Any:
        job = sagemaker.describe_transform_job(TransformJobName=name)
        return job if job["TransformJobStatus"] in ("Completed", "Failed", "Stopped") else None

    return awaited(found, f"the end of {name}")


def written(region: RunningRegion, job: Any) -> dict[str, bytes]:
    """The objects that a job has written, by key below its output path."""
    s3, prefix = region.client("s3"), f"{job['TransformJobName']}/"
    found = s3.list_objects_v2(Bucket="data", Prefix=prefix).get("Contents", [])
    return {
        each["Key"].removeprefix(prefix): s3.get_object(Bucket="data", Key=each["Key"])["Body"].read() for each in found
    }


def test_each_object_has_one_output(region: RunningRegion, means: str) -> None:
    put(region, "batch/one.csv", b"1\n2\n3\n")
    put(region, "batch/below/two.csv", b"1\n")
    job = run(region, means, "s3://data/batch/", Tags=[{"Key": "a", "Value": "b"}])
    assert job["TransformJobStatus"] == "Completed", job
    assert written(region, job) == {"below/two.csv.out": b'{"mean": 2.000}', "one.csv.out": b'{"mean": 6.000}'}
    assert job["TransformStartTime"] <= job["TransformEndTime"]
    assert region.client("sagemaker").list_tags(ResourceArn=job["TransformJobArn"])["Tags"]


@pytest.mark.parametrize(
    ("strategy", "output", "expected"),
    [
        ("SingleRecord", {"AssembleWith": "Line"}, b'{"mean": 2.000}\n' * 3),
        ("MultiRecord", {"AssembleWith": "Line"}, b'{"mean": 6.000}\n'),
        ("SingleRecord", {"AssembleWith": "None"}, b'{"mean": 2.000}' * 3),
        ("SingleRecord", {}, b'{"mean": 2.000}' * 3),
    ],
)
def test_lines_are_sent_alone_or_together(
    region: RunningRegion, means: str, strategy: str, output: dict[str, str], expected: bytes
) -> None:
    put(region, "lines/three.csv", b"1\n2\n3")
    job = run(
        region,
        means,
        "s3://data/lines/",
        source={"SplitType": "Line"},
        output=output,
        BatchStrategy=strategy,
        MaxConcurrentTransforms=2,
    )
    assert written(region, job) == {"three.csv.out": expected}, job


def test_requests_are_not_larger_than_the_payload_limit(region: RunningRegion, means: str) -> None:
    line = b"1" * 1023 + b"\n"
    put(region, "wide/many.csv", line * 2500)  # 2.44 MiB
    split = {"source": {"SplitType": "Line"}, "output": {"AssembleWith": "Line"}}
    job = run(region, means, "s3://data/wide/", MaxPayloadInMB=1, **split)
    assert written(region, job) == {"many.csv.out": b'{"mean": 2048.000}\n{"mean": 2048.000}\n{"mean": 904.000}\n'}
    put(region, "wider/one.csv", b"1" * 2**20 + b"1\n")
    job = run(region, means, "s3://data/wider/", MaxPayloadInMB=1, **split)
    assert job["FailureReason"] == (
        "ClientError: s3://data/wider/one.csv: line 1 has 1048578 bytes, and MaxPayloadInMB allows 1048576."
    )


def test_compressed_objects_are_unpacked(region: RunningRegion, means: str) -> None:
    put(region, "packed/one.csv.gz", gzip.compress(b"1\n2\n"))
    job = run(region, means, "s3://data/packed/", source={"CompressionType": "Gzip"})
    assert written(region, job) == {"one.csv.gz.out": b'{"mean": 4.000}'}


def test_a_refused_request_fails_the_job_with_its_object_and_message(region: RunningRegion, means: str) -> None:
    put(region, "refused/one.bin", b"1\n")
    job = run(region, means, "s3://data/refused/", source={"ContentType": "image/png"})
    assert job["TransformJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "ClientError: s3://data/refused/one.bin: Bad HTTP status received from algorithm: 415: "
    )
    logged = region.client("logs").get_log_events(
        logGroupName="/aws/sagemaker/TransformJobs", logStreamName=f"{job['TransformJobName']}/data-log"
    )["events"]
    assert "415" in logged[0]["message"]


def test_a_broken_model_fails_the_job(region: RunningRegion) -> None:
    put(region, "text.tar.gz", b"text")
    put(region, "batch/one.csv", b"1\n")
    job = run(region, model(region, "s3://data/text.tar.gz"), "s3://data/batch/")
    assert job["FailureReason"].startswith("AlgorithmError: the model's container did not become healthy: ")


def test_a_job_can_be_stopped(region: RunningRegion, means: str) -> None:
    sagemaker = region.client("sagemaker")
    put(region, "long/many.csv", b"1\n" * 20_000)
    source = {"DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://data/long/"}}}
    sagemaker.create_transform_job(
        TransformJobName="long",
        ModelName=means,
        TransformInput=source | {"ContentType": "text/csv", "SplitType": "Line"},
        TransformOutput={"S3OutputPath": "s3://data/long-out"},
        TransformResources={"InstanceType": "ml.m5.large", "InstanceCount": 1},
        BatchStrategy="SingleRecord",
    )
    sagemaker.stop_transform_job(TransformJobName="long")
    awaited(lambda: _status(region, "long") == "Stopped", "the end")
    with pytest.raises(ClientError, match="in status Stopped"):
        sagemaker.stop_transform_job(TransformJobName="long")
    found = sagemaker.list_transform_jobs(NameContains="long", StatusEquals="Stopped")["TransformJobSummaries"]
    assert [each["TransformJobName"] for each in found] == ["long"]


def _status(region: RunningRegion, name: str) -> str:
    return str(region.client("sagemaker").describe_transform_job(TransformJobName=name)["TransformJobStatus"])


def test_an_unsupported_filter_is_refused(region: RunningRegion, means: str) -> None:
    with pytest.raises(ClientError, match=r"'\$\[\?\(@\]': \[\?\(@\] is not supported"):
        run(region, means, "s3://data/batch/", DataProcessing={"InputFilter": "$[?(@]"})
