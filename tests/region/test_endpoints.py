"""Endpoints from their models to their answers, through boto3."""

import io
import tarfile
from collections.abc import Iterator
from functools import partial

import pytest
from botocore.exceptions import ClientError

from tests.region.endpoints import answer, ask, config, endpoint, model, settled, trained
from tests.region.jobs import IMAGE, create, ended
from tests.region.running_region import RunningRegion, awaited


@pytest.fixture(scope="module")
def served(region: RunningRegion) -> Iterator[str]:
    """An endpoint of two variants, of which one has all the weight."""
    plain, shrunk = model(region, trained(region)), model(region, trained(region, "0.5"))
    name = endpoint(region, config(region, {"all": (plain, 1.0), "none": (shrunk, 0.0)}))
    yield name
    region.client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_endpoint_answers(region: RunningRegion, served: str) -> None:
    got = ask(region, served)
    assert got["Body"].read() == b'{"mean": 2.000}'
    assert got["ContentType"] == "application/json"
    assert got["InvokedProductionVariant"] == "all"


def test_a_variant_can_be_chosen(region: RunningRegion, served: str) -> None:
    got = ask(region, served, TargetVariant="none")
    assert (got["Body"].read(), got["InvokedProductionVariant"]) == (b'{"mean": 1.000}', "none")
    with pytest.raises(ClientError, match="Variant other not found for Request") as refused:
        ask(region, served, TargetVariant="other")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_weights_can_be_changed(region: RunningRegion, served: str) -> None:
    sagemaker = region.client("sagemaker")
    for weights, expected in (((0.0, 1.0), "none"), ((1.0, 0.0), "all")):
        wishes = [
            {"VariantName": name, "DesiredWeight": weight}
            for name, weight in zip(("all", "none"), weights, strict=True)
        ]
        sagemaker.update_endpoint_weights_and_capacities(EndpointName=served, DesiredWeightsAndCapacities=wishes)
        assert {ask(region, served)["InvokedProductionVariant"] for _ in range(5)} == {expected}
    described = sagemaker.describe_endpoint(EndpointName=served)["ProductionVariants"]
    assert [each["CurrentWeight"] for each in described] == [1.0, 0.0]


def test_a_response_can_be_streamed(region: RunningRegion, served: str) -> None:
    got = region.client("sagemaker-runtime").invoke_endpoint_with_response_stream(
        EndpointName=served, Body=b"1\n2\n", ContentType="text/csv"
    )
    assert b"".join(event["PayloadPart"]["Bytes"] for event in got["Body"]) == b'{"mean": 4.000}'
    assert got["InvokedProductionVariant"] == "all"


def test_an_error_is_a_model_error_with_our_message(region: RunningRegion, served: str) -> None:
    runtime = region.client("sagemaker-runtime")
    with pytest.raises(runtime.exceptions.ModelError) as refused:
        runtime.invoke_endpoint(EndpointName=served, Body=b"", ContentType="text/csv")
    response = refused.value.response
    assert response["OriginalStatusCode"] == 400
    assert response["OriginalMessage"] == "Body: expected lines, got none."
    assert response["Error"]["Message"].startswith(
        'Received client error (400) from primary with message "Body: expected lines, got none.".'
    )
    assert response["ResponseMetadata"]["HTTPStatusCode"] == 424
    with pytest.raises(runtime.exceptions.ModelError):
        runtime.invoke_endpoint_with_response_stream(EndpointName=served, Body=b"", ContentType="text/csv")


def test_an_unknown_endpoint_is_refused(region: RunningRegion) -> None:
    with pytest.raises(ClientError, match="Endpoint unknown of account 123456789012 not found") as refused:
        ask(region, "unknown")
    assert refused.value.response["Error"]["Code"] == "ValidationError"


def test_an_endpoint_is_described_and_has_a_log(region: RunningRegion, served: str) -> None:
    sagemaker, logs = region.client("sagemaker"), region.client("logs")
    described = sagemaker.describe_endpoint(EndpointName=served)
    assert [each["VariantName"] for each in described["ProductionVariants"]] == ["all", "none"]
    assert served in [each["EndpointName"] for each in sagemaker.list_endpoints(StatusEquals="InService")["Endpoints"]]
    found = logs.filter_log_events(logGroupName=f"/aws/sagemaker/Endpoints/{served}", filterPattern='"event":"ready"')
    assert {event["logStreamName"].partition("/")[0] for event in found["events"]} == {"all", "none"}


def test_an_endpoint_serves_during_an_update(region: RunningRegion) -> None:
    sagemaker = region.client("sagemaker")
    name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
    new = config(region, {"one": (model(region, trained(region, "0.5")), 1.0)})
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):
        sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=new)
    answers = []

    def updated() -> bool:
        answers.append(answer(region, name))
        return bool(sagemaker.describe_endpoint(EndpointName=name)["EndpointStatus"] == "InService")

    awaited(updated, "the update")
    assert set(answers) <= {b'{"mean": 2.000}', b'{"mean": 1.000}'}
    assert answer(region, name) == b'{"mean": 1.000}'
    assert sagemaker.describe_endpoint(EndpointName=name)["EndpointConfigName"] == new
    sagemaker.delete_endpoint(EndpointName=name)


def test_a_failed_update_keeps_the_old_model(region: RunningRegion) -> None:
    sagemaker = region.client("sagemaker")
    name = endpoint(region, config(region, {"one": (model(region, trained(region)), 1.0)}))
    broken = config(region, {"one": (model(region, broken_archive(region)), 1.0)})
    sagemaker.update_endpoint(EndpointName=name, EndpointConfigName=broken)
    described = settled(region, name)
    assert described["EndpointStatus"] == "InService"
    assert "did not pass the ping health check" in described["FailureReason"]
    assert described["EndpointConfigName"] != broken
    assert answer(region, name) == b'{"mean": 2.000}'
    sagemaker.delete_endpoint(EndpointName=name)


def archive_of(name: str, kind: bytes = tarfile.REGTYPE) -> bytes:
    content, member = io.BytesIO(), tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/hostname"
    with tarfile.open(fileobj=content, mode="w:gz") as tar:
        tar.addfile(member)
    return content.getvalue()


def broken_archive(region: RunningRegion) -> str:
    """An archive without a model."""
    region.client("s3").put_object(Bucket="data", Key="broken.tar.gz", Body=archive_of("readme"))
    return "s3://data/broken.tar.gz"


def test_an_endpoint_of_a_broken_model_fails_with_the_reason(region: RunningRegion) -> None:
    sagemaker = region.client("sagemaker")
    broken = config(region, {"one": (model(region, broken_archive(region)), 1.0)})
    sagemaker.create_endpoint(EndpointName="broken", EndpointConfigName=broken)
    described = settled(region, "broken")
    assert described["EndpointStatus"] == "Failed"
    assert described["FailureReason"].startswith(
        "The primary container for production variant one did not pass the ping health check. Please check CloudWatch "
        "logs for this endpoint. (it ended with exit code 1: forecastle: "
    )
    sagemaker.delete_endpoint(EndpointName="broken")
    assert not [folder for folder in (region.home / "endpoints").iterdir() if folder.name.startswith("broken.")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"text", "s3://data/refused.tar.gz: expected a complete .tar.gz"),
        (("../outside", tarfile.REGTYPE), "'../outside': expected a path inside the archive."),
        (("linked", tarfile.SYMTYPE), "'linked': expected only regular files, neither links nor devices."),
    ],
)
def test_an_archive_that_cannot_be_unpacked_safely_fails_the_endpoint(
    region: RunningRegion, content: bytes | tuple[str, bytes], sentence: str
) -> None:
    body = content if isinstance(content, bytes) else archive_of(*content)
    region.client("s3").put_object(Bucket="data", Key="refused.tar.gz", Body=body)
    sagemaker = region.client("sagemaker")
    name = config(region, {"one": (model(region, "s3://data/refused.tar.gz"), 1.0)})
    sagemaker.create_endpoint(EndpointName="refused", EndpointConfigName=name)
    described = settled(region, "refused")
    assert described["EndpointStatus"] == "Failed"
    assert sentence in described["FailureReason"]
    sagemaker.delete_endpoint(EndpointName="refused")


def test_models_of_a_multi_model_endpoint_are_loaded_on_demand(region: RunningRegion) -> None:
    s3 = region.client("s3")
    for name, shrinkage in (("plain.tar.gz", "0"), ("below/shrunk.tar.gz", "0.5")):
        source = trained(region, shrinkage).removeprefix("s3://data/")
        s3.copy_object(Bucket="data", Key=f"several/{name}", CopySource={"Bucket": "data", "Key": source})
    several = model(region, "s3://data/several/", Mode="MultiModel")
    name = endpoint(region, config(region, {"one": (several, 1.0)}))
    for _ in range(2):
        assert answer(region, name, TargetModel="plain.tar.gz") == b'{"mean": 2.000}'
        assert answer(region, name, TargetModel="below/shrunk.tar.gz") == b'{"mean": 1.000}'
    with pytest.raises(ClientError, match=r"bucket: data, key: several/no\.tar\.gz"):
        ask(region, name, TargetModel="no.tar.gz")
    region.client("sagemaker").delete_endpoint(EndpointName=name)


def test_an_asynchronous_result_is_an_object(region: RunningRegion) -> None:
    s3, runtime = region.client("s3"), region.client("sagemaker-runtime")
    output = {"OutputConfig": {"S3OutputPath": "s3://data/later", "S3FailurePath": "s3://data/failed"}}
    configuration = config(region, {"one": (model(region, trained(region)), 1.0)}, AsyncInferenceConfig=output)
    name = endpoint(region, configuration)
    for body, place, expected in (
        (b"1\n2\n3\n", "OutputLocation", b'{"mean": 6.000}'),
        (b"", "FailureLocation", b"Received client error (400)"),
    ):
        s3.put_object(Bucket="data", Key="request.csv", Body=body)
        location = runtime.invoke_endpoint_async(
            EndpointName=name, InputLocation="s3://data/request.csv", ContentType="text/csv"
        )[place].removeprefix("s3://data/")
        awaited(partial(s3_has, region, location), place)
        assert s3.get_object(Bucket="data", Key=location)["Body"].read().startswith(expected)
    region.client("sagemaker").delete_endpoint(EndpointName=name)


def s3_has(region: RunningRegion, key: str) -> bool:
    return "Contents" in region.client("s3").list_objects_v2(Bucket="data", Prefix=key)


def test_a_pipeline_passes_through_its_containers(region: RunningRegion) -> None:
    container = {"Image": "example.com/forecastle", "ModelDataUrl": trained(region)}
    region.client("sagemaker").create_model(
        ModelName="pipeline", ExecutionRoleArn="arn:aws:iam::123456789012:role/r", Containers=[container, container]
    )
    name = endpoint(region, config(region, {"one": ("pipeline", 1.0)}))
    with pytest.raises(ClientError, match=r"Received client error \(415\)"):
        ask(region, name)  # the second gets the first one's JSON, and this algorithm reads CSV alone
    region.client("sagemaker").delete_endpoint(EndpointName=name)


@pytest.mark.parametrize(
    ("call", "request_", "sentence"),
    [
        ("describe_endpoint", {"EndpointName": "n"}, 'Could not find endpoint "arn:aws:sagemaker:us-east-1:1234567890'),
        ("delete_endpoint", {"EndpointName": "n"}, 'Could not find endpoint "arn:aws:sagemaker:us-east-1:12345678901'),
        ("describe_model", {"ModelName": "n"}, 'Could not find model "arn:aws:sagemaker:us-east-1:123456789012:model'),
        ("describe_endpoint_config", {"EndpointConfigName": "n"}, 'Could not find endpoint configuration "arn:aws:sa'),
        (
            "create_endpoint",
            {"EndpointName": "n", "EndpointConfigName": "n"},
            'Could not find endpoint configuration "arn:aws:sagemaker:us-east-1:123456789012:endpoint-config/n".',
        ),
        (
            "create_model",
            {"ModelName": "n", "PrimaryContainer": {"Image": "forecastle", "ModelDataUrl": "s3://data/no.tar.gz"}},
            "Could not find model data at s3://data/no.tar.gz.",
        ),
    ],
)
def test_missing_objects_are_named(
    region: RunningRegion, call: str, request_: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ClientError) as refused:
        getattr(region.client("sagemaker"), call)(**request_)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert refused.value.response["Error"]["Message"].startswith(sentence)


def test_names_are_unique(region: RunningRegion, served: str) -> None:
    sagemaker = region.client("sagemaker")
    configuration = sagemaker.describe_endpoint(EndpointName=served)["EndpointConfigName"]
    described = sagemaker.describe_endpoint_config(EndpointConfigName=configuration)
    with pytest.raises(ClientError, match="Cannot create already existing endpoint "):
        sagemaker.create_endpoint(EndpointName=served, EndpointConfigName=configuration)
    with pytest.raises(ClientError, match="Cannot create already existing endpoint configuration "):
        sagemaker.create_endpoint_config(
            EndpointConfigName=configuration, ProductionVariants=described["ProductionVariants"]
        )
    name = described["ProductionVariants"][0]["ModelName"]
    primary = sagemaker.describe_model(ModelName=name)["PrimaryContainer"]
    with pytest.raises(ClientError, match="Cannot create already existing model "):
        sagemaker.create_model(ModelName=name, PrimaryContainer=primary)


def test_a_model_can_be_files_instead_of_an_archive(region: RunningRegion) -> None:
    s3 = region.client("s3")
    content = s3.get_object(Bucket="data", Key=trained(region).removeprefix("s3://data/"))["Body"].read()
    with tarfile.open(fileobj=io.BytesIO(content)) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            s3.put_object(Bucket="data", Key=f"files/{member.name}", Body=file.read())
    source = {"S3DataSource": {"S3Uri": "s3://data/files/", "S3DataType": "S3Prefix", "CompressionType": "None"}}
    sagemaker, name = region.client("sagemaker"), "of-files"
    sagemaker.create_model(ModelName=name, PrimaryContainer={"Image": IMAGE, "ModelDataSource": source})
    served = endpoint(region, config(region, {"one": (name, 1.0)}))
    assert answer(region, served) == b'{"mean": 2.000}'
    sagemaker.delete_endpoint(EndpointName=served)


def test_a_model_may_be_uploaded_as_files(region: RunningRegion) -> None:
    output = {"S3OutputPath": "s3://data/plain", "CompressionType": "NONE"}
    job = ended(region, create(region, OutputDataConfig=output))
    uri = job["ModelArtifacts"]["S3ModelArtifacts"]
    found = region.client("s3").list_objects_v2(Bucket="data", Prefix=uri.removeprefix("s3://data/"))["Contents"]
    assert uri.endswith("/output/model/")
    assert f"{uri}manifest.json" in [f"s3://data/{each['Key']}" for each in found]
