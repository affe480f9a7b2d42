"""The client for forecasts: as in the notebook, for one series and many, wherever the model is."""

import doctest
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from forecastle import DeepAR, DeepARPredictor, PredictorError
from forecastle.algorithms.deepar import predictor as module
from tests.serving.running_server import RunningServer

START, STEPS, LENGTH = "2024-01-01 00:00:00", 6, 200
SMALL: dict[str, Any] = {"epochs": 1, "num_cells": 8, "mini_batch_size": 16, "seed": 5}
LIMIT = 20_000  # bytes of a body


def waves(count: int) -> NDArray[np.float64]:
    """(count, LENGTH), some values missing."""
    values = 10.0 * (1 + np.arange(count))[:, np.newaxis] * (1.5 + np.sin(np.arange(LENGTH) * np.pi / 6))
    values[:, 17:20] = np.nan
    return values


def frame(count: int) -> pd.DataFrame:
    times = pd.date_range(START, periods=LENGTH, freq="2h")
    return pd.DataFrame(waves(count).T, times, columns=[f"MT_{number:03}" for number in range(count)])


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    return frame(3)


@pytest.fixture(scope="module")
def fitted(wide: pd.DataFrame) -> DeepAR:
    return DeepAR("2h", STEPS, **SMALL).fit(wide)


@pytest.fixture(scope="module")
def folder(fitted: DeepAR, tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("ml")
    fitted.save(base / "model")
    return base / "model"


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with RunningServer(folder.parent, {"MAX_CONTENT_LENGTH": str(LIMIT)}) as running:
        running.await_ready()
        yield running


@pytest.fixture(scope="module")
def predictor(server: RunningServer) -> DeepARPredictor:
    return DeepARPredictor(server.url)


def test_the_example_of_its_docstring_runs() -> None:
    results = doctest.testmod(module)
    assert results.attempted > 4
    assert results.failed == 0


def test_it_answers_as_the_notebook_s_predictor(predictor: DeepARPredictor, wide: pd.DataFrame) -> None:
    ts = wide["MT_001"]
    following = pd.date_range(ts.index[-1], periods=STEPS + 1, freq="2h")[1:]
    forecast = predictor.predict(ts=ts, quantiles=[0.10, 0.5, 0.90])
    pd.testing.assert_index_equal(forecast.index, following.astype(ts.index.dtype))
    assert forecast.index.freq == ts.index.freq
    assert list(forecast.columns) == ["0.1", "0.5", "0.9"]
    assert list(predictor.predict(ts).columns) == ["0.1", "0.5", "0.9"]
    low = 0.5 - 80 * 0.005  # 0.09999999999999998: the notebook looks a column up by this text
    sampled = predictor.predict(ts, None, None, 7, True, [low, 0.5])
    assert list(sampled.columns) == [str(low), "0.5", *(f"sample_{number}" for number in range(7))]
    assert sampled.notna().to_numpy().all()


def test_all_targets_give_the_estimator_s_forecasts(
    server: RunningServer, folder: Path, fitted: DeepAR, wide: pd.DataFrame, tmp_path: Path
) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(folder, ".")
    runtime = boto3.client(
        "sagemaker-runtime",
        endpoint_url=server.url,
        region_name="eu-west-1",
        aws_access_key_id="any",
        aws_secret_access_key="thing",
    )
    wanted = fitted.predict(wide, seed=3)[["0.1", "0.5", "0.9"]]
    for target, session in (
        (fitted, None),
        (folder, None),
        (str(folder), None),
        (tmp_path / "model.tar.gz", None),
        (server.url, None),
        (f"{server.url}/invocations", None),
        ("electricity", runtime),
    ):
        forecast = DeepARPredictor(target, session).predict(wide, seed=3)
        pd.testing.assert_frame_equal(forecast, wanted, rtol=1e-7, check_freq=False)


def test_many_series_in_every_form(predictor: DeepARPredictor, wide: pd.DataFrame) -> None:
    wanted = predictor.predict(wide, seed=1)
    long = wide.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
    by_freq = DeepARPredictor(predictor._endpoint.url, freq="2h")  # type: ignore[attr-defined]
    for name, (asked, data) in {
        "a dict of Series": (predictor, dict(wide.items())),
        "periods": (predictor, wide.to_period("2h")),
        "a list of Series": (predictor, [wide[name] for name in wide]),
        "a long frame": (predictor, long),
        "pairs": (by_freq, {name: (START, wide[name].tolist()) for name in wide}),
        "records": (by_freq, [{"start": START, "target": wide[name].tolist()} for name in wide]),
        "gaps": (by_freq, {name: wide[name].dropna() for name in wide}),
    }.items():
        forecast = asked.predict(data, seed=1)
        numbers = forecast[wanted.columns].to_numpy()
        np.testing.assert_array_equal(numbers, wanted.to_numpy(), err_msg=name)
    assert list(predictor.predict(long, seed=1)["unique_id"].unique()) == list(wide.columns)
    by_freq.set_frequency("1h")
    assert by_freq.predict((START, [1.0, 2.0])).index[0] == pd.Timestamp("2024-01-01 02:00")


def test_what_is_too_large_is_sent_in_pieces(server: RunningServer, fitted: DeepAR) -> None:
    many = frame(40)
    predictor = DeepARPredictor(server.url)
    before = len(server.lines("request"))
    forecast = predictor.predict(many, num_samples=10, seed=4)
    statuses = [line["status"] for line in server.lines("request")[before:]]
    assert statuses.count(413) > 1
    assert statuses.count(200) > 4
    whole = fitted.predict(many, num_samples=10, seed=4)
    pd.testing.assert_index_equal(forecast.index, whole.index)
    first = [f"MT_{number:03}" for number in range(4)]  # the paths depend on the position in the request
    pd.testing.assert_frame_equal(forecast.loc[first], whole.loc[first, list(forecast.columns)], rtol=1e-7)
    levels = forecast["0.5"].groupby("unique_id").mean().to_numpy()
    np.testing.assert_allclose(levels, whole["0.5"].groupby("unique_id").mean().to_numpy(), rtol=0.5)
    with pytest.raises(PredictorError, match=r"expected at most 20,?000 bytes") as refused:
        predictor.predict(pd.Series(np.ones(LIMIT), pd.date_range(START, periods=LIMIT, freq="2h")))
    assert refused.value.status == 413


def test_categories_and_features_are_sent(tmp_path: Path) -> None:
    times = pd.date_range(START, periods=LENGTH + STEPS + 9, freq="2h")
    price = pd.DataFrame({"price": np.arange(len(times)) % 7 / 7.0}, index=times)
    data, cat = frame(2), [0, 1]
    model = DeepAR("2h", STEPS, **SMALL).fit(data, cat=cat, dynamic_feat=price)
    model.save(tmp_path / "model")
    wanted = model.predict(data, cat=cat, dynamic_feat=price, seed=2)["0.5"].to_numpy()
    one = price["price"].tolist()[: LENGTH + STEPS]
    with RunningServer(tmp_path, {}) as running:
        running.await_ready()
        remote = DeepARPredictor(running.url, prediction_length=STEPS)
        for predictor in (remote, DeepARPredictor(model)):
            assert predictor.predict(data, cat, price, seed=2)["0.5"].tolist() == pytest.approx(wanted)
            notebook = predictor.predict(data["MT_000"], cat=0, dynamic_feat=[one], seed=2)
            assert notebook["0.5"].tolist() == pytest.approx(wanted[:STEPS])
            rows = predictor.predict(data, cat=[[0], [1]], dynamic_feat=[[one], [one]], seed=2)
            assert rows["0.5"].tolist() == pytest.approx(wanted)
            long = pd.concat(
                pd.DataFrame({"unique_id": name, "ds": times[: LENGTH + STEPS], "kind": kind, "price": one}).assign(
                    y=[*data[name], *[np.nan] * STEPS]
                )
                for name, kind in zip(data, cat, strict=True)
            )
            got = predictor.predict(long, "kind", ["price"], seed=2)
            assert got["0.5"].tolist() == pytest.approx(wanted)
        without_length = DeepARPredictor(running.url).predict(long, ["kind"], ["price"], seed=2)
        assert without_length["0.5"].tolist() == pytest.approx(wanted)
        with pytest.raises(
            PredictorError, match=r'^ts\["MT_001"\]\.cat\[0\]: expected a category seen in training, .* 5'
        ):
            remote.predict(data, cat=[0, 5], dynamic_feat=price)
        with pytest.raises(PredictorError, match=r"^ts\.dynamic_feat\[0\]: expected 206 values .*, got 3\.$"):
            remote.predict(data["MT_000"], cat=0, dynamic_feat=[[1, 2, 3]])


HOUR = pd.date_range(START, periods=3, freq="h")


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"ts": pd.Series([1.0, np.inf, 2.0], HOUR)}, r"^ts\[1\]: expected a finite number, or NaN if it is missing"),
        ({"ts": {"a": pd.Series([1.0, "x", 2.0], HOUR)}}, r'^ts\["a"\]\[1\]: expected a number, or NaN .* got "x"'),
        ({"ts": (START, [1.0, 2.0])}, r"^freq: expected the time between two values, which the series do not show"),
        ({"ts": pd.Series([1.0, 2.0], HOUR[[0, 2]])}, r"^freq: expected the time between two values"),
        ({"ts": []}, r"^freq: expected"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_place(
    predictor: DeepARPredictor, asked: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        predictor.predict(**asked)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"quantiles": [1.5]}, r"configuration\.quantiles\[0\]: expected a number between 0 and 1"),
        ({"num_samples": 0}, r"configuration\.num_samples: expected a whole number from 1 to"),
        ({"cat": 1}, r"^ts\.cat: expected none, as the model was trained without categories"),
    ],
)
def test_what_the_model_refuses_is_an_error_of_the_predictor(
    predictor: DeepARPredictor, fitted: DeepAR, wide: pd.DataFrame, asked: dict[str, Any], sentence: str
) -> None:
    for each in (predictor, DeepARPredictor(fitted)):
        with pytest.raises(PredictorError, match=sentence) as refused:
            each.predict(wide["MT_000"], **asked)
        assert refused.value.status == 400


def test_a_model_of_another_kind_is_refused(folder: Path, tmp_path: Path) -> None:
    from forecastle import RandomCutForest, RandomCutForestPredictor

    RandomCutForest(num_trees=50).fit(waves(3)[:, 20:].T).save(tmp_path / "forest")
    with pytest.raises(PredictorError, match=r"forest: algorithm: expected a model of deepar, got one of 'random_cut"):
        DeepARPredictor(tmp_path / "forest")
    with pytest.raises(PredictorError, match=r"expected a model of random_cut_forest, got one of 'deepar'"):
        RandomCutForestPredictor(folder)
    with pytest.raises(ValueError, match=r"^target: expected a fitted DeepAR, got DeepAR that is not fitted\.$"):
        DeepARPredictor(DeepAR("D", 7))
    (tmp_path / "empty").mkdir()
    with pytest.raises(PredictorError, match="empty"):
        DeepARPredictor(tmp_path / "empty")


# A client's machine has numpy, perhaps pandas, and nothing else that a server needs.
BARE = """
import importlib.abc, sys

ALLOWED = {"forecastle", "numpy", "pandas", "dateutil", "pytz", "six", "tzdata"} - set(sys.argv[2:])
STANDARD = sys.stdlib_module_names

class Bare(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in ALLOWED and top not in STANDARD and not top.startswith("_"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Bare())
from forecastle import DeepARPredictor, PredictorError
predictor = DeepARPredictor(sys.argv[1], freq="2h")
forecast = predictor.predict({"a": ("2024-01-01", [1.0, 2.0, float("nan")]), "b": ("2024-01-01", [3.0])}, seed=1)
print(type(forecast).__name__, len(forecast["0.5"]))
try:
    predictor.predict(("2024-01-01", [1.0]), cat=3)
except PredictorError as error:
    print(error.status)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"numba", "pydantic", "fastapi", "orjson", "pyarrow"}))
"""


@pytest.mark.parametrize(("hidden", "kind"), [([], "DataFrame 12"), (["pandas"], "dict 2")])
def test_a_client_needs_numpy_alone(server: RunningServer, hidden: list[str], kind: str) -> None:
    command = [sys.executable, "-c", BARE, server.url, *hidden]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == [kind, "400", "[]"], done.stderr


def test_its_picture_is_the_notebook_s(predictor: DeepARPredictor, wide: pd.DataFrame) -> None:
    figure = predictor.plot(
        wide, forecast_date="2024-01-15 10:00", show_samples=True, confidence=90, plot_history=24, seed=1
    )
    assert [axes.get_title(loc="left") for axes in figure.axes] == list(wide.columns)
    first = figure.axes[0]
    assert {"90 %", "observed", "median", "actual"} <= set(first.get_legend_handles_labels()[1])
    observed = next(line for line in first.get_lines() if line.get_label() == "observed")
    np.testing.assert_array_equal(observed.get_ydata(), wide["MT_000"][:"2024-01-15 10:00"][-24:])
    truth = next(line for line in first.get_lines() if line.get_label() == "actual")
    np.testing.assert_array_equal(truth.get_ydata(), wide["MT_000"]["2024-01-15 12:00":][:STEPS])
    ahead = predictor.plot(wide["MT_000"])
    assert "actual" not in ahead.axes[0].get_legend_handles_labels()[1]
    for asked, sentence in (
        (
            {"forecast_date": "2034-01-01"},
            r"^forecast_date: expected a time of ts, 2024-01-01T00:00:00 to 2024-01-17T14",
        ),
        ({"forecast_date": "soon"}, r"^forecast_date: expected a timestamp such as"),
        ({"confidence": 100}, r"^confidence: expected a percentage between 0 and 100, got 100\.$"),
        ({"plot_history": 0}, r"^plot_history: expected at least 1 step, got 0\.$"),
    ):
        with pytest.raises(ValueError, match=sentence):
            predictor.plot(wide["MT_000"], **asked)
    with pytest.raises(ValueError, match=r"^ts: expected at most 10 series to draw, got 40: choose some\.$"):
        predictor.plot(frame(40))


def test_features_are_drawn_below(wide: pd.DataFrame) -> None:
    times = pd.date_range(START, periods=LENGTH + STEPS, freq="2h")
    special = pd.DataFrame({"special": np.arange(len(times)) % 11 == 0, "x": 1.0}, index=times).astype(float)
    model = DeepAR("2h", STEPS, **SMALL).fit(wide, dynamic_feat=special)
    for features in (special, [special["special"].tolist(), special["x"].tolist()]):
        figure = model.plot(wide["MT_000"], dynamic_feat=features, forecast_date=times[150])
        assert [axes.get_ylabel() for axes in figure.axes] == ["Value", "Feature 0", "Feature 1"]
        (drawn,) = figure.axes[1].get_lines()
        np.testing.assert_array_equal(drawn.get_ydata(), special["special"][151 - 84 : 151 + STEPS])


def test_without_matplotlib_there_is_one_sentence(folder: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None; from forecastle import DeepARPredictor; "
        f"DeepARPredictor({str(folder)!r}).plot(('2024-01-01', [1.0, 2.0]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == (
        "ImportError: Charts are drawn with matplotlib, which is not installed: pip install matplotlib."
    )
