"""The demo of DeepAR, and the example it runs on."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.algorithms.deepar.hyperparameters import DeepARHyperparameters
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.interface import Payload
from forecastle.contract.media_type import JSON, MediaType
from tests.algorithms.deepar.networks import random_network

EXAMPLE = find("deepar").example_folder
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def hyperparameters() -> DeepARHyperparameters:
    return DeepARHyperparameters.parse(json.loads((EXAMPLE / "input" / "config" / "hyperparameters.json").read_text()))


@pytest.fixture(scope="module")
def model(hyperparameters: DeepARHyperparameters) -> DeepARModel:
    """Of the shape that training on the example gives."""
    return DeepARModel(
        random_network(
            time_freq=str(hyperparameters.time_freq),
            context_length=hyperparameters.context_length,
            prediction_length=hyperparameters.prediction_length,
            cardinality=(3,),
        )
    )


def test_it_prints_how_good_the_forecasts_are_and_draws_the_chart(model: DeepARModel, tmp_path: Path) -> None:
    def ask(body: bytes, content_type: str, accept: str) -> bytes:
        request = model.decode(Payload(body, MediaType.parse(content_type)))
        return model.encode(model.predict([request], threads=1)[0], accept)

    lines = list(find("deepar").demonstrate(ask, tmp_path / "chart.png"))
    assert (tmp_path / "chart.png").read_bytes()[:8] == PNG
    assert lines[0] == "20 customers, the next 72 hours of each, from 100 paths:"
    assert re.fullmatch(r"  mean weighted quantile loss  \d+\.\d{4}", lines[1])
    assert lines[2] == "  of the same hours last week  0.0661"
    assert re.fullmatch(r"  share of values in the 80 % band  \d+\.\d%", lines[3])


def test_the_example_s_request_is_one_that_its_model_answers(model: DeepARModel) -> None:
    request = model.decode(Payload((EXAMPLE / "request.json").read_bytes(), MediaType.parse(JSON)))
    answer = json.loads(model.encode(model.predict([request], threads=1)[0], JSON))
    assert list(answer["predictions"][0]["quantiles"]) == ["0.1", "0.5", "0.9"]


def test_the_train_channel_lacks_what_is_to_be_forecast(hyperparameters: DeepARHyperparameters) -> None:
    train, test = (
        [json.loads(line) for line in (EXAMPLE / "input" / "data" / name / f"{name}.json").read_text().splitlines()]
        for name in ("train", "test")
    )
    assert len(train) == len(test) == 20
    assert train == [{**one, "target": one["target"][: -hyperparameters.prediction_length]} for one in test]


def test_the_example_s_data_are_what_its_generator_writes(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(EXAMPLE / "generate.py"), "--out", str(tmp_path)], check=True)
    for path in ("input/data/train/train.json", "input/data/test/test.json", "request.json"):
        assert (tmp_path / path).read_bytes() == (EXAMPLE / path).read_bytes()
