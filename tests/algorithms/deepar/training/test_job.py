"""A training job of DeepAR, through the driver: its log, its end, and what it leaves."""

import io
import json
import os
import re
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.log import Mean
from forecastle.contract.artifact import read_artifact
from forecastle.contract.errors import InvalidData, InvalidJob, Stopped
from forecastle.contract.opt_ml import OptMl
from forecastle.training.job import train
from tests.algorithms.deepar.waves import json_lines, needs_mxnet, waves
from tests.training.tree import run_train, start_train, without_times, write_job

GOLDEN = Path(__file__).parents[1] / "golden"
ELECTRICITY = Path(__file__).parents[5] / "shared" / "data" / "ld2011_mt200_hourly.csv"

SMALL = {
    "context_length": "8",
    "prediction_length": "4",
    "epochs": "3",
    "time_freq": "D",
    "num_cells": "6",
    "mini_batch_size": "16",
    "learning_rate": "0.01",
    "seed": "5",
}
DEEPAR = {"FORECASTLE_ALGORITHM": "deepar"}


def log_of(tree: OptMl, **environ: str) -> str:
    stream = io.StringIO()
    train({"SAGEMAKER_BASE_DIR": str(tree.base)} | DEEPAR | environ, stream)
    return stream.getvalue()


def network_of(tree: OptMl) -> Network:
    artifact = read_artifact(tree.model)
    return Network.from_artifact(artifact.parameters, artifact.arrays)


def epochs_in(log: str) -> list[int]:
    return [int(epoch) for epoch in re.findall(r"epoch=(\d+), train loss", log)]


def masked(log: str) -> str:
    """The log without what hangs on the machine: times, and the last digits of losses."""
    log = without_times(log)
    for pattern in (
        r"avg_epoch_loss=\d+\.\d{6}$",
        r"<loss>=\d+\.\d+$",
        r"Speed: \d+\.\d\d samples/sec",
        r"#011loss=\d+\.\d{6}$",
        r"throughput=\d+\.\d+ ",
        r"<model> = \d+ mb",
        r"Final loss: \d+\.\d+ ",
    ):
        log = re.sub(pattern, lambda match: re.sub(r"\d+(\.\d+)?(?= |$)", "N", match[0]), log, flags=re.M)
    return log


def test_the_log_is_sagemakers(tmp_path: Path) -> None:
    series = waves(14, 60, cat=True, dynamic=True)
    series[2].target[5] = np.nan
    data = {"train/train.json": json_lines(series), "test/test.json": json_lines(series[:2])}
    given = SMALL | {"early_stopping_patience": "3", "epochs": "2"}
    write_job(tmp_path / "ml", given, data)
    done = run_train(OptMl(Path("ml")), cwd=tmp_path, **DEEPAR)
    assert done.stderr == ""
    log = masked(done.stdout)
    end = "train final_loss <loss>=N\n"
    assert log[: log.index(end) + len(end)] == (GOLDEN / "training.log").read_text()


def test_a_batch_s_loss_is_the_mean_since_the_report_before_it_and_batches_count_alike(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL | {"mini_batch_size": "7", "epochs": "4"}, {"train/a.json": json_lines(waves())})
    log = log_of(tree)
    for epoch in re.split(r"processed a total of .*", log)[:-1]:
        running = {int(batch): float(loss) for batch, loss in re.findall(r"Batch\[(\d+)\] avg_epoch_loss=(.*)", epoch)}
        logged = {int(batch): float(loss) for batch, loss in re.findall(r"batch=(\d+) train loss <loss>=(.*)", epoch)}
        speed = {int(batch): float(loss) for batch, loss in re.findall(r"Batch \[(\d+)\]#011.*#011loss=(.*)", epoch)}
        assert running.keys() == logged.keys() == speed.keys() | {0}
        assert speed == pytest.approx({batch: logged[batch] for batch in speed}, abs=1e-6)
        assert [running[0], running[5]] == pytest.approx([logged[0], logged[5]], abs=1e-6)
        for batch in sorted(running)[2:]:
            before = (batch - 4) * running[batch - 5]
            assert (before + 5 * logged[batch]) / (batch + 1) == pytest.approx(running[batch], abs=1e-5)
    # The numbers of SageMaker's own: 9.098472 is the mean of six batches' 9.164863 and five batches' 9.018803, though
    # the last batch had 26 windows and the others 64.
    mean = Mean()
    for losses in (np.array([1.0, 3.0]), np.array([7.0]), np.array([np.nan])):
        mean.add(losses.astype(np.float32))
    assert mean.value == 4.5


def test_a_test_channel_without_a_value_to_forecast_is_refused_before_the_training(tmp_path: Path) -> None:
    series = waves(3, 60)
    for each in series:
        each.target[-4:] = np.nan
    data = {"train/a.json": json_lines(waves()), "test/b.json": json_lines(series)}
    with pytest.raises(InvalidData) as refused:
        log_of(write_job(tmp_path, SMALL, data))
    assert refused.value.sentence == (
        "Channel test: expected a series that ends with 4 values, not all of them missing, got none."
    )
    assert not (tmp_path / "model" / "manifest.json").exists()


def test_an_early_end_is_logged_as_sagemaker_does(tmp_path: Path) -> None:
    given = SMALL | {"epochs": "40", "early_stopping_patience": "3", "learning_rate": "0.5"}
    log = masked(log_of(write_job(tmp_path, given, {"train/a.json": json_lines(waves())})))
    done = [int(epoch) for epoch in re.findall(r"epoch=(\d+), train loss", log)]
    assert done[-1] < 39
    assert log[log.rindex("[INFO] loss did not improve") :].startswith(
        "[INFO] loss did not improve\n"
        f"[INFO] Loading parameters from best epoch ({done[-1] - 3})\n"
        "[INFO] stopping training now\n"
        "[INFO] #progress_metric: host=algo-1, completed 100 % of epochs\n"
        f"[INFO] Final loss: N (occurred at epoch {done[-1] - 3})\n"
        "[INFO] #quality_metric: host=algo-1, train final_loss <loss>=N\n"
    )


def test_a_seed_that_nobody_gave_is_kept_with_the_model(tmp_path: Path) -> None:
    given = {name: value for name, value in SMALL.items() if name != "seed"} | {"epochs": "1"}
    first = write_job(tmp_path / "first", given, {"train/a.json": json_lines(waves())})
    log_of(first)
    manifest = json.loads((first.model / "manifest.json").read_text())
    assert manifest["hyperparameters"]["seed"] is None
    seed = manifest["parameters"]["seed"]
    again = write_job(tmp_path / "again", given | {"seed": str(seed)}, {"train/a.json": json_lines(waves())})
    assert f"'seed': '{seed}'" in log_of(again)
    repeated = network_of(again).arrays()
    assert all(np.array_equal(array, repeated[name]) for name, array in network_of(first).arrays().items())


def test_a_training_set_of_zeros_trains_with_a_warning(tmp_path: Path) -> None:
    records = [{"start": "2024-01-01", "target": [0] * 59 + [None]}] * 6
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    tree = write_job(tmp_path, SMALL | {"epochs": "1"}, {"train/a.json": data})
    log = log_of(tree)
    warning = "Channel train: every value that is not missing is 0, so the model will forecast hardly anything else."
    assert [line.partition("] ")[2] for line in log.splitlines() if " WARNING " in line] == [warning]
    start, zeros = np.datetime64("2024-01-01T00:00:00", "s"), np.zeros(20, np.float32)
    (forecasts,) = forecast(network_of(tree), [Series(start, zeros)], num_samples=50, quantiles=[0.1, 0.9], seed=0)
    assert np.abs(forecasts.quantiles).max() < 1e-3


@pytest.mark.parametrize(
    ("categories", "cardinality", "warned"),
    [
        ([1, 2, 1], "auto", "cat[0] has 2 of the categories from 0 to 2; 0, for example, is in no record."),
        ([0, 1, 4], "auto", "cat[0] has 3 of the categories from 0 to 4; 2, for example, is in no record."),
        ([0, 1, 2], "auto", None),
        ([0, 1, 4], "[6]", None),
    ],
)
def test_categories_with_gaps_train_with_a_warning(
    tmp_path: Path, categories: list[int], cardinality: str, warned: str | None
) -> None:
    records = [{"start": "2024-01-01", "target": [*range(110)], "cat": [category]} for category in categories]
    data = b"".join(json.dumps(record).encode() + b"\n" for record in records)
    log = log_of(write_job(tmp_path, SMALL | {"epochs": "1", "cardinality": cardinality}, {"train/a.json": data}))
    warnings = [line.partition("] ")[2] for line in log.splitlines() if " WARNING " in line]
    assert len(warnings) == (warned is not None)
    assert all(warning.startswith(f"Channel train: {warned}") for warning in warnings)


CAT = {"cat": [0]}


@pytest.mark.parametrize(
    ("train_has", "test_has", "given", "sentence"),
    [
        (
            CAT,
            {},
            {},
            'expected "cat", a category, as in the train channel (train/a.json, line 1), which is missing: give',
        ),
        (
            {},
            CAT,
            {},
            'expected no "cat", as in the train channel (train/a.json, line 1), got a list: give "cat" to all',
        ),
        (
            CAT,
            {"cat": [0, 0]},
            {"cardinality": "[2]"},
            "cat: expected a category, as in the train channel (train/a.json, line 1), got 2.",
        ),
        (
            {},
            {"dynamic_feat": [[1.0] * 60]},
            {},
            'expected no "dynamic_feat", as in the train channel (train/a.json, line 1), got a list: give',
        ),
        ({}, CAT, {"cardinality": "ignore"}, None),
        (CAT, {}, {"cardinality": ""}, None),
    ],
)
def test_the_test_channel_must_have_the_fields_of_the_train_channel(
    tmp_path: Path, train_has: dict[str, Any], test_has: dict[str, Any], given: dict[str, str], sentence: str | None
) -> None:
    def records(members: dict[str, Any]) -> bytes:
        target = [float(step % 7) for step in range(60)]
        return json.dumps({"start": "2024-01-01", "target": target} | members).encode() + b"\n"

    data = {"train/a.json": records(train_has) * 6, "test/b.json": records(test_has)}
    tree = write_job(tmp_path, SMALL | {"epochs": "1"} | given, data)
    if sentence is None:
        assert "#test_score" in log_of(tree)
        return
    with pytest.raises(InvalidData) as caught:
        log_of(tree)
    assert caught.value.sentence.startswith(f"test/b.json, line 1: {sentence}")
    assert not (tree.model / "manifest.json").exists()


def test_the_log_says_what_is_not_in_the_data(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL | {"epochs": "1"}, {"train/a/b.json": json_lines(waves())})
    log = log_of(tree)
    file = tree.data / "train" / "a" / "b.json"
    assert (
        f"[cardinality=auto] `cat` field was NOT found in the file `{file}` and will NOT be used for training." in log
    )
    assert (
        f"[num_dynamic_feat=auto] `dynamic_feat` field was NOT found in the file `{file}` and will NOT be used for "
        "training." in log
    )
    assert "Inferred value" not in log
    assert "early stopping" not in log
    assert "best epoch" not in log
    assert "Final loss: " in log


def test_with_many_series_there_is_one_pass(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL | {"epochs": "1", "mini_batch_size": "2"}, {"train/a.json": json_lines(waves(20))})
    assert "Small number of time series" not in log_of(tree)


@pytest.mark.parametrize(
    ("given", "cardinality", "dynamic"),
    [
        ({}, (2,), 1),
        ({"cardinality": "ignore", "num_dynamic_feat": ""}, (), 0),
        ({"cardinality": "", "num_dynamic_feat": "1"}, (), 1),
        ({"cardinality": "[5]", "num_dynamic_feat": "ignore"}, (5,), 0),
    ],
)
def test_the_optional_fields_are_used_as_asked_for(
    tmp_path: Path, given: dict[str, str], cardinality: tuple[int, ...], dynamic: int
) -> None:
    data = {"train/a.json": json_lines(waves(cat=True, dynamic=True))}
    tree = write_job(tmp_path, SMALL | {"epochs": "1"} | given, data)
    log = log_of(tree)
    network = network_of(tree)
    assert (network.cardinality, network.num_dynamic_feat) == (cardinality, dynamic)
    assert ("[cardinality=auto] Inferred value of cardinality=[2] from dataset." in log) == (not given)
    assert ("[num_dynamic_feat=auto]" in log) == (not given)


def test_the_final_loss_is_in_the_metrics(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL | {"epochs": "2"}, {"train/a.json": json_lines(waves())})
    logged = re.findall(r"train final_loss <loss>=(.*)", log_of(tree))
    assert json.loads((tree.output_data / "metrics.json").read_text())["train:final_loss"] == float(logged[0])


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_model_knows_how_it_was_trained_and_an_example_that_it_answers(tmp_path: Path) -> None:
    series = waves(14, 60, cat=True, dynamic=True)
    data = {"train/train.json": json_lines(series), "test/test.json": json_lines(series[:2])}
    tree = write_job(tmp_path, SMALL, data)
    log_of(tree)
    model = DeepARModel.from_artifact(read_artifact(tree.model))
    shown = model.page_data()
    assert len(shown["losses"]) == 3
    assert shown["best_epoch"] in range(3)
    assert model.facts() == {"training series": 14, "training observations": 14 * 60}
    example = json.loads(model.page_request().body)["instances"]
    assert [len(one["target"]) for one in example] == [56, 56]
    assert [[*one["target"], *actual] for one, actual in zip(example, shown["actual"], strict=True)] == [
        pytest.approx(one.target.tolist(), rel=1e-3) for one in series[:2]
    ]
    request = model.decode(model.page_request())
    (prediction,) = model.predict([request], threads=1)
    assert len(prediction.forecasts) == 2


def test_a_terminal_has_a_bar_with_epoch_and_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    tree = write_job(tmp_path, SMALL | {"epochs": "2"}, {"train/a.json": json_lines(waves())})
    terminal = Terminal()
    train({"SAGEMAKER_BASE_DIR": str(tree.base)} | DEEPAR, terminal)
    assert re.search(r"━+╌*  *\d+%.*  epoch [12] of 2, loss \d+\.\d{4}", terminal.getvalue())


def test_fewer_than_300_observations_are_refused(tmp_path: Path) -> None:
    series = waves(5, 60)
    series[0].target[7] = np.nan
    tree = write_job(tmp_path, SMALL, {"train/a.json": json_lines(series)})
    with pytest.raises(InvalidData, match=r"^Channel train: expected at least 300 observations in all, got 299\.$"):
        log_of(tree)


def test_a_fault_in_the_test_channel_is_found_before_the_training(tmp_path: Path) -> None:
    data = {"train/a.json": json_lines(waves(cat=True)), "test/b.json": json_lines(waves(1))}
    tree = write_job(tmp_path, SMALL, data)
    with pytest.raises(
        InvalidData, match=r'^test/b\.json, line 1: expected "cat", a category, as in the train channel \(train'
    ):
        log_of(tree)


def test_our_own_engine_trains_unless_a_setting_names_another(tmp_path: Path) -> None:
    unnamed, ours = (weights_by(engine, tmp_path) for engine in ("", "native"))
    assert all(np.array_equal(weight, ours[name]) for name, weight in unnamed.items())


@pytest.mark.parametrize(
    ("given", "differs"), [({}, True), ({"network": "gluonts"}, False), ({"network": "sagemaker"}, True)]
)
def test_a_job_trains_the_kind_of_network_that_is_asked_for(
    given: dict[str, str], differs: bool, tmp_path: Path
) -> None:
    tree = write_job(tmp_path, SMALL | {"epochs": "1"} | given, {"train/a.json": json_lines(waves())})
    log = log_of(tree)
    network = network_of(tree)
    assert (network.reset_while_padded, network.missing_is_mean) == (differs, differs)
    assert "network" not in next(line for line in log.splitlines() if "default configuration" in line)


def test_the_reference_refuses_sagemakers_network(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL | {"network": "sagemaker"}, {"train/a.json": json_lines(waves())})
    with pytest.raises(InvalidJob, match=r"^Hyperparameter network must be auto or gluonts with DEEPAR_ENGINE=mxnet\."):
        log_of(tree, DEEPAR_ENGINE="mxnet")


@needs_mxnet
def test_the_reference_trains_where_the_setting_names_it(tmp_path: Path) -> None:
    ours, theirs = (weights_by(engine, tmp_path) for engine in ("native", "mxnet"))
    assert ours.keys() == theirs.keys()
    # Each engine has its own way from a seed to the first weights.
    assert not np.array_equal(ours["layer0_input_weight"], theirs["layer0_input_weight"])


def weights_by(engine: str, folder: Path) -> dict[str, NDArray[Any]]:
    """What a job of one epoch learns where `DEEPAR_ENGINE` is `engine`."""
    tree = write_job(folder / f"by-{engine}", SMALL | {"epochs": "1"}, {"train/a.json": json_lines(waves())})
    log_of(tree, DEEPAR_ENGINE=engine)
    return network_of(tree).arrays()


def test_an_engine_that_does_not_exist_is_refused(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL, {"train/a.json": json_lines(waves())})
    with pytest.raises(InvalidJob, match=r"^Setting DEEPAR_ENGINE must be one of native, mxnet\. Got 'abacus'\.$"):
        log_of(tree, DEEPAR_ENGINE="abacus")


def test_a_job_killed_at_any_moment_goes_on_from_its_last_epoch(tmp_path: Path) -> None:
    given = {name: value for name, value in SMALL.items() if name != "seed"} | {"epochs": "40"}
    tree = write_job(tmp_path, given, {"train/a.json": json_lines(waves())})
    tree.checkpoints.mkdir()
    done = epochs_in(_killed(start_train(tree, **DEEPAR), "epoch=7, train loss"))
    assert not (tree.model / "manifest.json").exists()
    (tree.checkpoints / ".deepar.npz.abcdefgh").touch()
    last = run_train(tree, cwd=None, **DEEPAR)
    assert last.returncode == 0, last.stderr
    rest = epochs_in(last.stdout)
    # It may have been killed after its last checkpoint, and before it reported that.
    assert rest[0] in (done[-1] + 1, done[-1] + 2)
    assert rest == list(range(rest[0], 40))
    assert "completed 100.0 % of epochs" in last.stdout
    assert network_of(tree).cells == 6
    assert [path.name for path in tree.checkpoints.iterdir()] == ["deepar.npz"]


def test_a_checkpoint_that_cannot_be_written_is_reported_once_and_loses_nothing(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL, {"train/a.json": json_lines(waves())})
    (tree.checkpoints / "deepar.npz").mkdir(parents=True)
    log = log_of(tree)
    file = tree.checkpoints / "deepar.npz"
    sentence = f"{file}: cannot be written (Is a directory): training continues without a new checkpoint."
    assert log.count(sentence) == 1
    assert epochs_in(log) == [0, 1, 2]
    assert network_of(tree).cells == 6


def _killed(process: "subprocess.Popen[str]", after: str) -> str:
    """Kill a job once its log has `after`; its log."""
    lines = []
    with process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if after in line:
                break
        time.sleep(0.05)  # somewhere in the next epoch, wherever that is
        process.send_signal(signal.SIGKILL)
        lines += process.stdout.readlines()
    return "".join(line for line in lines if line.endswith("\n"))


def test_sigterm_gives_a_model_of_what_was_learned(tmp_path: Path) -> None:
    tree = write_job(tmp_path, SMALL | {"epochs": "100000"}, {"train/a.json": json_lines(waves())})
    with start_train(tree, **DEEPAR) as process:
        assert process.stdout is not None
        while "epoch=2, train loss" not in process.stdout.readline():
            pass
        process.terminate()
        rest = process.stdout.read()
        assert process.wait(30) == 0
    assert "Stopped by SIGTERM: the model is the one trained so far." in rest
    assert "Final loss: " in rest
    network = network_of(tree)
    (one,) = forecast(network, waves(1), num_samples=20, quantiles=(0.5,), seed=1)
    assert np.isfinite(one.mean).all()


def test_sigterm_before_anything_was_learned_leaves_no_model(tmp_path: Path) -> None:
    from forecastle.algorithms.deepar.algorithm import ALGORITHM
    from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
    from forecastle.algorithms.interface import Job
    from forecastle.contract.channel import Channel
    from forecastle.training.job_log import StreamLog

    tree = write_job(tmp_path, SMALL, {"train/a.json": json_lines(waves())})
    job = Job(
        DeepARHyperparameters.parse(SMALL),
        {"train": Channel("train", tree.data / "train")},
        StreamLog(io.StringIO(), "algo-1", {}),
        stopping=lambda: True,
        settings=ALGORITHM.settings.from_environ({}),
    )
    with pytest.raises(Stopped):
        ALGORITHM.fit(job)


def test_a_real_customers_load_is_learned(tmp_path: Path) -> None:
    if not ELECTRICITY.exists():
        pytest.skip(f"{ELECTRICITY} is absent")
    hourly = np.loadtxt(ELECTRICITY, delimiter=",", skiprows=1, usecols=2)[: 24 * 250]
    load = hourly.reshape(-1, 2).mean(axis=1).astype(np.float32)  # every two hours
    start, day = np.datetime64("2011-01-01", "s"), 12
    given = SMALL | {
        "time_freq": "2H",
        "context_length": "36",
        "prediction_length": "12",
        "num_cells": "16",
        "epochs": "15",
        "mini_batch_size": "32",
    }
    parts = [Series(start, load[:-day])]
    tree = write_job(tmp_path, given, {"train/load.json": json_lines(parts)})
    losses = [float(loss) for loss in re.findall(r"epoch=\d+, train loss <loss>=(.*)", log_of(tree))]
    assert losses[-1] < losses[0] - 0.5
    (one,) = forecast(network_of(tree), parts, num_samples=200, quantiles=(0.5,), seed=1)
    error = np.abs(one.quantiles[0] - load[-day:]).mean()
    assert error < 0.5 * np.abs(load[-day:] - load[:-day].mean()).mean()


def test_a_test_channel_in_pipe_mode_is_read_once_and_before_the_training(tmp_path: Path) -> None:
    data, test = {"train/a.json": json_lines(waves())}, json_lines(waves(3)).encode()
    filed = log_of(write_job(tmp_path / "file", SMALL | {"epochs": "1"}, data | {"test/a.json": test}))
    config = {"train": {}, "test": {"TrainingInputMode": "Pipe"}}
    tree = write_job(tmp_path / "pipe", SMALL | {"epochs": "1"}, data, inputdataconfig=config)
    os.mkfifo(tree.data / "test_0")
    writer = threading.Thread(target=(tree.data / "test_0").write_bytes, args=(test,))  # a second reader would wait
    writer.start()
    piped = log_of(tree)
    writer.join()
    assert "Test set statistics:" in piped[: piped.index("Number of GPUs being used")]
    scores = [re.findall(r"#test_score.*|number of time series: .*", log) for log in (filed, piped)]
    assert scores[0] == scores[1]
    assert len(scores[0]) > 3
