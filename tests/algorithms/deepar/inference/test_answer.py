"""Forecasts as text."""

import json
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.algorithms.deepar.inference.answer import write_answer
from forecastle.algorithms.deepar.inference.configuration import OUTPUT_TYPES, Configuration
from forecastle.algorithms.deepar.inference.forecast import Forecast
from forecastle.contract.media_type import JSON, JSON_LINES

FIRST = Forecast(
    np.array([1, 2.5], np.float32),
    np.array([[0.5, 1.25], [3, 4]], np.float32),
    np.array([[1, 2], [3, 4], [5, 6]], np.float32),
)
SECOND = Forecast(
    np.array([0, -1], np.float32),
    np.array([[-2, -3], [0, 0]], np.float32),
    np.array([[0, 0], [0, 0], [0, -3]], np.float32),
)


def asked(*output_types: str, keys: Sequence[str] = ("0.1", "0.90")) -> Configuration:
    return Configuration(3, frozenset(output_types), {key: float(key) for key in keys})


def test_quantiles_samples_and_mean_are_told_in_the_order_of_the_developer_guide() -> None:
    answer = write_answer([FIRST, SECOND], asked(*OUTPUT_TYPES), JSON)
    assert answer == (
        b'{"predictions":['
        b'{"quantiles":{"0.1":[0.5,1.25],"0.90":[3.0,4.0]},"samples":[[1.0,2.0],[3.0,4.0],[5.0,6.0]],"mean":[1.0,2.5]},'
        b'{"quantiles":{"0.1":[-2.0,-3.0],"0.90":[0.0,0.0]},"samples":[[0.0,0.0],[0.0,0.0],[0.0,-3.0]],'
        b'"mean":[0.0,-1.0]}]}'
    )


@pytest.mark.parametrize(
    ("output_type", "member"),
    [
        ("mean", b'"mean":[1.0,2.5]'),
        ("quantiles", b'"quantiles":{"0.1":[0.5,1.25],"0.90":[3.0,4.0]}'),
        ("samples", b'"samples":[[1.0,2.0],[3.0,4.0],[5.0,6.0]]'),
    ],
)
def test_only_what_was_asked_for_is_told(output_type: str, member: bytes) -> None:
    assert write_answer([FIRST], asked(output_type), JSON) == b'{"predictions":[{%s}]}' % member
    assert write_answer([FIRST], asked(output_type), JSON_LINES) == b"{%s}\n" % member


def test_json_lines_have_a_prediction_a_line() -> None:
    lines = write_answer([FIRST, SECOND], asked("mean"), JSON_LINES)
    assert lines == b'{"mean":[1.0,2.5]}\n{"mean":[0.0,-1.0]}\n'


@pytest.mark.parametrize("key", ['0.5"', "0.5\n", "½", "0.5\\"])
def test_keys_are_escaped_as_json_wants_it(key: str) -> None:
    wanted = Configuration(3, frozenset({"quantiles"}), {key: 0.5})
    forecast = Forecast(FIRST.mean, FIRST.quantiles[:1], None)
    predictions = json.loads(write_answer([forecast, forecast], wanted, JSON))["predictions"]
    assert predictions == [{"quantiles": {key: [0.5, 1.25]}}] * 2


def test_numbers_have_ten_decimals_at_the_most() -> None:
    forecast = Forecast(np.array([0.1, 1 / 3, 1e-7, 1e-12, 123456.789], np.float32), np.empty((0, 5), np.float32), None)
    assert write_answer([forecast], asked("mean"), JSON_LINES) == (
        b'{"mean":[0.1000000015,0.3333333433,0.0000001,0.0,123456.7890625]}\n'
    )


def test_numbers_too_large_for_plain_digits_have_an_exponent_and_those_that_are_none_are_null() -> None:
    mean = np.array([1e30, np.nan, -np.inf, 0.1], np.float32)
    answer = write_answer(
        [
            Forecast(mean, np.empty((0, 4), np.float32), None),
        ],
        asked("mean"),
        JSON,
    )
    numbers = json.loads(answer)["predictions"][0]["mean"]
    assert numbers == [pytest.approx(1e30), None, None, 0.1000000015]


@given(
    st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
        max_size=4,
    )
)
@settings(deadline=None, max_examples=50)
def test_what_is_told_reads_back_to_ten_decimals(means: list[list[float]]) -> None:
    forecasts = [
        Forecast(np.array(mean, np.float32), np.empty((0, 3), np.float32), np.array([mean], np.float32))
        for mean in means
    ]
    predictions = json.loads(write_answer(forecasts, asked("mean", "samples"), JSON))["predictions"]
    for prediction, mean in zip(predictions, means, strict=True):
        assert prediction["mean"] == pytest.approx(mean, rel=1e-9, abs=6e-11)
        assert prediction["samples"] == [prediction["mean"]]
