"""A model in this process, asked as a server is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecastle.client.endpoint import JSON, refusal
from forecastle.client.errors import PredictorError
from forecastle.contract.archive import unpacked
from forecastle.contract.errors import ForecastleError, InvalidData

if TYPE_CHECKING:
    from forecastle.contract.artifact import Artifact


class OpenedModel:
    """A model that answers in this process, on up to `threads` threads; None is one for each core."""

    most_bytes = 2**40

    def __init__(self, model: Any, threads: int | None = None) -> None:
        self.model = model
        self._threads = threads

    def ask(self, body: bytes, content_type: str, attributes: str = "") -> bytes:
        from forecastle.algorithms.request import Payload
        from forecastle.contract.media_type import MediaType
        from forecastle.kernels.threads import available_cores

        threads = self._threads or available_cores()
        try:
            request = self.model.decode(Payload(body, MediaType.parse(content_type), attributes, threads))
            (prediction,) = self.model.predict([request], threads)
            answer: bytes = self.model.encode(prediction, JSON)
        except ForecastleError as error:
            raise refusal("", int(error.status), error.sentence) from None
        return answer


def open_model(model: Path, name: str) -> OpenedModel:
    """A model in a folder or a model.tar.gz, of the algorithm `name`, or one that SageMaker trained; default settings.

    Raises `PredictorError` if there is none, or another algorithm's.
    """
    from forecastle.algorithms import find

    if not model.exists():
        raise PredictorError(f"{model}: expected a model's folder or model.tar.gz, there is none.")
    try:
        artifact = artifact_of(model, name)
        algorithm = find(name)
        return OpenedModel(algorithm.load(artifact, algorithm.settings()))
    except InvalidData as error:
        sentence = error.sentence if str(model) in error.sentence else error.within(str(model)).sentence
        raise PredictorError(sentence) from None


def artifact_of(model: Path, name: str) -> "Artifact":
    """What is in a folder or a model.tar.gz, of the algorithm `name`, ours or SageMaker's. Raises `InvalidData`."""
    from forecastle.algorithms.foreign import read_model

    with unpacked(model) as folder:
        artifact = read_model(folder)
    if artifact.algorithm != name:
        got = f"one of {artifact.algorithm!r:.40}"
        raise InvalidData(place=("algorithm",), expected=f"a model of {name}", got=got)
    return artifact
