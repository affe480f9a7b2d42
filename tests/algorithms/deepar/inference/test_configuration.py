"""The configuration of a request."""

import json
from typing import Any

import pytest

from forecastle.algorithms.deepar.inference.configuration import (
    BATCH,
    LIVE,
    Configuration,
    configuration,
    from_setting,
)
from forecastle.contract.errors import InvalidData, InvalidJob

DECILES = [f"0.{tenth}" for tenth in range(1, 10)]


def fault(**members: Any) -> str:
    with pytest.raises(InvalidData) as caught:
        configuration(members, LIVE)
    return caught.value.sentence


def test_without_one_the_mean_alone_is_told() -> None:
    assert LIVE.output_types == {"mean"}
    assert configuration({}, LIVE) == LIVE


def test_the_one_of_the_developer_guide_is_read() -> None:
    asked = {"num_samples": 50, "output_types": ["mean", "quantiles", "samples"], "quantiles": ["0.5", "0.9"]}
    assert configuration(asked, LIVE) == Configuration(
        50, frozenset({"mean", "quantiles", "samples"}), {"0.5": 0.5, "0.9": 0.9}
    )


def test_quantiles_keep_their_keys_and_their_order() -> None:
    read = configuration({"output_types": ["quantiles"], "quantiles": ["0.90", 0.5, "5e-1", ".1"]}, LIVE)
    assert list(read.quantiles.items()) == [("0.90", 0.9), ("0.5", 0.5), ("5e-1", 0.5), (".1", 0.1)]


def test_who_names_quantiles_and_no_output_types_is_told_them_too() -> None:
    assert configuration({"quantiles": [0.5]}, LIVE).output_types == {"mean", "quantiles"}
    assert configuration({"quantiles": []}, LIVE).output_types == {"mean"}
    assert configuration({"quantiles": [0.5], "output_types": ["mean"]}, LIVE).output_types == {"mean"}


def test_quantiles_that_are_asked_for_and_not_named_are_the_deciles() -> None:
    assert list(configuration({"output_types": ["quantiles"]}, LIVE).quantiles) == DECILES


def test_members_that_are_null_are_as_if_they_were_missing() -> None:
    assert configuration({"num_samples": None, "quantiles": None, "seed": None}, LIVE) == LIVE


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("num_eval_samples", ": did you mean num_samples?"),
        ("output_type", ": did you mean output_types?"),
        ("quantile", ": did you mean quantiles?"),
        ("freq", "; known are num_samples, output_types, quantiles, seed, calibrated."),
    ],
)
def test_an_unknown_member_is_refused_with_the_nearest(name: str, hint: str) -> None:
    assert fault(**{name: None}) == f"configuration.{name}: unknown member{hint}"
    with pytest.raises(InvalidJob) as caught:
        from_setting(json.dumps({name: 5}))
    assert caught.value.sentence == f"Setting DEEPAR_INFERENCE_CONFIG: {name}: unknown member{hint}"


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"num_samples": 0}, "configuration.num_samples: expected a whole number from 1 to 1000000, got 0."),
        (
            {"num_samples": 1_000_001},
            "configuration.num_samples: expected a whole number from 1 to 1000000, got 1000001.",
        ),
        ({"num_samples": "50"}, 'configuration.num_samples: expected a whole number from 1 to 1000000, got "50".'),
        ({"num_samples": True}, "configuration.num_samples: expected a whole number from 1 to 1000000, got true."),
        ({"num_samples": 1.5}, "configuration.num_samples: expected a whole number from 1 to 1000000, got 1.5."),
        ({"seed": -1}, f"configuration.seed: expected a whole number from 0 to {2**63 - 1}, got -1."),
        ({"seed": 2**63}, f"configuration.seed: expected a whole number from 0 to {2**63 - 1}, got {2**63}."),
        (
            {"output_types": ["mean", "median"]},
            'configuration.output_types[1]: expected one of "mean", "quantiles", "samples", got "median".',
        ),
        (
            {"output_types": [["mean"]]},
            'configuration.output_types[0]: expected one of "mean", "quantiles", "samples", got a list.',
        ),
        ({"output_types": "mean"}, 'configuration.output_types: expected a list, got "mean".'),
        (
            {"output_types": []},
            'configuration.output_types: expected at least one of "mean", "quantiles", "samples", got none.',
        ),
        ({"quantiles": "0.5"}, 'configuration.quantiles: expected a list, got "0.5".'),
        ({"quantiles": ["0.5", "1.0"]}, 'configuration.quantiles[1]: expected a number between 0 and 1, got "1.0".'),
        ({"quantiles": [0]}, "configuration.quantiles[0]: expected a number between 0 and 1, got 0."),
        ({"quantiles": ["p90"]}, 'configuration.quantiles[0]: expected a number between 0 and 1, got "p90".'),
        ({"quantiles": ["nan"]}, 'configuration.quantiles[0]: expected a number between 0 and 1, got "nan".'),
        ({"quantiles": [None]}, "configuration.quantiles[0]: expected a number between 0 and 1, got null."),
        ({"quantiles": [True]}, "configuration.quantiles[0]: expected a number between 0 and 1, got true."),
        ({"quantiles": ["0.5", 0.5]}, "configuration.quantiles[1]: expected each once, got 0.5 again."),
        (
            {"quantiles": [], "output_types": ["quantiles"]},
            "configuration.quantiles: expected at least one, as output_types asks for them, got none.",
        ),
    ],
)
def test_what_cannot_be_done_is_refused_with_its_place(members: dict[str, Any], sentence: str) -> None:
    assert fault(**members) == sentence


@pytest.mark.parametrize("document", [[], "mean", 5])
def test_what_is_no_object_is_refused(document: Any) -> None:
    with pytest.raises(InvalidData, match=r"^configuration: expected an object, got "):
        configuration(document, LIVE)


def test_a_batch_is_told_the_mean_and_the_deciles_of_a_hundred_paths() -> None:
    assert from_setting("") == from_setting(" ") == BATCH
    assert BATCH.num_samples == 100
    assert BATCH.output_types == {"mean", "quantiles"}
    assert list(BATCH.quantiles) == DECILES
    assert list(BATCH.quantiles.values()) == [float(key) for key in DECILES]


def test_a_batch_s_configuration_comes_from_the_environment() -> None:
    asked = {"num_samples": 20, "output_types": ["samples"], "seed": 3}
    read = from_setting(json.dumps(asked))
    assert (read.num_samples, read.seed) == (20, 3)
    assert read.output_types == {"samples"}
    assert from_setting('{"num_samples": 20}').output_types == {"mean", "quantiles"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{", r"^Setting DEEPAR_INFERENCE_CONFIG: expected JSON \("),
        ("[]", r"^Setting DEEPAR_INFERENCE_CONFIG: expected an object, got a list\.$"),
        ('{"seed": "a"}', r"^Setting DEEPAR_INFERENCE_CONFIG: seed: expected a whole number from 0 to "),
    ],
)
def test_a_setting_that_cannot_be_read_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(InvalidJob, match=sentence):
        from_setting(text)
