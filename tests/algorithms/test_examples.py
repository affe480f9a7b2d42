"""A model's examples: they need whatever a request may need, so that no request waits until it is compiled."""

import gc
import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba.core.dispatcher import Dispatcher

from forecastle.algorithms import find
from forecastle.algorithms.deepar.inference.configuration import OUTPUT_TYPES
from forecastle.algorithms.deepar.likelihood import LIKELIHOODS
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.interface import Model, Payload
from forecastle.algorithms.random_cut_forest import RandomCutForest
from forecastle.contract.artifact import write_artifact
from forecastle.contract.media_type import CSV, JSON, JSON_LINES, MediaType
from forecastle.contract.settings import Settings
from forecastle.serving.loader import load_model
from forecastle.serving.models import HeldModel
from tests.algorithms.deepar.networks import random_network


def signatures() -> set[tuple[int, object]]:
    """What every kernel was compiled for."""
    return {
        (id(kernel), each)
        for kernel in gc.get_objects()
        if issubclass(type(kernel), Dispatcher)
        for each in kernel.overloads
    }


def write_forest(folder: Path, columns: int) -> Path:
    rows = np.random.default_rng(0).normal(size=(300, columns)).astype(np.float32)
    RandomCutForest(10, 32, random_state=0).fit(rows).save(folder)
    return folder


def write_network(folder: Path, likelihood: str) -> Path:
    network = random_network(prediction_length=3, likelihood=likelihood)
    write_artifact(folder, replace(DeepARModel(network).artifact(), algorithm="deepar"))
    return folder


def answer(held: HeldModel, payload: Payload) -> None:
    model: Model[Any, Any] = held.model
    for threads in (1, 2):
        for prediction in model.predict([model.decode(payload)] * 3, threads):
            for response_type in held.response_types[:2]:
                model.encode(prediction, response_type)


def forecasts() -> Iterator[Payload]:
    series = [{"start": "2024-01-01 00:00:00", "target": target} for target in ([1, 0, 1] * 9, [1, None, "NaN"], [])]
    for wanted in (None, *({"output_types": [name]} for name in OUTPUT_TYPES), {"num_samples": 7, "seed": 1}):
        for instances in (series[:1], series):
            document = {"instances": instances} | ({} if wanted is None else {"configuration": wanted})
            yield Payload(json.dumps(document).encode(), MediaType.parse(JSON))
    lines = "\n".join(map(json.dumps, series)).encode()
    yield Payload(lines, MediaType.parse(JSON_LINES))


@pytest.mark.parametrize("columns", [1, 2, 40])
def test_after_its_examples_a_forest_compiles_nothing(tmp_path: Path, columns: int) -> None:
    held = load_model(write_forest(tmp_path, columns), threads=2, settings=Settings.from_environ({}))
    before = signatures()
    row = ",".join(["1.5"] * columns)
    for attributes in ("", "attribution=true"):
        answer(held, Payload(f"{row}\n".encode() * 300, MediaType.parse(CSV), attributes))
        answer(held, Payload(f'{{"features":[{row}]}}\n'.encode(), MediaType.parse(JSON_LINES), attributes))
    assert signatures() == before


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_after_its_examples_a_network_compiles_nothing(tmp_path: Path, likelihood: str) -> None:
    held = load_model(write_network(tmp_path, likelihood), threads=2, settings=Settings.from_environ({}))
    before = signatures()
    for payload in forecasts():
        answer(held, payload)
    assert signatures() == before


@pytest.mark.parametrize("name", ["random_cut_forest", "deepar"])
def test_examples_are_in_every_request_type(tmp_path: Path, name: str) -> None:
    folder = write_forest(tmp_path, 2) if name == "random_cut_forest" else write_network(tmp_path, "student-T")
    held = load_model(folder, threads=1, settings=Settings.from_environ({}))
    algorithm = find(name)
    assert {payload.content_type.essence for payload in held.model.sample_requests()} == set(algorithm.request_types)
    for read, written in itertools.product(algorithm.request_types, algorithm.response_types):
        assert held.is_warm_for(read, written)
