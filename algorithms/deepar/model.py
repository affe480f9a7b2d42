"""A trained network that answers requests."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from forecastle.algorithms.deepar.history import History
from forecastle.algorithms.deepar.inference import footprint
from forecastle.algorithms.deepar.inference.answer import write_answer
from forecastle.algorithms.deepar.inference.calibration import Calibration
from forecastle.algorithms.deepar.inference.configuration import BATCH, LIVE, OUTPUT_TYPES, Configuration
from forecastle.algorithms.deepar.inference.forecast import forecast
from forecastle.algorithms.deepar.inference.prediction import Prediction
from forecastle.algorithms.deepar.inference.request import Request, decode
from forecastle.algorithms.deepar.network import Network
from forecastle.algorithms.interface import Model, Payload, TensorForm
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import JSON, JSON_LINES, MediaType
from forecastle.contract.place import Place
from forecastle.formats.json_size import require_free
from forecastle.kernels.threads import in_parallel

# Costs measured by benchmarks/deepar.py: of a series, a multiplication in the network, and a draw.
SECONDS_PER_SERIES = 300e-6
SECONDS_PER_PRODUCT = 25e-12
SECONDS_PER_DRAW = 180e-9
SECONDS_PER_NUMBER = 20e-9  # written

FEW_PATHS = 50  # with fewer paths, quantiles are too coarse: advise fewer series instead

EXAMPLE_STEPS = 24

# What an artifact's parameters say about the training, by the model's attributes.
_TRAINING = {"seed": "seed", "averaged": "averaged_epochs", "uncalibrated": "calibration_failed"}


class DeepARModel(Model[Request, Prediction]):
    """A network that answers requests."""

    def __init__(
        self,
        network: Network,
        *,
        metrics: Mapping[str, float] | None = None,
        seed: int | None = None,
        averaged: Sequence[int] | None = None,
        batch: Configuration = BATCH,
        live: Configuration = LIVE,
        calibration: Calibration | None = None,
        uncalibrated: str | None = None,
        history: History | None = None,
    ) -> None:
        """Raises `InvalidJob` if a configuration needs a calibration and there is none."""
        self.network = network
        self.metrics = dict(metrics or {})  # of its training
        self.seed = seed  # of its training; None if it is unknown
        self.averaged = averaged  # the first and the last epoch whose weights are averaged; None if there is no average
        self.batch = batch  # the configuration of JSON Lines
        self.live = live  # the configuration of JSON requests without one
        self.calibration = calibration  # None if the training had no hyperparameter calibrate, or it failed
        self.uncalibrated = uncalibrated  # why it failed, in sentences
        self.history = history  # of its training, for its page; None if it is unknown
        if calibration is None and (batch.calibrated or live.calibrated):
            asked = "which DEEPAR_CALIBRATED or DEEPAR_INFERENCE_CONFIG asks for"
            if uncalibrated:
                raise InvalidJob(f"This model has no calibration, {asked}, as that failed in training: {uncalibrated}")
            raise InvalidJob(
                f"This model has no calibration, {asked}: train it with the hyperparameter calibrate=true."
            )

    @classmethod
    def from_artifact(
        cls, artifact: Artifact, batch: Configuration = BATCH, live: Configuration = LIVE
    ) -> "DeepARModel":
        """The model of an artifact. Raises `InvalidData` if its arrays are no network or no calibration."""
        network = Network.from_artifact(artifact.parameters, artifact.arrays)
        known = {name: artifact.parameters.get(parameter) for name, parameter in _TRAINING.items()}
        return cls(
            network,
            metrics=artifact.metrics,
            batch=batch,
            live=live,
            calibration=Calibration.from_arrays(artifact.arrays),
            history=History.from_files(artifact.files),
            **known,
        )

    def artifact(self) -> Artifact:
        training = {parameter: getattr(self, name) for name, parameter in _TRAINING.items()}
        parameters = self.network.parameters() | {name: given for name, given in training.items() if given is not None}
        files = {} if self.history is None else self.history.files()
        arrays = self.network.arrays() | ({} if self.calibration is None else self.calibration.arrays())
        return Artifact(arrays, parameters, metrics=self.metrics, files=files)

    def facts(self) -> Mapping[str, float]:
        if self.history is None:
            return {}
        return {"training series": self.history.series, "training observations": self.history.observations}

    def page_request(self) -> Payload:
        if self.history is None or not self.history.instances:
            return self.sample_request()
        lines = b",\n".join(map(orjson.dumps, self.history.instances))
        return Payload(b'{"instances": [\n' + lines + b"\n]}\n", MediaType.parse(JSON))

    def page_data(self) -> Mapping[str, Any]:
        network, history = self.network, self.history
        return {
            "frequency": {"multiple": network.frequency.multiple, "unit": network.frequency.unit},
            "context_length": network.context_length,
            "prediction_length": network.prediction_length,
            "cardinality": network.cardinality,
            "num_dynamic_feat": network.num_dynamic_feat,
            "losses": [] if history is None else history.losses,
            "best_epoch": None if history is None else history.epoch,
            "actual": [] if history is None else history.actual,  # the values after each series of the page's request
        }

    def sample_request(self) -> Payload:
        network = self.network
        steps = range(min(network.context_length, EXAMPLE_STEPS))
        instance: dict[str, Any] = {"start": "2024-01-01 00:00:00", "target": [_typical(network, i) for i in steps]}
        if network.cardinality:
            instance["cat"] = [0] * len(network.cardinality)
        if network.num_dynamic_feat:
            instance["dynamic_feat"] = [[0.0] * (len(steps) + network.prediction_length)] * network.num_dynamic_feat
        configuration = {"num_samples": 100, "output_types": ["mean", "quantiles"], "quantiles": ["0.1", "0.5", "0.9"]}
        return Payload(orjson.dumps({"instances": [instance], "configuration": configuration}), MediaType.parse(JSON))

    def sample_requests(self) -> Sequence[Payload]:
        """The example's series in every request type, with every output type."""
        document = orjson.loads(self.sample_request().body)
        document["configuration"]["output_types"] = OUTPUT_TYPES
        return (
            Payload(orjson.dumps(document), MediaType.parse(JSON)),
            Payload(orjson.dumps(document["instances"][0]), MediaType.parse(JSON_LINES)),
        )

    def decode(self, payload: Payload) -> Request:
        request = decode(payload, self.network, self.batch, self.live)
        self.require_calibration(request.configuration)
        return request

    def require_calibration(self, configuration: Configuration, place: Place = ("configuration",)) -> None:
        """Raise `InvalidData` if the configuration, at `place`, needs a calibration and there is none."""
        if configuration.calibrated and self.calibration is None:
            expected = "false, as this model was trained without the hyperparameter calibrate"
            if self.uncalibrated:
                expected = "false, as this model's calibration failed in training"
            hint = (self.uncalibrated or "").rstrip(".")
            raise InvalidData(place=(*place, "calibrated"), expected=expected, got="true", hint=hint)

    def tensors(self) -> TensorForm[Request, Prediction]:
        from forecastle.algorithms.deepar.inference.tensors import SeriesAsTensors

        return SeriesAsTensors(self.network, self.live, self.require_calibration)

    def cost(self, request: Request) -> float:
        fixed, each_path = self._costs(request.configuration)
        return len(request.series) * (fixed + request.configuration.num_samples * each_path)

    def rows(self, request: Request) -> int:
        return len(request.series)

    def advice(self, request: Request, seconds: float) -> str:
        fixed, each_path = self._costs(request.configuration)
        count, paths = len(request.series), request.configuration.num_samples
        fewer = math.floor((seconds / count - fixed) / each_path)
        if fewer >= min(paths, FEW_PATHS):
            return f"num_samples may be at most {footprint.rounded_down(fewer)} for {count} series, got {paths}"
        fewer = math.floor(seconds / (fixed + paths * each_path))
        if fewer >= 1:
            most = footprint.rounded_down(fewer)
            return f"with num_samples {paths} a request may have at most {most} series, got {count}"
        fewer = math.floor((seconds - fixed) / each_path)
        if fewer >= 1:
            return f"num_samples may be at most {footprint.rounded_down(fewer)} for one series, got {paths}"
        return "the model is too large for this time"

    def _costs(self, configuration: Configuration) -> tuple[float, float]:
        """Seconds of a series without its paths, and of each path."""
        network = self.network
        cells, steps = network.cells, network.prediction_length
        products = sum(4 * cells * (layer.input_weight.shape[1] + cells) for layer in network.layers)
        step = products * SECONDS_PER_PRODUCT
        written = SECONDS_PER_NUMBER if "samples" in configuration.output_types else 0.0
        return network.context_length * step + SECONDS_PER_SERIES, steps * (step + SECONDS_PER_DRAW + written)

    def predict(self, requests: Sequence[Request], threads: int) -> Sequence[Prediction]:
        """Forecast. Raises `OutOfSpace` if there is too little free memory now for the requests together."""
        self._require_memory(requests, threads)
        answers: list[Prediction | None] = [None] * len(requests)
        # A request of many series uses all threads; small requests run in parallel, each on one thread.
        large = [index for index, request in enumerate(requests) if len(request.series) >= 2 * threads]
        small = [index for index, request in enumerate(requests) if len(request.series) < 2 * threads]
        if len(small) == 1:
            large, small = large + small, []
        for index in large:
            answers[index] = self._predict(requests[index], threads)

        def work(start: int, stop: int) -> None:
            for index in small[start:stop]:
                answers[index] = self._predict(requests[index], 1)

        in_parallel(work, len(small), block=1, threads=threads)
        return [answer for answer in answers if answer is not None]

    def encode(self, prediction: Prediction, media_type: str) -> bytes:
        return write_answer(prediction.forecasts, prediction.configuration, media_type)

    def _predict(self, request: Request, threads: int) -> Prediction:
        configuration = request.configuration
        levels = tuple(configuration.quantiles.values()) if "quantiles" in configuration.output_types else ()
        if configuration.calibrated and self.calibration is not None:
            levels = tuple(map(self.calibration.level, levels))
        forecasts = forecast(
            self.network,
            request.series,
            num_samples=configuration.num_samples,
            quantiles=levels,
            seed=request.seed,
            want_samples="samples" in configuration.output_types,
            threads=threads,
        )
        return Prediction(tuple(forecasts), configuration)

    def _require_memory(self, requests: Sequence[Request], threads: int) -> None:
        """Each request fitted into memory when it was parsed; several together may not."""
        size = sum(
            footprint.footprint(len(request.series), self.network, request.configuration, threads)
            for request in requests
        )
        require_free(size)


def _typical(network: Network, step: int) -> float:
    """A value that the likelihood may draw, of a series with a daily pattern."""
    swing = 0.5 + 0.4 * math.sin(step * math.tau / EXAMPLE_STEPS)  # in (0, 1)
    return network.likelihood.typical(swing)
