"""One series of a request."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.algorithms.deepar.inference.instance import read_instance
from forecastle.algorithms.deepar.series import Series
from forecastle.algorithms.deepar.training.fields import FieldCount, RecordSchema
from forecastle.algorithms.deepar.training.record import read_record
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At
from tests.algorithms.deepar.networks import random_network

PLAIN = random_network(prediction_length=84)
RICH = random_network(prediction_length=84, cardinality=(5, 3), num_dynamic_feat=1)
ONE_CATEGORY = random_network(cardinality=(5,))
START = "2009-11-01 00:00:00"


def read(network: Any = PLAIN, **members: Any) -> Series:
    return read_instance({"start": START, "target": [1.0, 2.0], **members}, network, ("instances", 3))


def fault(network: Any = PLAIN, **members: Any) -> str:
    with pytest.raises(InvalidData) as caught:
        read(network, **members)
    return caught.value.sentence


def test_a_series_is_its_start_and_its_target() -> None:
    series = read(target=[4, 2.5])
    assert series.start == np.datetime64("2009-11-01T00:00:00", "s")
    assert series.start.dtype == np.dtype("datetime64[s]")
    assert series.target.dtype == np.float32
    assert series.target.tolist() == [4.0, 2.5]
    assert (series.cat, series.dynamic_feat) == ((), None)


def test_a_nan_string_and_a_null_in_a_target_are_missing_values() -> None:
    np.testing.assert_array_equal(
        read(target=[1, None, "NaN", 2.5]).target, np.array([1, np.nan, np.nan, 2.5], np.float32)
    )
    np.testing.assert_array_equal(read(target=[None]).target, np.array([np.nan], np.float32))
    np.testing.assert_array_equal(read(target=["NaN", float("nan")]).target, np.array([np.nan, np.nan], np.float32))


def test_a_target_may_be_empty() -> None:
    assert read(target=[]).target.shape == (0,)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2009-11-01", "2009-11-01T00:00:00"),
        ("2009-11-01 13:30", "2009-11-01T13:30:00"),
        ("2009-11-01T13:30:59.75", "2009-11-01T13:30:59"),
        (" 1912-02-29 00:00:00\n", "1912-02-29T00:00:00"),
    ],
)
def test_timestamps_may_be_dates_and_may_have_a_t(text: str, time: str) -> None:
    assert read(start=text).start == np.datetime64(time)


@pytest.mark.parametrize(
    "start", ["yesterday", "2009-13-01", "2009-02-30 00:00:00", "", 20091101, None, ["2009-11-01"]]
)
def test_what_is_no_timestamp_is_refused(start: Any) -> None:
    assert fault(start=start).startswith('instances[3].start: expected a timestamp such as "2009-11-01 00:00:00", got ')


@pytest.mark.parametrize(
    ("start", "meant"),
    [
        ("2024-1-1", "2024-01-01 00:00:00"),
        ("2024-1-1 7:5", "2024-01-01 07:05:00"),
        ("2024/01/31 00:00:00", "2024-01-31 00:00:00"),
        ("2024-02", "2024-02-01 00:00:00"),
        ("2024-01-01 9:00:00.000", "2024-01-01 09:00:00"),
    ],
)
def test_a_date_that_is_not_spelt_in_iso_8601_is_refused_with_the_spelling_to_use(start: str, meant: str) -> None:
    assert fault(start=start).endswith(f'got "{start}": did you mean "{meant}"?')
    assert read(start=meant).start == np.datetime64(meant.replace(" ", "T"))


@pytest.mark.parametrize("start", ["1/2/2024", "2024-13-1", "2024-2-30", "2024-1-1 25:00", "2024-1-1Z", "24-1-1"])
def test_what_may_mean_several_dates_or_none_has_no_hint(start: str) -> None:
    assert fault(start=start).endswith(f'got "{start}".')


@pytest.mark.parametrize("start", ["2009-11-01 00:00:00+01:00", "2009-11-01T00:00:00Z"])
def test_a_time_zone_is_refused(start: str) -> None:
    assert fault(start=start) == (
        f'instances[3].start: expected a timestamp without a time zone, such as "2009-11-01 00:00:00", got "{start}".'
    )


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ([1, "abc"], 'instances[3].target[1]: expected a number, null or "NaN", got "abc".'),
        ([1, None, "1.5"], 'instances[3].target[2]: expected a number, null or "NaN", got "1.5".'),
        ([True], 'instances[3].target[0]: expected a number, null or "NaN", got true.'),
        ([[1.0], [2.0]], 'instances[3].target[0]: expected a number, null or "NaN", got a list.'),
        ([0, {}], 'instances[3].target[1]: expected a number, null or "NaN", got an object.'),
        ([0, 1e39], "instances[3].target[1]: expected a finite number in the range of float32, got 1e+39."),
        (
            [None, float("-inf")],
            "instances[3].target[1]: expected a finite number in the range of float32, got -Infinity.",
        ),
        (5, 'instances[3].target: expected a list, each a number, null or "NaN", got 5.'),
        (None, 'instances[3].target: expected a list, each a number, null or "NaN", got null.'),
        ("1,2", 'instances[3].target: expected a list, each a number, null or "NaN", got "1,2".'),
    ],
)
def test_whatever_else_stands_in_a_target_is_refused_with_its_place(target: Any, sentence: str) -> None:
    assert fault(target=target) == sentence


@pytest.mark.parametrize(
    ("likelihood", "target", "sentence"),
    [
        ("beta", [0, 1, None, 1.5], "[3]: expected a number in [0, 1], as the likelihood is beta, got 1.5."),
        ("beta", [-1e-30], "[0]: expected a number in [0, 1], as the likelihood is beta, got -1e-30."),
        (
            "negative-binomial",
            [0, 2.5, -3],
            "[2]: expected a number that is not negative, as the likelihood is negative-binomial, got -3.",
        ),
    ],
)
def test_what_the_likelihood_could_not_have_drawn_is_refused_as_in_training(
    likelihood: str, target: list[Any], sentence: str
) -> None:
    network = random_network(likelihood)
    assert len(read(network, target=target[:-1]).target) == len(target) - 1
    assert fault(network, target=target) == f"instances[3].target{sentence}"
    schema = RecordSchema(FieldCount(0), (), FieldCount(0), network.likelihood.support)
    with pytest.raises(InvalidData) as caught:
        read_record({"start": START, "target": target}, schema)
    assert caught.value.sentence == f"target{sentence}"


def test_what_is_missing_is_named() -> None:
    with pytest.raises(InvalidData, match=r'^line 3: expected "start", which is missing\.$'):
        read_instance({"target": []}, PLAIN, (At("line", 3),))
    with pytest.raises(InvalidData, match=r'^instances\[0\]: expected "target", which is missing\.$'):
        read_instance({"start": START}, PLAIN, ("instances", 0))
    with pytest.raises(InvalidData, match=r"^instances\[0\]: expected an object, got a list\.$"):
        read_instance([], PLAIN, ("instances", 0))


def test_members_that_nobody_knows_are_ignored() -> None:
    assert read(id="MT_200", item=[{}]).target.tolist() == [1.0, 2.0]


def test_categories_are_a_list_or_a_bare_number() -> None:
    assert read(RICH, cat=[4, 0], dynamic_feat=[[0] * 86]).cat == (4, 0)
    assert read(ONE_CATEGORY, cat=2).cat == (2,)
    assert read(ONE_CATEGORY, cat=[2]).cat == (2,)


@pytest.mark.parametrize(
    ("cat", "sentence"),
    [
        (
            [0, 3],
            "instances[3].cat[1]: expected a category seen in training, from 0 to 2 (cardinality 3), got 3.",
        ),
        ([-1, 0], "instances[3].cat[0]: expected a category seen in training, from 0 to 4 (cardinality 5), got -1."),
        ([0.0, 0], "instances[3].cat[0]: expected a category seen in training, from 0 to 4 (cardinality 5), got 0.0."),
        (
            [True, 0],
            "instances[3].cat[0]: expected a category seen in training, from 0 to 4 (cardinality 5), got true.",
        ),
        ([0], "instances[3].cat: expected a list of 2 categories, got 1."),
        (0, "instances[3].cat: expected a list of 2 categories, got 0."),
        ({}, "instances[3].cat: expected a list of 2 categories, got an object."),
        (None, 'instances[3]: expected "cat", a list of 2 categories, which is missing.'),
    ],
)
def test_unknown_categories_and_wrong_numbers_of_them_are_refused(cat: Any, sentence: str) -> None:
    assert fault(RICH, cat=cat, dynamic_feat=[[0] * 86]) == sentence


def test_a_bare_category_that_is_unknown_is_refused_at_its_place() -> None:
    assert fault(ONE_CATEGORY, cat=5) == (
        "instances[3].cat: expected a category seen in training, from 0 to 4 (cardinality 5), got 5."
    )


def test_a_model_without_categories_and_dynamic_features_takes_none() -> None:
    assert fault(cat=[0]) == (
        "instances[3].cat: expected none, as the model was trained without categories, got a list: leave it out."
    )
    assert fault(dynamic_feat=[[0] * 86]) == (
        "instances[3].dynamic_feat: expected none, as the model was trained without dynamic features, got a list: "
        "leave it out."
    )
    assert read(cat=[], dynamic_feat=None).cat == ()


def test_dynamic_features_reach_to_the_end_of_the_forecast() -> None:
    features = read(RICH, cat=[0, 0], dynamic_feat=[[*range(86)]]).dynamic_feat
    assert features is not None
    assert features.dtype == np.float32
    assert features.tolist() == [[*range(86)]]
    features = read(RICH, target=[], cat=[0, 0], dynamic_feat=[[0.5] * 84]).dynamic_feat
    assert features is not None
    assert features.shape == (1, 84)


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        (
            [[0] * 44],
            "instances[3].dynamic_feat[0]: expected 128 values (target 44 + prediction_length 84), got 44.",
        ),
        ([[0] * 127 + [None]], "instances[3].dynamic_feat[0][127]: expected a number, got null."),
        ([[0] * 127 + ["NaN"]], 'instances[3].dynamic_feat[0][127]: expected a number, got "NaN".'),
        (
            [[float("nan")] * 128],
            "instances[3].dynamic_feat[0][0]: expected a finite number in the range of float32, got NaN.",
        ),
        (
            [0] * 128,
            "instances[3].dynamic_feat: expected 1 list of 128 values (target 44 + prediction_length 84), got 128.",
        ),
        ([3], "instances[3].dynamic_feat[0]: expected a list, each a number, got 3."),
        (
            None,
            'instances[3]: expected "dynamic_feat", 1 list of 128 values (target 44 + prediction_length 84), '
            "which is missing.",
        ),
    ],
)
def test_dynamic_features_of_the_wrong_shape_are_refused_with_their_place(features: Any, sentence: str) -> None:
    assert fault(RICH, target=[0] * 44, cat=[0, 0], dynamic_feat=features) == sentence


NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False) | st.integers(-(2**64), 2**64)


@given(st.lists(NUMBERS | st.none() | st.just("NaN"), max_size=30))
@settings(deadline=None, max_examples=50)
def test_any_numbers_and_gaps_are_read_as_they_stand(target: list[Any]) -> None:
    expected = [np.nan if value in (None, "NaN") else np.float32(value) for value in target]
    np.testing.assert_array_equal(read(target=target).target, np.array(expected, np.float32))


@given(st.lists(st.one_of(NUMBERS, st.text(max_size=3), st.booleans(), st.none(), st.just([0])), max_size=8))
@settings(deadline=None, max_examples=100)
def test_a_target_is_read_or_refused_at_its_first_fault(target: list[Any]) -> None:
    faults = [
        index
        for index, value in enumerate(target)
        if not (value is None or value == "NaN" or type(value) in (int, float))
    ]
    if faults:
        assert fault(target=target).startswith(f"instances[3].target[{faults[0]}]: expected a number")
    else:
        assert len(read(target=target).target) == len(target)
