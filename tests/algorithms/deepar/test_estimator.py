"""DeepAR as an estimator: data of many forms in, forecasts on the right times out; the job's and the server's bytes."""

import doctest
import inspect
import json
import os
import pickle
import subprocess
import sys
import tarfile
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from forecastle import DeepAR, DeepARPredictor
from forecastle.algorithms.deepar import estimator
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.contract.artifact import read_artifact, write_artifact
from forecastle.contract.errors import InvalidData
from tests.serving.running_server import RunningServer

SAGEMAKERS = Path(__file__).parents[4] / "shared" / "artifacts" / "deepar_daily"
HOURS, STEPS = 200, 6
START = "2024-01-01 00:00:00"
SMALL: dict[str, Any] = {"epochs": 1, "num_cells": 8, "mini_batch_size": 16, "seed": 5}


def waves(count: int, length: int = HOURS) -> NDArray[np.float64]:
    """(count, length): a daily rhythm at several levels, some values missing."""
    rng = np.random.default_rng(count)
    levels = 10.0 * (1 + np.arange(count))[:, np.newaxis]
    values = levels * (1.5 + np.sin(np.arange(length) * 2 * np.pi / 24)) + rng.normal(size=(count, length))
    values[:, 17:20] = np.nan
    return values


def small(**more: Any) -> DeepAR:
    return DeepAR("h", STEPS, **{**SMALL, **more})


@pytest.fixture(scope="module")
def wide() -> pd.DataFrame:
    times = pd.date_range(START, periods=HOURS, freq="h")
    return pd.DataFrame(waves(3).T, index=times, columns=["MT_001", "MT_002", "MT_003"])


@pytest.fixture(scope="module")
def fitted(wide: pd.DataFrame) -> DeepAR:
    return small().fit(wide)


def test_the_example_of_its_docstring_runs() -> None:
    results = doctest.testmod(estimator)
    assert results.attempted > 5
    assert results.failed == 0


def test_it_has_every_hyperparameter_with_sagemaker_s_default() -> None:
    parameters = inspect.signature(DeepAR).parameters
    assert {"time_freq" if name == "freq" else name for name in parameters} == DeepARHyperparameters.known().keys() | {
        "threads"
    }
    model = DeepAR("D", 7)
    given = {"time_freq": "D", "prediction_length": 7, "context_length": 7, "epochs": 100}
    assert model.fit(waves(3), start=START).get_params() == model.get_params()
    assert model._given == DeepARHyperparameters.parse(given)


def test_parameters_are_set_cloned_shown_and_pickled(fitted: DeepAR, wide: pd.DataFrame) -> None:
    again = clone(fitted).set_params(num_cells=4)
    assert again.get_params() == {**fitted.get_params(), "num_cells": 4}
    assert repr(DeepAR("h", 6)) == "DeepAR(freq='h', prediction_length=6)"
    with pytest.raises(NotFittedError):
        again.predict(wide)
    copied = pickle.loads(pickle.dumps(fitted))
    pd.testing.assert_frame_equal(copied.predict(seed=1), fitted.predict(seed=1))


def test_all_forms_of_the_same_data_give_the_same_model_and_forecasts(fitted: DeepAR, wide: pd.DataFrame) -> None:
    long = wide.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
    forms: dict[str, tuple[Any, dict[str, Any]]] = {
        "a dict of Series": (dict(wide.items()), {}),
        "periods": (wide.to_period("h"), {}),
        "a dict of pairs": ({name: (START, column.tolist()) for name, column in wide.items()}, {}),
        "pairs with a datetime": ([(datetime(2024, 1, 1), column) for column in wide.to_numpy().T], {}),
        "records": ([{"start": START, "target": column.to_numpy()} for _, column in wide.items()], {}),
        "arrays": (list(wide.to_numpy().T), {"start": START}),
        "a matrix": (wide.to_numpy().T, {"start": np.datetime64(START)}),
        "a long frame, unsorted": (long.iloc[::-1], {}),
        "gaps for missing values": ({name: column.dropna() for name, column in wide.items()}, {}),
        "None for missing values": ([wide[name].astype(object).where(wide[name].notna(), None) for name in wide], {}),
        "pandas' own missing values": (wide.astype("Float64"), {}),
    }
    wanted = fitted.predict(seed=1)
    assert wanted.index.names == ["unique_id", "ds"]
    assert list(wanted.columns) == ["mean", "0.1", "0.5", "0.9"]
    for name, (data, more) in forms.items():
        model = small().fit(data, **more)
        got = model.predict(seed=1)
        numbers, expected = got[wanted.columns].to_numpy(), wanted.to_numpy()
        if name == "a long frame, unsorted":  # its series come in another order
            numbers, expected = got.sort_values("unique_id")[wanted.columns].to_numpy(), None
            assert list(got.columns) == ["unique_id", "ds", *wanted.columns]
            assert numbers.shape == wanted.shape
        else:
            np.testing.assert_array_equal(numbers, expected, err_msg=name)
            np.testing.assert_array_equal(
                fitted.predict(data, seed=1, **more)[wanted.columns].to_numpy(), expected, err_msg=name
            )


def test_one_series_is_forecast_on_the_index_that_follows(fitted: DeepAR, wide: pd.DataFrame) -> None:
    following = pd.date_range(wide.index[-1], periods=STEPS + 1, freq="h")[1:]
    forecast = fitted.predict(wide["MT_002"], seed=1)
    pd.testing.assert_index_equal(forecast.index, following.astype(wide.index.dtype), exact="equiv")
    assert forecast.index.freqstr == "h"
    periods = fitted.predict(wide["MT_002"].to_period("h"), seed=1)
    pd.testing.assert_index_equal(periods.index, following.to_period("h"))
    np.testing.assert_array_equal(periods.to_numpy(), forecast.to_numpy())
    assert list(fitted.predict((START, wide["MT_002"].to_numpy())).index) == list(following)
    ahead = fitted.predict(wide["MT_002"].rename_axis("time"))
    assert ahead.index.name == "time"


@pytest.mark.parametrize(
    ("freq", "index", "following"),
    [
        ("ME", ("2020-01-31", "ME"), ["2033-05-31", "2033-06-30", "2033-07-31"]),
        ("M", ("2020-01-01", "MS"), ["2033-05-01", "2033-06-01", "2033-07-01"]),
        ("QE", ("1900-03-31", "QE"), ["1940-03-31", "1940-06-30", "1940-09-30"]),
        ("W-SUN", ("2020-01-05", "W-SUN"), ["2023-01-29", "2023-02-05", "2023-02-12"]),
        ("W", ("2020-01-06", "W-MON"), ["2023-01-30", "2023-02-06", "2023-02-13"]),
        ("2h", ("2020-01-01", "2h"), ["2020-01-14 08:00", "2020-01-14 10:00", "2020-01-14 12:00"]),
        ("15min", ("2020-01-01", "15min"), ["2020-01-02 16:00", "2020-01-02 16:15", "2020-01-02 16:30"]),
        (pd.offsets.Day(), ("2020-01-01 09:00", "D"), ["2020-06-09 09:00", "2020-06-10 09:00", "2020-06-11 09:00"]),
    ],
)
def test_pandas_frequencies_are_understood_and_kept(freq: Any, index: tuple[str, str], following: list[str]) -> None:
    start, spelling = index
    times = pd.date_range(start, periods=160, freq=spelling)
    data = {name: pd.Series(values, times) for name, values in zip("ab", np.abs(waves(2, 160)))}
    model = DeepAR(freq, 3, **SMALL).fit(data)
    forecast = model.predict(data["a"], seed=1)
    assert list(forecast.index) == list(pd.DatetimeIndex(following))
    assert forecast.index.freq is not None


def test_a_frequency_that_sagemaker_lacks_is_refused(wide: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r"The 'freq' parameter of DeepAR must be .* Got 'W-MON' instead\."):
        DeepAR("W-MON", 3).fit(wide)


def records(count: int = 4) -> list[dict[str, Any]]:
    """With a category and a dynamic feature each."""
    shift = np.arange(HOURS) % 7 / 7
    return [
        {"start": START, "target": values.tolist(), "cat": [number % 2], "dynamic_feat": [(shift + number).tolist()]}
        for number, values in enumerate(waves(count))
    ]


def test_the_same_seed_gives_the_same_bytes_as_a_training_job(tmp_path: Path) -> None:
    lines = "".join(json.dumps(record).replace("NaN", "null") + "\n" for record in records())
    (tmp_path / "train.json").write_text(lines)
    given = {"time_freq": "H", "context_length": STEPS, "prediction_length": STEPS, **SMALL}
    options = [part for name, value in given.items() for part in ("--set", f"{name}={value}")]
    command = ["train", "deepar", "--data", str(tmp_path / "train.json"), "--out", str(tmp_path / "job"), *options]
    subprocess.run([sys.executable, "-m", "forecastle", *command], check=True, stdout=subprocess.DEVNULL, env=environ())
    arrays = small(threads=1).fit(
        [np.array(record["target"]) for record in records()],
        cat=[record["cat"] for record in records()],
        dynamic_feat=[np.array(record["dynamic_feat"]) for record in records()],
        start=START,
    )
    arrays.save(tmp_path / "saved")
    assert files(tmp_path / "saved") == files(tmp_path / "job")
    small().fit(records()).save(tmp_path / "records")
    assert files(tmp_path / "records") == files(tmp_path / "job")
    DeepAR.load(tmp_path / "job").save(tmp_path / "again")
    assert files(tmp_path / "again") == files(tmp_path / "job")


def environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("FORECASTLE_", "SAGEMAKER_"))}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_saved_model_answers_as_its_server_does(fitted: DeepAR, wide: pd.DataFrame, tmp_path: Path) -> None:
    fitted.save(tmp_path / "model")
    loaded = DeepAR.load(tmp_path / "model")
    assert loaded.get_params()["freq"] == "H"
    assert loaded.get_params()["num_cells"] == SMALL["num_cells"]
    assert loaded.loss_ == fitted.loss_
    forecast = loaded.predict(wide, quantiles=["0.1", 0.75], num_samples=60, seed=11)
    pd.testing.assert_frame_equal(forecast, fitted.predict(wide, quantiles=["0.1", 0.75], num_samples=60, seed=11))
    instances = [{"start": START, "target": [None if np.isnan(v) else v for v in wide[name]]} for name in wide]
    asked = {"num_samples": 60, "output_types": ["mean", "quantiles"], "quantiles": ["0.1", "0.75"], "seed": 11}
    with RunningServer(tmp_path, {}) as server:
        server.await_ready()
        answer = httpx.post(
            f"http://{server.host}:{server.port}/invocations", json={"instances": instances, "configuration": asked}
        ).json()
    for name, each in zip(wide, answer["predictions"], strict=True):
        of_series = forecast.loc[name]
        assert each["mean"] == of_series["mean"].round(10).tolist()
        assert each["quantiles"] == {level: of_series[level].round(10).tolist() for level in ("0.1", "0.75")}


@pytest.mark.skipif(not SAGEMAKERS.is_dir(), reason=f"SageMaker's model is not at {SAGEMAKERS}")
def test_a_model_that_sagemaker_trained_is_loaded_from_its_folder_or_archive(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        archive.add(SAGEMAKERS, ".")
    models = [DeepAR.load(SAGEMAKERS), DeepAR.load(tmp_path / "model.tar.gz"), DeepAR.load(tmp_path)]
    days = pd.date_range("2024-01-01", periods=100, freq="D")
    series = pd.Series(100 + 10.0 * np.arange(100) % 7, days)
    wanted = models[0].predict(series, seed=1)
    assert models[0].get_params()["freq"] == "D"
    for model in models[1:]:
        pd.testing.assert_frame_equal(model.predict(series, seed=1), wanted)
    predictor = DeepARPredictor(tmp_path / "model.tar.gz")
    assert predictor.predict(series, seed=1)["0.5"].tolist() == pytest.approx(wanted["0.5"].tolist())


def test_a_loaded_model_has_no_series_of_its_own(fitted: DeepAR, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    with pytest.raises(ValueError, match="data: expected series, because a loaded model does not contain"):
        DeepAR.load(tmp_path).predict()
    artifact = read_artifact(tmp_path)
    write_artifact(tmp_path, replace(artifact, hyperparameters={"of_a_later_version": 1}))
    assert DeepAR.load(tmp_path).get_params()["context_length"] == STEPS
    write_artifact(tmp_path, replace(artifact, algorithm="random_cut_forest"))
    with pytest.raises(InvalidData, match="algorithm: expected a model of deepar, got one of 'random_cut_forest'"):
        DeepAR.load(tmp_path)
    with pytest.raises(InvalidData, match="there is no such folder"):
        DeepAR.load(tmp_path / "nothing")


def test_features_by_column_by_time_and_by_row_are_the_same() -> None:
    given = records(3)
    times = pd.date_range(START, periods=HOURS + STEPS, freq="h")
    ahead = np.arange(HOURS + STEPS) % 7 / 7
    future = [{**one, "dynamic_feat": [(ahead + number).tolist()]} for number, one in enumerate(given)]
    wanted = small().fit(given).predict(future, seed=2).to_numpy()
    names = ["x", "y", "z"]
    frames = {name: pd.DataFrame({"price": ahead + number}, index=times) for number, name in enumerate(names)}
    wide = pd.DataFrame({name: one["target"] for name, one in zip(names, given)}, index=times[:HOURS])
    by_time: dict[str, Any] = {"cat": {name: one["cat"] for name, one in zip(names, given)}, "dynamic_feat": frames}
    model = small().fit(wide, **by_time)
    np.testing.assert_array_equal(model.predict(wide, seed=2, **by_time).to_numpy(), wanted)
    np.testing.assert_array_equal(model.predict(seed=2).to_numpy(), wanted)  # the frames reach far enough
    long = pd.concat(
        pd.DataFrame(
            {"unique_id": name, "ds": times, "y": [*one["target"], *[np.nan] * STEPS], "kind": one["cat"][0]}
        ).assign(price=frames[name]["price"].to_numpy())
        for name, one in zip(names, given)
    )
    columns: dict[str, Any] = {"cat": ["kind"], "dynamic_feat": ["price"]}
    history = long[long["ds"] <= wide.index[-1]]
    by_name = small().fit(history, **columns)
    forecast = by_name.predict(long, seed=2, **columns)
    np.testing.assert_array_equal(forecast.drop(columns=["unique_id", "ds"]).to_numpy(), wanted)
    assert list(forecast["ds"][:STEPS]) == list(times[HOURS:])
    with pytest.raises(ValueError, match=r'data\["x"\]: expected 6 rows after the history, those to be forecast'):
        by_name.predict(history, seed=2, **columns)


def test_a_long_frame_may_have_texts_for_times_and_categories_for_names(wide: pd.DataFrame, fitted: DeepAR) -> None:
    long = wide.rename_axis("ds").reset_index().melt("ds", var_name="unique_id", value_name="y")
    wanted = fitted.predict(long, seed=1)
    texts = long.assign(
        ds=long["ds"].dt.strftime("%Y-%m-%d %H:%M"),
        unique_id=pd.Categorical(long["unique_id"], categories=["MT_001", "MT_002", "MT_003", "MT_004"]),
    )
    pd.testing.assert_frame_equal(fitted.predict(texts, seed=1), wanted)
    with pytest.raises(ValueError, match=r'data\["MT_001"\]\["ds"\]: expected times'):
        fitted.predict(texts.assign(ds="soon"))
    with pytest.raises(ValueError, match=r'data\["unique_id"\]: expected the name of a series in each row'):
        fitted.predict(long.assign(unique_id=long["unique_id"].where(long.index > 0)))


def test_features_of_a_day_belong_to_it_whatever_the_time_of_day() -> None:
    days = pd.date_range("2024-01-01", periods=310, freq="D")
    values = pd.Series(np.arange(300) % 7 + 1.0, days[:300] + pd.Timedelta("9h"))
    weekend = pd.DataFrame({"weekend": (days.day_of_week > 4).astype(float)}, index=days)
    aligned = DeepAR("D", 5, **SMALL).fit(values, dynamic_feat=weekend).predict(seed=1)
    rows = weekend["weekend"].to_numpy()
    by_row = DeepAR("D", 5, **SMALL).fit(values, dynamic_feat=[rows[:300]])
    pd.testing.assert_frame_equal(by_row.predict(values, dynamic_feat=[rows[:305]], seed=1), aligned)
    with pytest.raises(ValueError, match=r"data\.dynamic_feat\.index\[1\]: expected one value for each D"):
        by_row.predict(values, dynamic_feat=pd.concat([weekend[:1], weekend]), seed=1)


def test_one_table_of_features_applies_to_all_series(wide: pd.DataFrame) -> None:
    times = pd.date_range(START, periods=HOURS + STEPS, freq="h")
    holiday = pd.DataFrame({"holiday": (times.day_of_year == 6).astype(int)}, index=times)
    model = small().fit(wide, dynamic_feat=holiday)
    assert model.model_.network.num_dynamic_feat == 1
    assert len(model.predict(seed=0)) == 3 * STEPS


def test_ignored_fields_are_left_out_of_requests_too() -> None:
    model = small(cardinality="ignore", num_dynamic_feat="ignore").fit(records())
    assert len(model.predict(records())) == 4 * STEPS
    assert model.evaluate(records())["RMSE"] > 0


def test_it_is_evaluated_as_a_job_s_test_channel_is(fitted: DeepAR, wide: pd.DataFrame) -> None:
    metrics = fitted.evaluate(wide)
    assert metrics.keys() == {
        *("RMSE", "mean_absolute_QuantileLoss", "mean_wQuantileLoss"),
        *(f"wQuantileLoss[0.{tenth}]" for tenth in range(1, 10)),
        *(f"coverage[0.{tenth}]" for tenth in (2, 4, 6, 8)),
    }
    held_out = fitted.predict(wide.iloc[:-STEPS], seed=0, quantiles=())
    truth = wide.iloc[-STEPS:].to_numpy().T.ravel()
    assert metrics["RMSE"] == pytest.approx(np.sqrt(np.mean((held_out["mean"] - truth) ** 2)), rel=1e-5)
    assert list(held_out.columns) == ["mean"]
    with pytest.raises(ValueError, match=r'data\["MT_001"\]: expected no "cat", as in the training data, got a list'):
        fitted.evaluate(wide, cat=[0, 1, 0])


def series(*values: object, start: str = START) -> Any:
    return pd.Series(list(values), pd.date_range(start, periods=len(values), freq="h"))


HOUR = pd.Timedelta("1h")


@pytest.mark.parametrize(
    ("data", "more", "sentence"),
    [
        ({"MT_001": series(1.0, "x")}, {}, r'data\["MT_001"\]\[1\]: expected a number, or NaN .*, got "x"\.'),
        ([series(1.0, 2.0, np.inf)], {}, r"data\[0\]: target\[2\]: expected a finite number"),
        (series(1.0).tz_localize("UTC"), {}, r"data\.index: expected times without a time zone, got UTC"),
        ({"a": pd.Series([1.0, 2.0])}, {}, r'data\["a"\]\.index: expected a DatetimeIndex or a PeriodIndex, got'),
        ({"a": np.ones(5)}, {}, r'data\["a"\]: expected a pandas Series with .*, got an object of type ndarray\.'),
        ({"a": ("1-1-24", [1.0])}, {}, r'data\["a"\]\.start: expected a timestamp such as'),
        ([{"target": [1.0]}], {}, r'data\[0\]: expected "start", which is missing\.'),
        (pd.concat([series(1.0), series(2.0)]), {}, r"data\.index\[1\]: expected one value for each H, got 2024-01-01"),
        (pd.concat([series(1.0), series(2.0, start="2034-01-01")]), {}, r"expected about one value for each H, got 2"),
        ([], {}, "data: expected time series, got none"),
        (7, {}, "data: expected a pandas Series with .* got an object of type int"),
        ([np.ones((2, 2))], {"start": START}, r"data\[0\]: expected values in one dimension, got 2"),
        ([series(1.0), series(2.0)], {"cat": [0, "x"]}, r'data\[1\]: cat\[0\]: expected an integer .*, got "x"'),
        ([series(1.0), series(2.0)], {"cat": [0]}, r"cat: expected one entry for each series, got none for data\[1\]"),
        ([series(1.0), series(2.0)], {"cat": [0, [0, 1]]}, r"data\[1\]: cat: expected a category, as in data\[0\]"),
        ({"a": series(1.0)}, {"dynamic_feat": {"a": [[1.0, 2.0]]}}, r'data\["a"\]: dynamic_feat\[0\]: expected 1 val'),
        (series(*[1.0] * 20), {}, "expected at least 300 observations in all, got 20"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_its_place(data: Any, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        small().fit(data, **more)


def test_times_between_two_steps_are_refused(wide: pd.DataFrame) -> None:
    with pytest.raises(ValueError, match=r'data\["MT_001"\]\.index\[1\]: expected a multiple of 2H after 2024-01-01'):
        DeepAR("2h", 3).fit(wide)


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"epochs": 0}, "Hyperparameter epochs must be an integer of at least 1. Got 0."),
        ({"likelihood": "poisson"}, "Hyperparameter likelihood must be one of gaussian, beta"),
        ({"prediction_length": 2.5}, "Hyperparameter prediction_length must be an integer in"),
        ({"threads": 0}, "The 'threads' parameter of DeepAR must be an int of at least 1 or None. Got 0."),
    ],
)
def test_a_parameter_out_of_range_is_refused_by_name(
    parameters: dict[str, Any], sentence: str, wide: pd.DataFrame
) -> None:
    with pytest.raises(ValueError, match=sentence):
        small().set_params(**parameters).fit(wide)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"quantiles": [0.5, 1.5]}, r"quantiles\[1\]: expected a number between 0 and 1, got 1.5"),
        ({"num_samples": 0}, "num_samples: expected a whole number from 1 to"),
        ({"seed": -1}, "seed: expected a whole number from 0 to"),
        ({"data": [series(1.0)], "cat": [0]}, r"data\[0\]\.cat: expected none, as the model was trained without"),
        ({"cat": [0]}, "data: expected series, because cat, dynamic_feat or start were given"),
    ],
)
def test_a_forecast_that_cannot_be_made_is_refused(fitted: DeepAR, asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        fitted.predict(**asked)


WITHOUT_PANDAS = """
import sys
import tarfile

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "pandas":
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
import numpy as np
from forecastle import DeepAR, DeepARPredictor
days = np.arange(300)
data = {"a": ("2024-01-31", 5 + np.sin(days)), "b": ("2024-01-31", 9 + np.cos(days))}
model = DeepAR("M", 4, epochs=1, num_cells=8, seed=1).fit(data)
many, one = model.predict(seed=1), model.predict(data["a"], seed=1)
print({name: values.shape for name, values in many.items()})
print({name: values.shape for name, values in one.items()}, one["ds"][:2])
assert (one["mean"] == many["mean"][0]).all()
"""


def test_without_pandas_forecasts_are_arrays() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_PANDAS], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [
        "{'ds': (2, 4), 'mean': (2, 4), '0.1': (2, 4), '0.5': (2, 4), '0.9': (2, 4)}",
        "{'ds': (4,), 'mean': (4,), '0.1': (4,), '0.5': (4,), '0.9': (4,)} "
        "['2049-01-31T00:00:00' '2049-02-28T00:00:00']",
    ]


def test_a_server_and_the_door_itself_import_neither_pandas_nor_scikit_learn() -> None:
    code = (
        "import sys, forecastle; from forecastle.algorithms import find; find('deepar').load; "
        "print([name for name in ('pandas', 'sklearn') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_public_name_is_this_estimator() -> None:
    import forecastle
    from forecastle.algorithms import deepar

    assert forecastle.DeepAR is deepar.DeepAR is estimator.DeepAR
    assert set(forecastle.__all__) <= set(dir(forecastle))
    with pytest.raises(AttributeError, match="has no attribute 'Prophet'"):
        forecastle.Prophet  # noqa: B018
