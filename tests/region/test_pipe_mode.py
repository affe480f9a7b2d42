"""Pipe mode: compressed objects, RecordIO-protobuf and objects wrapped as RecordIO."""

import gzip
import io
import os
import struct
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from forecastle.formats.recordio_writer import write_dense
from tests.region.jobs import channel, create, ended
from tests.region.running_region import ROOT, RunningRegion

MAGIC = struct.pack("<I", 0xCED7230A)
FOREST = "382416733822.dkr.ecr.us-east-1.amazonaws.com/randomcutforest:1"
ROWS = np.random.default_rng(1).normal(size=(200, 2)).round(3)
COPIES_ITS_PIPE = """
import os, sys
if "train" in sys.argv:
    base = os.environ["SAGEMAKER_BASE_DIR"]
    with open(base + "/input/data/train_0", "rb") as pipe, open(base + "/output/data/read", "wb") as file:
        file.write(pipe.read())
    os._exit(0)
"""


def csv(rows: Any) -> bytes:
    return b"".join(b"%g,%g\n" % tuple(row) for row in rows)


def put(region: RunningRegion, prefix: str, *bodies: bytes) -> str:
    """The URI below which the bodies are objects, in their order."""
    for number, body in enumerate(bodies):
        region.client("s3").put_object(Bucket="data", Key=f"{prefix}/{number}", Body=body)
    return f"s3://data/{prefix}/"


def members(region: RunningRegion, name: str, archive: str) -> dict[str, bytes]:
    """The files in an archive of a job's output."""
    answer = region.client("s3").get_object(Bucket="data", Key=f"out/{name}/output/{archive}")
    with tarfile.open(fileobj=io.BytesIO(answer["Body"].read())) as tar:
        files = ((member.name, tar.extractfile(member)) for member in tar.getmembers())
        return {name: file.read() for name, file in files if file is not None}


def forest(region: RunningRegion, uri: str, mode: str, content_type: str, **more: Any) -> dict[str, bytes]:
    """The arrays of the model that a Random Cut Forest job trains on a channel."""
    hyperparameters = {"feature_dim": "2", "num_trees": "50", "num_samples_per_tree": "8", "seed": "1"}
    name = create(
        region,
        channel(uri, spread="ShardedByS3Key", ContentType=content_type, **more),
        image=FOREST,
        mode=mode,
        HyperParameters=hyperparameters,
    )
    job = ended(region, name)
    assert job["TrainingJobStatus"] == "Completed", job
    return {name: body for name, body in members(region, name, "model.tar.gz").items() if name != "manifest.json"}


def test_every_form_of_the_same_rows_trains_the_same_forest(region: RunningRegion) -> None:
    halves = (ROWS[:100], ROWS[100:])
    expected = forest(region, put(region, "pipes/csv", *map(csv, halves)), "File", "text/csv;label_size=0")
    packed = put(region, "pipes/gzip", *[gzip.compress(csv(half)) for half in halves])
    assert forest(region, packed, "Pipe", "text/csv;label_size=0", CompressionType="Gzip") == expected
    protobuf = put(region, "pipes/protobuf", *[write_dense(half) for half in halves])
    assert forest(region, protobuf, "Pipe", "application/x-recordio-protobuf", RecordWrapperType="None") == expected


def copied(region: RunningRegion, folder: Path, uri: str, **more: Any) -> bytes:
    """What a container reads from its pipe."""
    (folder / "sitecustomize.py").write_text(COPIES_ITS_PIPE)
    path = os.pathsep.join(map(str, (folder, ROOT)))
    name = create(region, channel(uri, **more), mode="Pipe", Environment={"PYTHONPATH": path})
    assert ended(region, name)["TrainingJobStatus"] == "Completed"
    return members(region, name, "output.tar.gz")["read"]


@pytest.mark.parametrize("compression", ["None", "Gzip"])
def test_each_object_is_wrapped_as_one_record(region: RunningRegion, tmp_path: Path, compression: str) -> None:
    bodies = (b"1,2\n3,4\n", b"5,6,7\n")
    stored = [gzip.compress(body) if compression == "Gzip" else body for body in bodies]
    uri = put(region, f"pipes/wrapped-{compression}", *stored)
    read = copied(region, tmp_path, uri, RecordWrapperType="RecordIO", CompressionType=compression)
    assert read == MAGIC + struct.pack("<I", 8) + bodies[0] + MAGIC + struct.pack("<I", 6) + bodies[1] + b"\0\0"


def test_our_own_algorithms_refuse_wrapped_objects(region: RunningRegion) -> None:
    uri = put(region, "pipes/refused", b"1\n")
    job = ended(region, create(region, channel(uri, RecordWrapperType="RecordIO"), mode="Pipe"))
    assert job["FailureReason"].startswith("ClientError: ")
    assert 'train.RecordWrapperType: expected "None", got "RecordIO"' in job["FailureReason"]


def test_an_object_that_is_not_gzip_fails_the_job_with_its_name(region: RunningRegion) -> None:
    uri = put(region, "pipes/plain", gzip.compress(b"1\n"), b"2\n")
    job = ended(region, create(region, channel(uri, CompressionType="Gzip"), mode="Pipe"))
    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"] == (
        "ClientError: Data download failed: s3://data/pipes/plain/1: Not a gzipped file (b'2\\n')."
    )
