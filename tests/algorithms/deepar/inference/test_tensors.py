"""Series and forecasts as named tensors."""

import json
from typing import Any

import numpy as np
import pytest

from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.interface import Payload
from forecastle.algorithms.tensors import Given, Tensor
from forecastle.contract.errors import InvalidData
from forecastle.contract.media_type import JSON, MediaType
from tests.algorithms.deepar.networks import random_network

MODEL = DeepARModel(random_network(prediction_length=3))
SERIES = [{"start": "2024-01-01", "target": [1.0, 2.0, None, 4.0] * 4}, {"start": "2024-02-01", "target": [3.0] * 9}]
CONFIGURATION = {"num_samples": 20, "quantiles": ["0.9", "0.1"], "seed": 7}


def elements(*documents: Any) -> Tensor:
    tensor = np.empty(len(documents), object)
    tensor[:] = [document if isinstance(document, bytes) else json.dumps(document).encode() for document in documents]
    return tensor


def answer(outputs: tuple[str, ...] = (), **tensors: Tensor) -> dict[str, Tensor]:
    form = MODEL.tensors()
    (prediction,) = MODEL.predict([form.decode(Given(tensors, outputs, {}))], threads=1)
    return dict(form.encode(prediction))


def test_they_are_forecast_as_in_json() -> None:
    configuration = CONFIGURATION | {"output_types": ["mean", "quantiles", "samples"]}
    body = json.dumps({"instances": SERIES, "configuration": configuration}).encode()
    (prediction,) = MODEL.predict([MODEL.decode(Payload(body, MediaType.parse(JSON)))], threads=1)
    predictions = json.loads(MODEL.encode(prediction, JSON))["predictions"]
    tensors = answer(instances=elements(*SERIES), configuration=elements(configuration))
    assert {name: (tensor.dtype.name, tensor.shape) for name, tensor in tensors.items()} == {
        "mean": ("float32", (2, 3)),
        "quantiles": ("float32", (2, 2, 3)),
        "samples": ("float32", (2, 20, 3)),
    }
    for number, each in enumerate(predictions):
        assert tensors["mean"][number] == pytest.approx(each["mean"])
        assert tensors["samples"][number] == pytest.approx(np.array(each["samples"]))
        for level, key in enumerate(["0.9", "0.1"]):
            assert tensors["quantiles"][number, level] == pytest.approx(each["quantiles"][key])


def test_the_outputs_asked_for_are_the_output_types() -> None:
    instances = elements(*SERIES)
    assert set(answer(instances=instances)) == {"mean"}
    assert set(answer(("samples",), instances=instances)) == {"samples"}
    configuration = elements(CONFIGURATION)
    assert answer(("quantiles",), instances=instances, configuration=configuration)["quantiles"].shape == (2, 2, 3)
    assert answer(("quantiles",), instances=instances)["quantiles"].shape == (2, 9, 3)


@pytest.mark.parametrize(
    ("instances", "configuration", "sentence"),
    [
        (elements(), None, "instances: expected at least one series, got none."),
        (elements(SERIES[0], b"{"), None, "instances[1], line 1, column 2: expected valid JSON, got nothing"),
        (elements(SERIES[0], b"\xff"), None, "instances[1], byte 0: expected text in UTF-8, got another encoding."),
        (elements([1.0]), None, "instances[0]: expected an object, got a list."),
        (elements({"start": "2024-01-01", "target": [1, "x"]}), None, "instances[0].target[1]: expected a number, n"),
        (elements(*SERIES), b"{]", "configuration, line 1, column 2: expected valid JSON, got ']'"),
        (elements(*SERIES), {"num_samples": 0}, "configuration.num_samples: expected a whole number from 1 to"),
        (elements(*SERIES), {"quantiles": []}, "configuration.quantiles: expected at least one, as output_types"),
        (elements(*SERIES), [1], "configuration: expected an object, got a list."),
    ],
)
def test_what_is_amiss_is_refused_with_its_place(instances: Tensor, configuration: Any, sentence: str) -> None:
    tensors = {"instances": instances} | ({} if configuration is None else {"configuration": elements(configuration)})
    with pytest.raises(InvalidData) as refused:
        answer(("quantiles",), **tensors)
    assert refused.value.sentence.startswith(sentence)
