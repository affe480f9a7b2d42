"""A network, to an artifact and back."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.network import Network
from forecastle.contract.artifact import Artifact, read_artifact, write_artifact
from forecastle.contract.errors import InvalidData
from tests.algorithms.deepar.networks import random_network


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_a_network_comes_back_from_its_artifact(likelihood: str, tmp_path: Any) -> None:
    network = random_network(likelihood, layers=3, cardinality=(3, 2), num_dynamic_feat=1, default_scale=2.5)
    write_artifact(tmp_path, Artifact(network.arrays(), network.parameters(), algorithm="deepar"))

    artifact = read_artifact(tmp_path)
    again = Network.from_artifact(artifact.parameters, artifact.arrays)

    assert again.parameters() == network.parameters()
    assert again.arrays().keys() == network.arrays().keys()
    for name, array in network.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)


def test_a_network_without_categories_has_an_embedding_for_none() -> None:
    network = random_network()

    again = Network.from_artifact(network.parameters(), network.arrays())

    assert again.cardinality == ()
    assert [embedding.shape for embedding in again.embeddings] == [(1, 1)]


def test_what_a_network_has_of_sagemakers_comes_back_and_is_off_if_an_artifact_lacks_it() -> None:
    names = ("week of year", "day of week", "day of year", "hour of day")  # as many as 2H has of its own
    network = replace(random_network(), own_date_features=names, reset_while_padded=True, missing_is_mean=True)

    again = Network.from_artifact(network.parameters(), network.arrays())
    plain = Network.from_artifact(random_network().parameters(), network.arrays())

    assert again.date_features == names
    assert again.reset_while_padded
    assert again.missing_is_mean
    assert plain.date_features == plain.frequency.features
    assert not plain.reset_while_padded
    assert not plain.missing_is_mean


def test_arrays_of_doubles_are_taken_as_floats() -> None:
    network = random_network()
    doubles = {name: array.astype(np.float64) for name, array in network.arrays().items()}

    again = Network.from_artifact(network.parameters(), doubles)

    assert all(array.dtype == np.float32 for array in again.arrays().values())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("time_freq", None, "parameters.time_freq: expected a string such as 2H, got null."),
        (
            "time_freq",
            "2Q",
            "parameters.time_freq: expected M, W, D, H or min, or a multiple such as 15min, got '2Q'.",
        ),
        ("context_length", 0, "parameters.context_length: expected an integer in [1, 1000000], got 0."),
        ("context_length", True, "parameters.context_length: expected an integer in [1, 1000000], got true."),
        ("prediction_length", 2.0, "parameters.prediction_length: expected an integer in [1, 1000000], got 2.0."),
        ("num_layers", 10**7, "parameters.num_layers: expected an integer in [1, 1000000], got 10000000."),
        ("num_cells", "6", 'parameters.num_cells: expected an integer in [1, 1000000], got "6".'),
        ("num_dynamic_feat", -1, "parameters.num_dynamic_feat: expected an integer in [0, 1000000], got -1."),
        (
            "likelihood",
            "poisson",
            "parameters.likelihood: expected one of gaussian, beta, negative-binomial, student-T, deterministic-L1, "
            'got "poisson".',
        ),
        ("lags", [], "parameters.lags: expected at least one, in ascending order."),
        ("lags", [1, 3, 2], "parameters.lags: expected at least one, in ascending order."),
        ("lags", [0, 1], "parameters.lags: expected a list of integers in [1, 1000000], got [0, 1]."),
        ("cardinality", "auto", 'parameters.cardinality: expected a list of integers in [1, 1000000], got "auto".'),
        (
            "date_features",
            ["phase of moon"],
            "parameters.date_features: expected a list of minute of hour, hour of day, day of week, day of month, "
            'day of year, week of year, month of year, got ["phase of moon"].',
        ),
        ("reset_while_padded", 1, "parameters.reset_while_padded: expected true or false, got 1."),
        ("missing_is_mean", "true", 'parameters.missing_is_mean: expected true or false, got "true".'),
        ("default_scale", -1.0, "parameters.default_scale: expected a number that is not negative, got -1.0."),
        ("default_scale", float("nan"), "parameters.default_scale: expected a number that is not negative, got NaN."),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(name: str, value: object, sentence: str) -> None:
    network = random_network()

    with pytest.raises(InvalidData) as refusal:
        Network.from_artifact(network.parameters() | {name: value}, network.arrays())

    assert refusal.value.sentence == sentence


@pytest.mark.parametrize("name", sorted(random_network().parameters()))
def test_a_missing_parameter_is_refused_by_its_name(name: str) -> None:
    network = random_network()
    parameters = {key: value for key, value in network.parameters().items() if key != name}

    with pytest.raises(InvalidData, match=f"^parameters.{name}: expected .* got null\\.$"):
        Network.from_artifact(parameters, network.arrays())


@pytest.mark.parametrize("name", sorted(random_network().arrays()))
def test_a_missing_array_is_refused_by_its_name(name: str) -> None:
    network = random_network()
    arrays = {key: array for key, array in network.arrays().items() if key != name}

    with pytest.raises(InvalidData, match=f"^arrays: expected {name}, which is missing\\.$"):
        Network.from_artifact(network.parameters(), arrays)


@pytest.mark.parametrize("name", sorted(random_network().arrays()))
def test_an_array_of_another_shape_is_refused(name: str) -> None:
    network = random_network()
    longer = np.concatenate([network.arrays()[name], network.arrays()[name]])

    with pytest.raises(InvalidData, match=f"^arrays.{name}: expected .* floats, got .* of float32\\.$"):
        Network.from_artifact(network.parameters(), network.arrays() | {name: longer})


@pytest.mark.parametrize(
    ("array", "came"), [(np.zeros((3, 6), np.int64), "3 × 6 of int64"), (np.float32(1), "a single of float32")]
)
def test_an_array_of_another_type_is_refused(array: NDArray[Any], came: str) -> None:
    network = random_network()

    with pytest.raises(InvalidData, match=f"^arrays.projection_weight: expected 3 × 6 floats, got {came}\\.$"):
        Network.from_artifact(network.parameters(), network.arrays() | {"projection_weight": np.asarray(array)})


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e300])
def test_an_array_with_numbers_that_are_not_finite_is_refused(number: float) -> None:
    network = random_network()
    weight = network.projection_weight.astype(np.float64)
    weight[1, 2] = number

    with pytest.raises(InvalidData, match=r"^arrays.projection_weight: expected only finite numbers\.$"):
        Network.from_artifact(network.parameters(), network.arrays() | {"projection_weight": weight})


def test_lags_and_inputs_must_fit_each_other() -> None:
    network = replace(random_network(), lags=(1, 2))

    with pytest.raises(InvalidData, match=r"^arrays.layer0_input_weight: expected 24 × 10 floats, got 24 × 14 of"):
        Network.from_artifact(network.parameters(), network.arrays())
