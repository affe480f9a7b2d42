"""Jobs of Random Cut Forest, from the files of /opt/ml to the model, the log, the metrics and the failure file."""

import gzip
import io
import json
import os
import re
import signal
import threading
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms import find
from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import InvalidData, InvalidJob, Stopped, UserError
from forecastle.contract.opt_ml import OptMl
from forecastle.contract.settings import EnvironmentSettings
from forecastle.formats.recordio_writer import write_dense, write_sparse
from forecastle.training.job import train, train_files
from tests.training.tree import REPOSITORY, run_train, start_train, without_times, write_job

GOLDEN = Path(__file__).parent / "golden"
TAXI = REPOSITORY / "algorithms" / "random_cut_forest" / "example" / "input"
GIVEN = {"feature_dim": "2", "num_trees": "50", "num_samples_per_tree": "20", "seed": "7"}
ROWS = np.random.default_rng(3).normal(size=(1200, 2)).round(3)
CSV = "".join(f"{a},{b}\n" for a, b in ROWS.tolist())


def model_of(tree: OptMl) -> Mapping[str, NDArray[np.generic]]:
    """The arrays of the model that the job trains."""
    train({"SAGEMAKER_BASE_DIR": str(tree.base)}, io.StringIO())
    assert not tree.failure.exists()
    return read_artifact(tree.model).arrays


def same(one: Mapping[str, NDArray[np.generic]], other: Mapping[str, NDArray[np.generic]]) -> bool:
    return one.keys() == other.keys() and all(np.array_equal(one[name], other[name]) for name in one)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, NDArray[np.generic]]:
    """The model of the simplest job: one CSV file, no ContentType."""
    return model_of(write_job(tmp_path_factory.mktemp("plain"), GIVEN, {"train/data.csv": CSV}))


def normalised(log: str) -> str:
    log = re.sub(r"(Available memory in bytes: )\d+", r"\1N", without_times(log))
    return re.sub(r"(train throughput=)[\d.]+(?:e[+-]?\d+)?", r"\1N", log)


@pytest.mark.parametrize("test", [False, True])
def test_the_log_is_the_golden_one(tmp_path: Path, test: bool) -> None:
    data = {"train/taxi.csv": (TAXI / "data" / "train" / "taxi.csv").read_bytes()}
    if test:
        data["test/taxi.csv"] = (TAXI / "data" / "test" / "taxi.csv").read_bytes()
    hyperparameters = json.loads((TAXI / "config" / "hyperparameters.json").read_text())
    config = json.loads((TAXI / "config" / "inputdataconfig.json").read_text())
    write_job(tmp_path / "ml", hyperparameters, data, inputdataconfig={name: config[name] for name in config if test})
    done = run_train(OptMl(Path("ml")), cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    golden = GOLDEN / f"random_cut_forest{'_with_test' if test else ''}.log"
    assert normalised(done.stdout) == golden.read_text()


@pytest.mark.parametrize(
    "data",
    [
        {"train/data": CSV},
        {"train/a/b/data.csv": CSV, "train/_SUCCESS": "", "train/part.manifest": "[", "train/.crc": "x"},
        {"train/data.csv.gz": gzip.compress(CSV.encode())},
        {"train/data.csv": CSV.rstrip("\n")},
        {"train/data.csv": CSV.replace("\n", "\r\n")},
        {"train/data.csv": "\ufeff" + CSV},
        {"train/1.csv": CSV[: CSV.index("\n", 6000) + 1], "train/2.csv": CSV[CSV.index("\n", 6000) + 1 :]},
        {
            "train/matrix_0.pbr": write_dense(ROWS[:700]),
            "train/matrix_1.pbr": write_dense(ROWS[700:]),
            "train/.amazon.manifest": json.dumps([{"prefix": "s3://bucket/"}, "matrix_0.pbr", "matrix_1.pbr"]),
        },
    ],
    ids=["no suffix", "folders", "gzip", "no last newline", "CRLF", "BOM", "two files", "record_set"],
)
def test_the_same_rows_give_the_same_model_in_any_files(
    tmp_path: Path, plain: Mapping[str, NDArray[np.generic]], data: dict[str, str | bytes]
) -> None:
    assert same(model_of(write_job(tmp_path, GIVEN, data)), plain)


def test_sparse_records_give_the_same_model_as_the_same_rows_in_full(
    tmp_path: Path, plain: Mapping[str, NDArray[np.generic]]
) -> None:
    keys, ends = np.tile([0, 1], len(ROWS)), np.arange(1, len(ROWS) + 1) * 2
    sparse = write_sparse(ROWS.ravel(), keys, ends, width=2)
    assert same(model_of(write_job(tmp_path, GIVEN, {"train/matrix_0.pbr": sparse})), plain)


@pytest.mark.parametrize(
    "content_type", ["text/csv", "text/csv;label_size=0", "text/csv; charset=utf-8", "csv", "csv;label_size=0"]
)
def test_a_content_type_of_csv_is_read(
    tmp_path: Path, plain: Mapping[str, NDArray[np.generic]], content_type: str
) -> None:
    config = {"train": {"ContentType": content_type, "TrainingInputMode": "FastFile"}}
    assert same(model_of(write_job(tmp_path, GIVEN, {"train/data": CSV}, inputdataconfig=config)), plain)


def test_hyperparameters_may_be_json_in_json_and_those_of_the_sdk_are_ignored(
    tmp_path: Path, plain: Mapping[str, NDArray[np.generic]]
) -> None:
    given = {name: json.dumps(value) for name, value in GIVEN.items()}
    given |= {
        "eval_metrics": json.dumps(json.dumps(["accuracy"])),
        "mini_batch_size": "1000",
        "force_dense": "true",
        "epochs": "1",
        "_ftp_port": "8999",
        "_tuning_objective_metric": "test:f1",
        "_num_gpus": "auto",
        "_log_level": "info",
        "_kvstore": "dist_async",
        "_num_kv_servers": "auto",
        "sagemaker_region": "eu-west-1",
    }
    assert same(model_of(write_job(tmp_path, given, {"train/data.csv": CSV})), plain)


@pytest.mark.parametrize(
    "content", [CSV.encode(), gzip.compress(CSV.encode()), write_dense(ROWS)], ids=["CSV", "gzip", "pbr"]
)
def test_a_pipe_is_read_to_its_end_once(
    tmp_path: Path, plain: Mapping[str, NDArray[np.generic]], content: bytes
) -> None:
    config = {"train": {"TrainingInputMode": "Pipe", "RecordWrapperType": "None"}}
    tree = write_job(tmp_path, GIVEN, {}, inputdataconfig=config)
    os.mkfifo(tree.data / "train_0")
    os.mkfifo(tree.data / "train_1")  # of the next epoch, which is never read
    writer = threading.Thread(target=(tree.data / "train_0").write_bytes, args=[content])
    writer.start()
    assert same(model_of(tree), plain)
    writer.join()


def test_a_job_without_a_tree_finds_out_the_width(tmp_path: Path, plain: Mapping[str, NDArray[np.generic]]) -> None:
    (tmp_path / "rows.csv").write_text(CSV)
    given = {name: value for name, value in GIVEN.items() if name != "feature_dim"}
    train_files("random_cut_forest", tmp_path / "rows.csv", tmp_path / "out", given, io.StringIO(), {})
    assert same(read_artifact(tmp_path / "out").arrays, plain)


def test_the_test_channels_metrics_are_in_the_manifest_the_file_and_the_log(tmp_path: Path) -> None:
    labelled = "".join(f"0,{line}\n" for line in CSV.splitlines()) + "1,50,50\n"
    tree = write_job(tmp_path, GIVEN, {"train/a": CSV, "test/a": labelled})
    stream = io.StringIO()
    train({"SAGEMAKER_BASE_DIR": str(tmp_path)}, stream)
    metrics = read_artifact(tree.model).metrics
    assert metrics.keys() == {"test:accuracy", "test:precision", "test:recall", "test:f1"}
    assert metrics["test:recall"] == 1.0
    assert json.loads((tree.output_data / "metrics.json").read_text()) == metrics
    assert f"#quality_metric: host=algo-1, test f1 <score>={metrics['test:f1']}\n" in stream.getvalue()


def test_obvious_anomalies_are_found_however_many_there_are(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    ordinary, far = random.normal(size=(32, 2)), random.normal(size=(8, 2)) + 12 * np.array([1, -1])
    labelled = "".join(f"0,{a},{b}\n" for a, b in ordinary) + "".join(f"1,{a},{b}\n" for a, b in far)
    tree = write_job(tmp_path, GIVEN | {"num_samples_per_tree": "100"}, {"train/a": CSV, "test/a": labelled})
    train({"SAGEMAKER_BASE_DIR": str(tmp_path)}, io.StringIO())
    artifact = read_artifact(tree.model)
    assert artifact.metrics["test:recall"] == 1.0
    assert artifact.metrics["test:f1"] > 0.9
    assert RandomCutForest.load(tree.model).offset_ == -artifact.parameters["threshold"]
    outliers = RandomCutForest.load(tree.model).predict(np.concatenate([ordinary, far])) == -1
    assert outliers[32:].all()


def test_the_threshold_is_that_of_the_training_rows_as_they_came(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).choice([27.1, 27.3], (1200, 1))
    given = {"feature_dim": "1", "num_trees": "50", "num_samples_per_tree": "24", "seed": "7"}
    labelled = np.concatenate([np.zeros((100, 1)), rows[:100]], axis=1)
    files: dict[str, tuple[str | bytes, str | bytes]] = {
        "text": ("\n".join(map(str, rows[:, 0].tolist())), "\n".join(f"0,{row}" for row in rows[:100, 0].tolist())),
        "float32": (write_dense(rows.astype(np.float32)), write_dense(rows[:100].astype(np.float32), labelled[:, 0])),
    }
    thresholds = {}
    for kind, (data, test) in files.items():
        tree = write_job(tmp_path / kind, given, {"train/a": data, "test/a": test})
        train({"SAGEMAKER_BASE_DIR": str(tree.base)}, io.StringIO())
        artifact = read_artifact(tree.model)
        thresholds[kind] = artifact.parameters["threshold"]
        assert artifact.metrics["test:accuracy"] == 1.0
    # As text, 27.1 and its like equal no stored point: they score higher, and are ordinary nevertheless.
    assert thresholds["text"] > 1.2 * thresholds["float32"]


@pytest.mark.usefixtures("tiny_algorithm")
def test_a_model_keeps_the_last_rows_as_they_came_for_its_page(tmp_path: Path) -> None:
    rows = [f"{row},{row}.25\n" for row in range(4000)]
    tree = write_job(tmp_path, GIVEN, {"train/1.csv": "".join(rows[:3000]), "train/2.csv": "".join(rows[3000:])})
    train({"SAGEMAKER_BASE_DIR": str(tree.base)}, io.StringIO())
    model = find("random_cut_forest").load(read_artifact(tree.model), EnvironmentSettings())
    assert model.page_request().body.decode() == "".join(rows[-2500:])
    assert model.facts()["training rows"] == 4000


def test_of_several_algorithms_feature_dim_selects_this_one(
    tmp_path: Path, plain: Mapping[str, NDArray[np.generic]]
) -> None:
    assert same(model_of(write_job(tmp_path, GIVEN, {"train/data.csv": CSV})), plain)


@pytest.mark.parametrize(
    ("changed", "data", "sentence"),
    [
        ({}, {}, r"Channel train is required: \S+/input/data/train must contain rows of numbers: .*\."),
        ({}, {"train/_SUCCESS": ""}, r"Channel train: there is no data file in \S+\."),
        ({}, {"train/a": ""}, r"train/a: .*"),
        ({}, {"train/a": "\n\n"}, r"train/a: .*"),
        ({}, {"train/a": "value,other\n" + CSV}, r"train/a: row 1, column 1: expected a number, got 'value'.*"),
        ({}, {"train/a": CSV + "1,abc\n"}, r"train/a: row 1201, column 2: expected a number, got 'abc'.*"),
        ({}, {"train/a": CSV + "1\n"}, r"train/a: row 1201: expected 2 .*"),
        ({}, {"train/a": CSV + "1,2,3\n"}, r"train/a: row 1201.*expected 2 .*"),
        ({}, {"train/a": CSV + "1,nan\n"}, r"train/a: row 1201, column 2: .*"),
        ({}, {"train/a": CSV + "inf,1\n"}, r"train/a: row 1201, column 1: .*"),
        ({}, {"train/a": CSV + "1,1e400\n"}, r"train/a: row 1201, column 2: .*"),
        (
            {},
            {"train/a": CSV, "train/b": "1,2,3\n"},
            r"Hyperparameter feature_dim .* 3 in train/b \(with label_size=1 .*\)\. Got 2\.",
        ),
        ({}, {"train/a": gzip.compress(CSV.encode())[:-9]}, r"train/a: the gzip stream is damaged \(.*\)\."),
        ({}, {"train/a": write_dense(ROWS)[:-5]}, r"train/a: .*"),
        ({}, {"train/a": write_dense(ROWS) + b"\x0a\x23\xd7\xce\xff\xff\xff\xff"}, r"train/a: .*"),
        ({}, {"train/a": b"\x0a\x23\xd7\xce\x00"}, r"train/a: .*"),
        ({}, {"train/a": b"PAR1\x00\x00"}, r"train/a: .*Parquet.*"),
        ({}, {"train/a": '{"features": [1, 2]}\n'}, r"train/a: .*JSON.*"),
        ({}, {"train/a": CSV.encode("utf-16")}, r"train/a: .*"),
        ({}, {"train/a": CSV[: CSV.index("\n", 100) + 1]}, r".* 50 trees, got 8\."),
        ({"feature_dim": "3"}, {"train/a": CSV}, r"Hyperparameter feature_dim must be .* 2 in train/a\. Got 3\."),
        ({"feature_dim": "0"}, {"train/a": CSV}, r"Hyperparameter feature_dim must be an integer in \[1, 10000\].*"),
        (
            {"num_trees": "20"},
            {"train/a": CSV},
            r"Hyperparameter num_trees must be an integer in \[50, 1000\]\. Got '20'\.",
        ),
        ({"num_tree": "50"}, {"train/a": CSV}, r"Hyperparameter num_tree is unknown: did you mean num_trees\?"),
        ({"eval_metrics": '["auc"]'}, {"train/a": CSV}, r"Hyperparameter eval_metrics must be a list, each one of .*"),
    ],
)
def test_a_user_error_is_reported_with_its_place_and_leaves_no_model(
    tmp_path: Path, changed: dict[str, str], data: dict[str, str | bytes], sentence: str
) -> None:
    tree = write_job(tmp_path, GIVEN | changed, data)
    with pytest.raises(UserError) as caught:
        train({"SAGEMAKER_BASE_DIR": str(tmp_path)}, io.StringIO())
    assert re.fullmatch(sentence, caught.value.sentence), caught.value.sentence
    assert tree.failure.read_text() == caught.value.sentence + "\n"
    assert len(caught.value.sentence) < 1024
    assert not tree.model.exists() or not list(tree.model.iterdir())


@pytest.mark.parametrize(
    ("content_type", "data", "sentence"),
    [
        (
            "application/json",
            CSV,
            r".*expected one of text/csv, application/x-recordio-protobuf, got application/json\.",
        ),
        ("text/csv;charset=utf-16", CSV, r".*Content-Type: expected charset=utf-8, got charset=utf-16\."),
        ("text/csv;label_size=2", CSV, r"train/a: Content-Type: expected label_size=0 or .*, got label_size=2\."),
        ("text/csv;label_size=1", CSV, r"Hyperparameter feature_dim must be .* 1 in train/a\. Got 2\."),
        ("application/x-recordio-protobuf", CSV, r"train/a: record 1, byte 0: .*"),
        ("text/csv", write_dense(ROWS), r"train/a: byte 0: expected text/csv, got application/x-recordio-protobuf\."),
    ],
)
def test_a_content_type_that_does_not_fit_the_data_is_reported(
    tmp_path: Path, content_type: str, data: str | bytes, sentence: str
) -> None:
    config = {"train": {"ContentType": content_type}}
    tree = write_job(tmp_path, GIVEN, {"train/a": data}, inputdataconfig=config)
    with pytest.raises(UserError) as caught:
        train({"SAGEMAKER_BASE_DIR": str(tmp_path)}, io.StringIO())
    assert re.fullmatch(sentence, caught.value.sentence), caught.value.sentence
    assert tree.failure.read_text() == caught.value.sentence + "\n"


@pytest.mark.parametrize(
    ("test", "sentence"),
    [
        (CSV, r"test/a: expected a label, 0 or 1, before the 2 columns, got no label\."),
        ("0,1,2\n2,1,2\n", r"test/a: row 2: expected a label of 0 or 1, got 2\."),
        ("0,1,2\n0.5,1,2\n", r"test/a: row 2: expected a label of 0 or 1, got 0\.5\."),
    ],
)
def test_a_test_channel_without_right_labels_leaves_the_model(tmp_path: Path, test: str, sentence: str) -> None:
    tree = write_job(tmp_path, GIVEN, {"train/a": CSV, "test/a": test})
    with pytest.raises((InvalidData, InvalidJob)) as caught:
        train({"SAGEMAKER_BASE_DIR": str(tmp_path)}, io.StringIO())
    assert re.fullmatch(sentence, caught.value.sentence), caught.value.sentence
    assert read_artifact(tree.model).metrics == {}


def test_rows_that_are_all_equal_train(tmp_path: Path) -> None:
    assert model_of(write_job(tmp_path, GIVEN, {"train/a": "1,2\n" * 100}))


def test_a_job_whose_pipe_has_no_writer_can_be_stopped(tmp_path: Path) -> None:
    tree = write_job(tmp_path, GIVEN, {}, inputdataconfig={"train": {"TrainingInputMode": "Pipe"}})
    os.mkfifo(tree.data / "train_0")
    with start_train(tree) as process:
        assert process.stdout is not None
        while "Validating that feature_dim" not in process.stdout.readline():
            pass
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == Stopped.exit_code
    assert errors == "forecastle: train: stopped by SIGTERM before all of it was read.\n"
    assert tree.failure.read_text() == "train: stopped by SIGTERM before all of it was read.\n"


def test_a_stopped_job_leaves_no_model_and_ends_with_143(tmp_path: Path) -> None:
    config = {"train": {"TrainingInputMode": "Pipe"}}
    tree = write_job(tmp_path, GIVEN, {}, inputdataconfig=config)
    fifo = tree.data / "train_0"
    os.mkfifo(fifo)
    with start_train(tree) as process, fifo.open("wb") as rows:
        rows.write(CSV.encode() * 100)
        rows.flush()
        process.send_signal(signal.SIGTERM)
        try:
            while process.poll() is None:
                rows.write(CSV.encode() * 100)
        except BrokenPipeError:
            pass
        _, errors = process.communicate(timeout=60)
    assert process.returncode == Stopped.exit_code
    assert re.fullmatch(r"forecastle: .*stopped by SIGTERM.*\n", errors)
    assert not tree.model.exists() or not list(tree.model.iterdir())
