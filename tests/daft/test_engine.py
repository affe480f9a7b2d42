"""`forecastle transform --engine daft`: tables in, a folder of Parquet out, with its columns kept."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow
import pytest
from pyarrow import csv, parquet

from tests.region.running_region import RunningRegion
from tests.serving.running_server import TINY_ALGORITHM, write_model

pytest.importorskip("daft", reason="Daft is not installed; `make test-daft` runs these tests in an environment with it")

COMMAND = str(Path(sys.executable).parent / "forecastle")
TABLE = pyarrow.table({"x": [*range(1000)], "y": [row / 4 for row in range(1000)]})
SUMS = [row * 1.25 for row in range(1000)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A model that answers a row with its sum."""
    return str(write_model(tmp_path_factory.mktemp("engine")) / "model")


def transform(model: str, *arguments: str, **environ: str) -> "subprocess.CompletedProcess[str]":
    more = {"FORECASTLE_ALGORITHMS": str(TINY_ALGORITHM / "algorithms"), **environ}
    command = [COMMAND, "transform", "--model", model, "--engine", "daft", "--concurrency", "1", *arguments]
    return subprocess.run(command, env=os.environ | more, capture_output=True, text=True, timeout=300)


def answers(folder: Path) -> list[tuple[object, ...]]:
    """The rows in a folder of Parquet, sorted."""
    return sorted(tuple(row.values()) for row in parquet.read_table(folder).to_pylist())


def test_parquet_keeps_its_columns_and_a_second_run_replaces_the_first(model: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for part in range(4):
        parquet.write_table(TABLE.slice(part * 250, 250), tmp_path / "in" / f"{part}.parquet")
    for _ in range(2):
        done = transform(model, "--data", str(tmp_path / "in"), "--out", str(tmp_path / "out"))
        assert done.returncode == 0, done.stderr
        assert f"1,000 rows in {tmp_path / 'out'}\n" in done.stderr
        expected = [(x, y, total) for (x, y), total in zip(zip(*TABLE.to_pydict().values()), SUMS)]
        assert answers(tmp_path / "out") == expected


def test_csv_and_json_lines_are_read_also_of_a_local_region(model: str, tmp_path: Path) -> None:
    text = tmp_path / "rows.csv"
    csv.write_csv(TABLE, text, csv.WriteOptions(include_header=False))
    lines = "".join(json.dumps(row) + "\n" for row in TABLE.to_pylist())
    with RunningRegion(tmp_path / "home", "--bucket", "data") as region:
        region.client("s3").upload_file(str(text), "data", "in/rows.csv")
        region.client("s3").put_object(Bucket="data", Key="lines/rows.jsonl", Body=lines.encode())
        environ = {"AWS_ENDPOINT_URL": region.address, "AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "thing"}
        for data in ("s3://data/in/", "s3://data/lines/*.jsonl"):
            done = transform(model, "--data", data, "--out", "s3://data/out", **environ)
            assert done.returncode == 0, done.stderr
            found = region.client("s3").list_objects_v2(Bucket="data", Prefix="out/")["Contents"]
            (key,) = (each["Key"] for each in found if each["Key"].endswith(".parquet"))
            region.client("s3").download_file("data", key, str(tmp_path / "answers.parquet"))
            assert sorted(parquet.read_table(tmp_path / "answers.parquet")["answer"].to_pylist()) == SUMS


def test_what_cannot_be_done_is_a_sentence(model: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1\nabc\n")
    (tmp_path / "out").mkdir()
    data = ("--data", str(tmp_path / "rows.csv"), "--out", str(tmp_path / "out"))
    refused = transform(model, *data)
    assert refused.returncode == 1
    assert "expected a number, got 'abc'" in refused.stderr
    (tmp_path / "out" / "notes.txt").write_text("mine")
    assert "has files other than Parquet, such as notes.txt." in transform(model, *data).stderr
    assert "--join and --output-filter" in transform(model, *data, "--join").stderr
    assert "reads names that end in" in transform(model, "--data", __file__, "--out", str(tmp_path / "new")).stderr
