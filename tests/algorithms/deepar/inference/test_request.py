"""Requests: from bytes to series."""

import json
import re
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.deepar.inference.configuration import BATCH, LIVE, Configuration
from forecastle.algorithms.deepar.inference.request import Request, decode
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.interface import Payload
from forecastle.contract.errors import InvalidData, PayloadTooLarge, UnsupportedMediaType
from forecastle.contract.media_type import JSON, JSON_LINES, MediaType
from tests.algorithms.deepar.networks import random_network

PLAIN = random_network()
RICH = random_network(prediction_length=84, cardinality=(5,), num_dynamic_feat=1)
INSTANCE = b'{"start": "2009-11-01 00:00:00", "target": [1, null, 2.5]}'


def read(body: bytes, content_type: str = JSON, network: Network = PLAIN, batch: Configuration = BATCH) -> Request:
    return decode(Payload(body, MediaType.parse(content_type)), network, batch)


def fault(body: bytes, content_type: str = JSON, network: Network = PLAIN) -> str:
    with pytest.raises(InvalidData) as caught:
        read(body, content_type, network)
    return caught.value.sentence


def test_a_json_request_is_its_instances_and_its_configuration() -> None:
    request = read(b'{"instances": [%s, %s], "configuration": {"num_samples": 7, "seed": 3}}' % (INSTANCE, INSTANCE))
    assert len(request.series) == 2
    np.testing.assert_array_equal(request.series[1].target, np.array([1, np.nan, 2.5], np.float32))
    assert (request.configuration.num_samples, request.seed) == (7, 3)


def test_without_a_configuration_it_is_that_of_the_live_endpoint() -> None:
    assert read(b'{"instances": [%s]}' % INSTANCE).configuration == LIVE
    assert read(b'{"instances": [%s], "configuration": null}' % INSTANCE).configuration == LIVE


def test_json_lines_have_a_series_each_and_the_server_s_configuration() -> None:
    asked = Configuration(3, frozenset({"samples"}), {}, seed=9)
    request = read(b"\n%s\r\n \n%s" % (INSTANCE, INSTANCE), JSON_LINES, batch=asked)
    assert len(request.series) == 2
    assert (request.configuration, request.seed) == (asked, 9)


@pytest.mark.parametrize(
    "body", [INSTANCE, INSTANCE.replace(b", ", b",\n  "), INSTANCE + b"\n" + INSTANCE + b"\n", b"\n" + INSTANCE + b"\n"]
)
def test_series_with_nothing_around_them_are_read_as_json_lines_are(body: bytes) -> None:
    asked = Configuration(3, frozenset({"samples"}), {}, seed=9)
    request = read(body, JSON, batch=asked)
    assert len(request.series) == body.count(b"target")
    np.testing.assert_array_equal(request.series[-1].target, np.array([1, np.nan, 2.5], np.float32))
    assert (request.configuration, request.seed) == (asked, 9)


def test_a_fault_in_series_with_nothing_around_them_has_its_place() -> None:
    wrong = INSTANCE.replace(b"2.5", b'"a"')
    assert fault(wrong).startswith("instance.target[2]: expected ")
    assert fault(INSTANCE + b"\n" + wrong).startswith("line 2: target[2]: expected ")
    assert fault(b'{"instance": []}') == "instance: unknown member: did you mean instances?"


@pytest.mark.parametrize(
    ("body", "content_type", "place"),
    [
        (b'{"instances": [%s, %s]}', JSON, "instances[1]"),
        (b"%s\n%s\n", JSON_LINES, "line 2"),
        (b"%s\n%s\n", JSON, "line 2"),
    ],
)
@pytest.mark.parametrize("values", [b"[3]", b'["NaN"]'])
def test_a_repeated_member_is_refused(body: bytes, content_type: str, place: str, values: bytes) -> None:
    twice = INSTANCE.replace(b"}", b', "target": %s}' % values)
    assert fault(body % (INSTANCE, twice), content_type) == f'{place}: expected an object, got one with "target" twice.'


def test_names_of_members_may_be_values_elsewhere() -> None:
    named = INSTANCE.replace(b"}", b', "id": ["target", "start"], "note": "\\"target\\""}').replace(b"null", b'"NaN"')
    assert len(read(b'{"instances": [%s, %s]}' % (named, INSTANCE)).series) == 2


def test_each_request_without_a_seed_has_one_of_its_own() -> None:
    body = b'{"instances": [%s]}' % INSTANCE
    seeds = {read(body).seed for _ in range(20)}
    assert len(seeds) == 20
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_what_python_writes_though_it_is_no_json_is_read() -> None:
    body = json.dumps({"instances": [{"start": "2009-11-01", "target": [1.5, float("nan"), 10**30]}]}).encode()
    assert b"NaN" in body
    np.testing.assert_array_equal(read(body).series[0].target, np.array([1.5, np.nan, 1e30], np.float32))
    assert read(b"\xef\xbb\xbf" + body).series[0].target.shape == (3,)


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "line 1, column 1: expected valid JSON, got nothing (expecting value)."),
        (
            b"{",
            "line 1, column 2: expected valid JSON, got nothing (expecting property name enclosed in double quotes).",
        ),
        (b'{"instances":\n [1,]}', "line 2, column 5: expected valid JSON, got ']' (expecting value)."),
        (b"[]", "Expected an object, got a list."),
        (b'"x"', 'Expected an object, got "x".'),
        (b"{}", 'Expected "instances", which is missing.'),
        (b'{"configuration": {}}', 'Expected "instances", which is missing.'),
        (b'{"instances": {}}', "instances: expected a list, got an object."),
        (b'{"instances": []}', "instances: expected at least one series, got none."),
        (b'{"instances": [%s, 5]}' % INSTANCE, "instances[1]: expected an object, got 5."),
        (
            b'{"instances": [%s], "config": {"num_samples": 5}}' % INSTANCE,
            "config: unknown member: did you mean configuration?",
        ),
        (
            b'{"instances": [%s], "configuration": {"num_eval_samples": 5}}' % INSTANCE,
            "configuration.num_eval_samples: unknown member: did you mean num_samples?",
        ),
        (
            b'{"instances": [%s], "configuration": {"quantiles": [2]}}' % INSTANCE,
            "configuration.quantiles[0]: expected a number between 0 and 1, got 2.",
        ),
        (
            b'{"instances": [{"start": "2009-11-01", "target": [1, -1e400]}]}',
            "instances[0].target[1]: expected a finite number in the range of float32, got -1e400.",
        ),
        (
            b'{"instances": [{"start": "2009-11-01", "target": [NaN, 2%s]}]}' % (b"0" * 400),
            f"instances[0].target[1]: expected a finite number in the range of float32, got 2{'0' * 38}….",
        ),
        (
            b'{"instances": [%s], "configuration": {"num_samples": 1e400}}' % INSTANCE,
            "configuration.num_samples: expected a whole number from 1 to 1000000, got 1e400.",
        ),
        (b'{"instances": [{"start": "\xff"}]}', "byte 26: expected text in UTF-8, got another encoding."),
    ],
)
def test_what_is_no_request_is_refused_with_its_place(body: bytes, sentence: str) -> None:
    assert fault(body) == sentence


def test_json_of_hundreds_of_levels_is_refused() -> None:
    deep = b"[" * 100_000
    assert "expected JSON of a few levels" in fault(b'{"instances": ' + deep)
    target = b"[" * 300 + b"]" * 300
    assert fault(b'{"instances": [{"start": "2009-11-01", "target": %s}]}' % target) == (
        'instances[0].target[0]: expected a number, null or "NaN", got a list.'
    )


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b" \n\n", "line 1: expected a series, got nothing."),
        (
            INSTANCE + b"\n{",
            "line 2, column 2: expected valid JSON, got nothing (expecting property name enclosed in double quotes).",
        ),
        (INSTANCE + b"\n\n[]\n", "line 3: expected an object, got a list."),
        (
            INSTANCE + b'\n{"start": "x", "target": []}',
            'line 2: start: expected a timestamp such as "2009-11-01 00:00:00", got "x".',
        ),
        (b'{"instances": [%s]}' % INSTANCE, 'line 1: expected "start", which is missing.'),
    ],
)
def test_a_faulty_line_is_refused_with_its_place(body: bytes, sentence: str) -> None:
    assert fault(body, JSON_LINES) == sentence


def test_a_dynamic_feature_that_ends_with_the_target_is_refused_with_both_lengths() -> None:
    instance = {"start": "2009-11-01", "target": [0] * 44, "cat": [0], "dynamic_feat": [[0] * 44]}
    good = instance | {"dynamic_feat": [[0] * 128]}
    body = json.dumps({"instances": [good, good, good, instance]}).encode()
    assert fault(body, network=RICH) == (
        "instances[3].dynamic_feat[0]: expected 128 values (target 44 + prediction_length 84), got 44."
    )


def test_another_charset_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType, match="charset"):
        read(INSTANCE, "application/json; charset=utf-16")


SAMPLES, QUANTILES = "configuration.num_samples", "configuration.quantiles"


@pytest.mark.parametrize(
    ("series", "wanted", "place", "got"),
    [
        (1, {"num_samples": 10**6, "output_types": ["samples"]}, SAMPLES, 1_000_000),
        (1, {"num_samples": 10**6, "output_types": ["mean"]}, SAMPLES, 1_000_000),
        (1, {"quantiles": [f"0.5{index}" for index in range(5000)]}, QUANTILES, 5000),
        (5000, {"num_samples": 1}, "instances", 5000),
    ],
)
def test_more_than_the_memory_holds_is_refused_with_the_number_to_lower(
    series: int, wanted: dict[str, object], place: str, got: int
) -> None:
    body = json.dumps({"instances": [{}] * series, "configuration": wanted}).encode()
    with pytest.raises(PayloadTooLarge, match=f"^{place}: .* got {got}: {series} series of 10000000 steps take "):
        read(body, network=random_network(prediction_length=10_000_000))


@pytest.mark.parametrize(
    ("series", "wanted"),
    [
        (1, {"num_samples": 10**6, "output_types": ["mean"]}),
        (1, {"quantiles": [f"0.5{index}" for index in range(5000)]}),
        (5000, {"num_samples": 1}),
    ],
)
def test_the_number_that_would_do_does(series: int, wanted: dict[str, Any]) -> None:
    network = random_network(prediction_length=1_000_000)
    instance = {"start": "2009-11-01", "target": [1]}
    body = json.dumps({"instances": [instance] * series, "configuration": wanted}).encode()
    with pytest.raises(PayloadTooLarge) as caught:
        read(body, network=network)
    advised = re.search(r"^(\S+): .*: ask for at most (\d+)\.$", caught.value.sentence)
    assert advised is not None
    most = int(advised[2])
    if advised[1] == "instances":
        series = most
    elif advised[1] == SAMPLES:
        wanted = wanted | {"num_samples": most}
    else:
        wanted = wanted | {"quantiles": wanted["quantiles"][:most]}
    body = json.dumps({"instances": [instance] * series, "configuration": wanted}).encode()
    assert len(read(body, network=network).series) == series


def test_so_are_json_lines() -> None:
    with pytest.raises(PayloadTooLarge, match=r"^instances: expected a number that fits .* got 20000:"):
        read(b"{}\n" * 20_000, JSON_LINES, network=random_network(prediction_length=10_000_000))
