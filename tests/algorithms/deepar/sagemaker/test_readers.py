"""The three files of SageMaker's artifacts: what is read of them, and that nothing else is."""

import contextlib
import json
import struct
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.sagemaker.arrays import read_arrays
from forecastle.algorithms.deepar.sagemaker.artifact import adopt
from forecastle.algorithms.deepar.sagemaker.configuration import Configuration
from forecastle.algorithms.deepar.sagemaker.document import read_object
from forecastle.algorithms.deepar.sagemaker.graph import Graph
from forecastle.algorithms.deepar.sagemaker.walk import Structure, read_structure
from forecastle.contract.errors import InvalidData
from tests.algorithms.deepar.sagemaker.build import PROJECTIONS, Recipe, artifact, params
from tests.algorithms.deepar.sagemaker.genuine import DAILY, MONTHLY, needs_artifacts

GAUSSIAN = LIKELIHOODS["gaussian"]
SMALL = Recipe(context=3, future=2, lags=(1, 2, 4), cells=2)
BOUNDED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def structure_of(recipe: Recipe, alter: Callable[[dict[str, Any]], object] = lambda _: None) -> Structure:
    built = artifact(recipe)
    alter(built.symbol)
    configuration = Configuration.read(built.config)
    return read_structure(
        Graph.read(read_object(json.dumps(built.symbol).encode())),
        configuration.likelihood,
        configuration.train_length,
        configuration.prediction_length,
    )


def fault(read: Callable[[], object]) -> str:
    with pytest.raises(InvalidData) as caught:
        read()
    assert caught.value.sentence.endswith(".")
    assert "\n" not in caught.value.sentence
    return caught.value.sentence


@needs_artifacts
def test_the_genuine_models_are_read_to_the_last_byte() -> None:
    monthly = read_arrays((MONTHLY / "model_algo-1-0000.params").read_bytes())
    daily = read_arrays((DAILY / "model_algo-1-0000.params").read_bytes())

    assert monthly["lstm_l_0i2h_weight"].shape == (376, 41)
    assert len(monthly) == 22
    assert daily["embed_0_weight"].shape == (1, 10)
    assert len(daily) == 15


@needs_artifacts
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (
            MONTHLY,
            Structure(
                context_length=12,
                lags=(1, 2, 3, 4, 5, 6, 7, 11, 12, 13, 23, 24, 25, 35, 36, 37),
                parts=("features", "static", "lags"),
                embeddings=((58, 10), (25, 10)),
                projections=("mu", "sigma"),
                default_scale=1484.6802122958004,
                dropout_rate=0.1,
                layers=4,
                cells=94,
            ),
        ),
        (
            DAILY,
            Structure(
                context_length=20,
                lags=(*range(1, 9), 13, 14, 15, 20, 21, 22, *range(27, 32), 56, 84, 363, 364, 365, 727, 728, 729),
                parts=("features", "static", "lags"),
                embeddings=((1, 10),),
                projections=("mu", "sigma", "nu"),
                default_scale=34497.42622950819,
                dropout_rate=0.1,
                layers=2,
                cells=40,
            ),
        ),
    ],
)
def test_the_genuine_graphs_give_what_the_configuration_lacks(folder: Any, expected: Structure) -> None:
    configuration = Configuration.read(read_object((folder / "model_algo-1-config.json").read_bytes()))
    graph = Graph.read(read_object((folder / "model_algo-1-symbol.json").read_bytes()))
    lengths = configuration.train_length, configuration.prediction_length

    assert read_structure(graph, configuration.likelihood, *lengths) == expected


@pytest.mark.parametrize("likelihood", PROJECTIONS)
@pytest.mark.parametrize(
    "sizes",
    [
        {},
        {"layers": 1, "cells": 1, "context": 1, "future": 1, "lags": (1,)},
        {"layers": 3, "lags": (1, 2, 30), "cardinality": (3, 4), "num_dynamic_feat": 2},
        {"context": 5, "future": 12, "lags": (2, 1, 7), "parts": ("lags", "static", "features")},
    ],
)
def test_the_graph_gives_lags_layers_cells_and_scale(likelihood: str, sizes: dict[str, Any]) -> None:
    recipe = replace(Recipe(likelihood, dropout=0.25), **sizes)

    structure = structure_of(recipe)

    assert structure == Structure(
        context_length=recipe.context,
        lags=tuple(recipe.lags),
        parts=tuple(recipe.parts),
        embeddings=tuple((rows, 10) for rows in recipe.cardinality or (1,)),
        projections=PROJECTIONS[likelihood],
        default_scale=0.0 if likelihood == "beta" else recipe.default_scale,
        dropout_rate=0.25,
        layers=recipe.layers,
        cells=recipe.cells,
    )


def node_of(symbol: dict[str, Any], op: str, number: int = 0) -> dict[str, Any]:
    found: dict[str, Any] = [node for node in symbol["nodes"] if node["op"] == op][number]
    return found


def without_reset(symbol: dict[str, Any]) -> None:
    """A state that is not reset where the context is padded: the second step's, of the first layer."""
    products = [node for node in symbol["nodes"] if node["name"].endswith("_h2h")]
    taken = products[SMALL.layers]["inputs"]
    taken[0] = symbol["nodes"][taken[0][0]]["inputs"][2]


@pytest.mark.parametrize(
    ("alter", "expected"),
    [
        (lambda symbol: node_of(symbol, "Activation", 4).update(attrs={"act_type": "relu"}), "act_type="),
        (lambda symbol: node_of(symbol, "elemwise_add").update(op="elemwise_sub"), "elemwise_add"),
        (lambda symbol: node_of(symbol, "_maximum_scalar").update(attrs={"scalar": "1"}), "_maximum_scalar 1e-10"),
        (lambda symbol: node_of(symbol, "_mul_scalar").update(attrs={"scalar": "nan"}), "a number as scalar"),
        (lambda symbol: node_of(symbol, "_mul_scalar").update(attrs={"scalar": "-1"}), "not negative"),
        (lambda symbol: node_of(symbol, "Dropout").update(attrs={"p": "0.7"}), "the same p at each Dropout"),
        (lambda symbol: node_of(symbol, "Dropout").update(attrs={"p": "1"}), "a probability"),
        (without_reset, "expected SliceChannel"),
        (lambda symbol: symbol["heads"].append([0, 0, 0]), "heads"),
        (lambda symbol: symbol.update(heads=[[0, 0, 0]]), "a shape, a tuple"),
        (lambda symbol: node_of(symbol, "Reshape", -1).update(attrs={"shape": "(-1, 10**9, 2)"}), "a shape, a tuple"),
        (lambda symbol: node_of(symbol, "Reshape", -1).update(attrs={"shape": "__import__('os')"}), "a tuple"),
        (lambda symbol: node_of(symbol, "Concat", -1)["inputs"].reverse(), "sample"),
        (lambda symbol: node_of(symbol, "null", -1).update(name="phi_Noneproj_weight"), "phi_Noneproj"),
        (lambda symbol: symbol["nodes"].pop(), "heads[0]"),
        (lambda symbol: node_of(symbol, "log").update(op="exp"), "log"),
        (lambda symbol: node_of(symbol, "_sample_normal").update(op="Custom"), "_sample_normal"),
    ],
)
def test_a_graph_of_another_shape_is_refused(alter: Callable[[dict[str, Any]], object], expected: str) -> None:
    assert expected in fault(lambda: structure_of(SMALL, alter))


def test_a_cycle_and_a_repeated_name_in_the_graph_are_refused() -> None:
    def cycle(symbol: dict[str, Any]) -> None:
        node_of(symbol, "elemwise_add")["inputs"][0] = [len(symbol["nodes"]) - 1, 0, 0]

    def repeat(symbol: dict[str, Any]) -> None:
        node_of(symbol, "null", 1)["name"] = node_of(symbol, "null", 0)["name"]

    assert "no cycles" in fault(lambda: structure_of(SMALL, cycle))
    assert "a unique name" in fault(lambda: structure_of(SMALL, repeat))


def test_steps_that_are_too_few_or_too_many_are_refused() -> None:
    built = artifact(SMALL)
    graph = Graph.read(built.symbol)

    assert "steps" in fault(lambda: read_structure(graph, GAUSSIAN, SMALL.train, 6))
    assert "num_outputs=8" in fault(lambda: read_structure(graph, GAUSSIAN, SMALL.train + 1, SMALL.future))


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ({"model_version": 6}, "model_version: expected 5"),
        ({"model_version": 5.0}, "model_version"),
        ({"likelihood": "poisson"}, "likelihood: expected one of gaussian, beta, negative-binomial"),
        ({"time_freq": "fortnight"}, "time_freq: expected"),
        ({"time_freq": 2}, "time_freq: expected a string"),
        ({"cardinality": []}, "cardinality"),
        ({"cardinality": [10**12]}, "cardinality"),
        ({"cardinality": [3]}, "expected [1] without categories"),
        ({"category_provided": 1}, "category_provided"),
        ({"prediction_length": 0}, "prediction_length"),
        ({"prediction_length": True}, "prediction_length"),
        ({"train_length": 2**63}, "train_length"),
        ({"num_dynamic_feat": -1}, "num_dynamic_feat"),
        ({"date_feature_names": ["phase_of_moon"]}, '"phase_of_moon"'),
        ({"date_feature_names": ["day_of_week", "day_of_week"]}, "each name once"),
        ({"date_feature_names": "day_of_week"}, "a list of names"),
    ],
)
def test_a_configuration_that_is_not_known_is_refused(members: dict[str, Any], expected: str) -> None:
    assert expected in fault(lambda: Configuration.read(artifact(SMALL).config | members))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"", "Expected JSON"),
        (b"[]", "a JSON object"),
        (b'{"a": 1, "a": 2}', "the member 'a' appears twice"),
        (b'{"a": NaN}', "NaN is not a JSON number"),
        (b'{"a":' * 5_000, "JSON"),
        (b"[" * 200_000, "got hundreds of them"),
        (b"\xff\xfe\x00", "Expected JSON"),
    ],
)
def test_a_text_that_is_no_plain_object_is_refused(text: bytes, expected: str) -> None:
    assert expected in fault(lambda: read_object(text))


def packed(array: np.ndarray[Any, Any], **header: Any) -> bytes:
    """A list of one array, with other numbers in its header."""
    fields = {"mark": 0xF993FAC9, "storage": 0, "dimensions": array.shape, "kind": 0} | header
    dimensions = fields["dimensions"]
    content = struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<IiI", fields["mark"], fields["storage"], len(dimensions))
    content += struct.pack(f"<{len(dimensions)}q", *dimensions) + struct.pack("<iii", 1, 0, fields["kind"])
    return content + array.tobytes() + struct.pack("<QQ", 1, 5) + b"arg:a"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "incomplete"),
        (b"PK\x03\x04" * 8, "0x112"),
        (struct.pack("<QQQ", 0x112, 0, 2**63), "a number of arrays that fits"),
        (struct.pack("<QQQ", 0x112, 0, 10**6) + bytes(64), "a number of arrays that fits"),
        (struct.pack("<QQQ", 0x112, 0, 10_001) + bytes(300_000), "at most 10000 arrays"),
        (packed(np.zeros(2, np.float32), mark=0xF993FAC8), "expected the magic number"),
        (packed(np.zeros(2, np.float32), storage=1), "a dense array"),
        (packed(np.zeros(2, np.float32), kind=1), "expected float32"),
        (packed(np.zeros(2, np.float32), dimensions=(2**40, 2**40)), "expected a shape"),
        (packed(np.zeros(2, np.float32), dimensions=(-1, -2)), "expected a shape"),
        (packed(np.zeros(2, np.float32), dimensions=(0, 2**62)), "expected a shape"),
        (packed(np.zeros(2, np.float32), dimensions=(1,) * 9 + (2,)), "1 to 8 dimensions"),
        (packed(np.zeros(2, np.float32), dimensions=()), "1 to 8 dimensions"),
        (packed(np.zeros(2, np.float32)) + b"\0", "1 more bytes"),
        (packed(np.zeros(2, np.float32)).replace(b"arg:a", b"aux:a"), "a name that begins with arg:"),
        (packed(np.zeros(2, np.float32)).replace(b"arg:a", b"arg:\xff"), "UTF-8"),
        (params({"a": np.ones(1, np.float32), "b": np.ones(1, np.float32)}).replace(b":b", b":a"), "the name a"),
    ],
)
def test_a_list_of_arrays_that_is_not_plain_is_refused(content: bytes, expected: str) -> None:
    tracemalloc.start()
    try:
        assert expected in fault(lambda: read_arrays(content))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


ARRAYS = params(artifact(SMALL).arrays)
SYMBOL = json.dumps(artifact(SMALL).symbol).encode()
CONFIGURATION = json.dumps(artifact(SMALL).config).encode()
FILES = ("model_algo-1-config.json", "model_algo-1-0000.params", "model_algo-1-symbol.json")
BYTES = (*b'0129,:[]{}"-.eEx \\', 0, 0x7F, 0xFF)  # of JSON, and such as make numbers huge or texts none


def test_arrays_come_as_they_were_written() -> None:
    expected = artifact(SMALL).arrays

    arrays = read_arrays(ARRAYS)

    assert arrays.keys() == expected.keys()
    assert all((arrays[name] == expected[name]).all() for name in expected)


def read_or_refused(read: Callable[[], object]) -> None:
    with contextlib.suppress(InvalidData):
        read()


@given(st.integers(0, len(ARRAYS) - 1))
@BOUNDED
def test_a_truncated_list_is_refused(end: int) -> None:
    fault(lambda: read_arrays(ARRAYS[:end]))


@given(st.lists(st.tuples(st.integers(0, len(ARRAYS) - 1), st.integers(0, 255)), min_size=1, max_size=8))
@BOUNDED
def test_altered_bytes_of_a_list_are_read_or_refused(changes: list[tuple[int, int]]) -> None:
    content = bytearray(ARRAYS)
    for at, value in changes:
        content[at] = value
    read_or_refused(lambda: read_arrays(bytes(content)))


@given(st.binary(max_size=300))
@BOUNDED
def test_any_bytes_are_refused(content: bytes) -> None:
    fault(lambda: read_arrays(struct.pack("<QQ", 0x112, 0) + content))
    read_or_refused(lambda: read_object(content))


@given(st.sampled_from([SYMBOL, CONFIGURATION]), st.data())
@BOUNDED
def test_a_truncated_text_is_refused(text: bytes, data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(text) - 1))
    fault(lambda: read_object(text[:end]))


@given(st.data())
@BOUNDED
def test_altered_files_are_adopted_or_refused(data: st.DataObject) -> None:
    """Any of the three files, or two of them, with a few other bytes."""
    with tempfile.TemporaryDirectory() as folder:
        written = artifact(SMALL).write(Path(folder) / "model")
        for name in data.draw(st.lists(st.sampled_from(FILES), min_size=1, max_size=2, unique=True)):
            content = bytearray((written / name).read_bytes())
            for _ in range(data.draw(st.integers(1, 4))):
                content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.sampled_from(BYTES))
            (written / name).write_bytes(content)
        read_or_refused(lambda: adopt(written))


REF = st.one_of(st.lists(st.integers(-2, 400), min_size=2, max_size=3), st.none(), st.integers())


@given(st.data())
@BOUNDED
def test_an_altered_graph_is_read_or_refused(data: st.DataObject) -> None:
    symbol = json.loads(SYMBOL)
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(symbol["nodes"]))
        match data.draw(st.sampled_from(["op", "name", "attrs", "inputs", "one"])):
            case "op":
                node["op"] = data.draw(st.sampled_from(["Concat", "where", "null", "repeat", "", "_sample_normal"]))
            case "name":
                node["name"] = data.draw(st.sampled_from(["mu_Noneproj_weight", "lstm_l_7i2h_weight", "x"]))
            case "attrs":
                node["attrs"] = data.draw(st.dictionaries(st.sampled_from(["p", "dim", "axis"]), st.text(max_size=5)))
            case "inputs":
                node["inputs"] = data.draw(st.lists(REF, max_size=4))
            case "one" if node["inputs"]:
                node["inputs"][data.draw(st.integers(0, len(node["inputs"]) - 1))] = data.draw(REF)
    read_or_refused(lambda: read_structure(Graph.read(symbol), GAUSSIAN, SMALL.train, SMALL.future))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from([*artifact(SMALL).config, "other"]), JSON, min_size=1))
@BOUNDED
def test_an_altered_configuration_is_read_or_refused(members: dict[str, Any]) -> None:
    read_or_refused(lambda: Configuration.read(artifact(SMALL).config | members))


@given(st.dictionaries(st.sampled_from(["nodes", "heads", "attrs"]), JSON))
@BOUNDED
def test_any_object_is_read_as_a_graph_or_refused(document: dict[str, Any]) -> None:
    read_or_refused(lambda: Graph.read(document))
