"""A network's parameters and arrays, as an artifact contains them."""

from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.network import Initialization, Network
from forecastle.contract.errors import InvalidData

SMALL = Architecture(source_words=9, target_words=11, rnn_num_hidden=6, num_embed_source=5, num_embed_target=4)


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("attention", ["mlp", "dot", "bilinear", "fixed"])
def test_a_network_comes_back_from_its_artifact(cell: str, attention: str) -> None:
    architecture = Architecture(9, 11, cell, 3, 2, 6, 5, 4, attention, 3, rnn_residual_connections=True)
    network = Network.initial(architecture, seed=1)
    again = Network.from_artifact(network.parameters(), network.arrays())
    assert again.architecture == architecture
    assert all(np.array_equal(array, again.weights[name]) for name, array in network.weights.items())


def test_equal_seeds_give_equal_weights_within_xaviers_range() -> None:
    network, again, other = (Network.initial(SMALL, seed).weights for seed in (5, 5, 6))
    assert all(np.array_equal(array, again[name]) for name, array in network.items())
    weight = network["hidden_weight"]
    assert not np.array_equal(weight, other["hidden_weight"])
    assert 0.9 * (2.34 / 12) ** 0.5 < np.abs(weight).max() <= (2.34 / 12) ** 0.5
    assert not network["hidden_bias"].any()
    uniform = Network.initial(SMALL, 5, Initialization("uniform", 0.1)).weights["hidden_weight"]
    assert 0.09 < np.abs(uniform).max() <= 0.1


@pytest.mark.parametrize(
    ("parameter", "value", "sentence"),
    [
        ("rnn_cell_type", "rnn", 'parameters.rnn_cell_type: expected one of lstm, gru, got "rnn".'),
        ("rnn_num_hidden", 7, "parameters.rnn_num_hidden: expected an even number, got 7."),
        ("target_words", 3, "parameters.target_words: expected an integer in [4, 1000000], got 3."),
        ("num_layers_encoder", None, "parameters.num_layers_encoder: expected an integer in [1, 1000000], got null."),
        ("rnn_residual_connections", 1, "parameters.rnn_residual_connections: expected true or false, got 1."),
        (
            "weight_tying",
            "trg_softmax",
            "parameters.num_embed_target: expected rnn_num_hidden, 6, as weights are tied, got 4.",
        ),
    ],
)
def test_parameters_that_do_not_fit_are_refused(parameter: str, value: Any, sentence: str) -> None:
    network = Network.initial(SMALL, 1)
    with pytest.raises(InvalidData) as refused:
        Network.from_artifact(network.parameters() | {parameter: value}, network.arrays())
    assert refused.value.sentence == sentence


def test_arrays_that_do_not_fit_are_refused() -> None:
    network = Network.initial(SMALL, 1)
    arrays = network.arrays()
    with pytest.raises(InvalidData, match="arrays: expected hidden_weight, which is missing"):
        Network.from_artifact(network.parameters(), {n: array for n, array in arrays.items() if n != "hidden_weight"})
    with pytest.raises(InvalidData, match=r"arrays.hidden_bias: expected 6 floats, got 5 of float32\."):
        Network.from_artifact(network.parameters(), arrays | {"hidden_bias": np.zeros(5, np.float32)})
    with pytest.raises(InvalidData, match=r"arrays.hidden_bias: expected only finite numbers\."):
        Network.from_artifact(network.parameters(), arrays | {"hidden_bias": np.full(6, np.nan)})
