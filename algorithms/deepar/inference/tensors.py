"""Series and their forecasts as named tensors.

    instances      BYTES [series], each a series as in a JSON request
    configuration  BYTES [1], as in a JSON request; may be missing
    mean           FP32 [series, steps]
    quantiles      FP32 [series, levels, steps], in the order of the configuration
    samples        FP32 [series, num_samples, steps]

The outputs that a request asks for are its output types.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from forecastle.algorithms.deepar.inference import footprint
from forecastle.algorithms.deepar.inference.configuration import Configuration, configuration
from forecastle.algorithms.deepar.inference.instance import read_instance
from forecastle.algorithms.deepar.inference.prediction import Prediction
from forecastle.algorithms.deepar.inference.request import Request, parse, request_of
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.tensors import Given, Tensor, TensorForm, TensorType
from forecastle.contract.errors import InvalidData

INSTANCES, CONFIGURATION = "instances", "configuration"
MEAN, QUANTILES, SAMPLES = "mean", "quantiles", "samples"


class SeriesAsTensors(TensorForm[Request, Prediction]):
    """The form of a network's requests; `live` is the configuration of those without one, `require` checks each."""

    def __init__(self, network: Network, live: Configuration, require: Callable[[Configuration], None]) -> None:
        self._network, self._live, self._require = network, live, require

    @property
    def inputs(self) -> Sequence[TensorType]:
        return (
            TensorType(INSTANCES, ("BYTES",), (-1,)),
            TensorType(CONFIGURATION, ("BYTES",), (1,), is_optional=True),
        )

    @property
    def outputs(self) -> Sequence[TensorType]:
        steps = self._network.prediction_length
        shapes = {MEAN: (-1, steps), QUANTILES: (-1, -1, steps), SAMPLES: (-1, -1, steps)}
        return [TensorType(name, ("FP32",), shape) for name, shape in shapes.items()]

    def decode(self, given: Given) -> Request:
        instances = given.tensors[INSTANCES]
        if not len(instances):
            raise InvalidData(place=(INSTANCES,), expected="at least one series", got="none")
        wanted = _configuration(given, self._live)
        self._require(wanted)
        footprint.require(len(instances), self._network, wanted, given.threads)
        series = []
        for index, instance in enumerate(instances.tolist()):
            try:
                document = parse(instance)
            except InvalidData as error:
                raise error.within((INSTANCES, index)) from None
            series.append(read_instance(document, self._network, (INSTANCES, index)))
        return request_of(tuple(series), wanted)

    def encode(self, prediction: Prediction) -> Mapping[str, Tensor]:
        types, forecasts = prediction.configuration.output_types, prediction.forecasts
        tensors: dict[str, Tensor] = {}
        if MEAN in types:
            tensors[MEAN] = np.stack([forecast.mean for forecast in forecasts])
        if QUANTILES in types:
            tensors[QUANTILES] = np.stack([forecast.quantiles for forecast in forecasts])
        if SAMPLES in types:
            tensors[SAMPLES] = np.stack([forecast.samples for forecast in forecasts if forecast.samples is not None])
        return {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}


def _configuration(given: Given, live: Configuration) -> Configuration:
    document: Any = {}
    if CONFIGURATION in given.tensors:
        try:
            document = parse(given.tensors[CONFIGURATION][0])
        except InvalidData as error:
            raise error.within((CONFIGURATION,)) from None
    if given.outputs and isinstance(document, dict):
        document = {**document, "output_types": list(given.outputs)}
    return configuration(document, live)
