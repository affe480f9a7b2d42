"""A model in this process, asked as a server is."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from forecastle.client.endpoint import JSON, refusal
from forecastle.client.errors import PredictorError
from forecastle.contract.archive import unpacked
from forecastle.contract.errors import ForecastleError, InvalidData, UserError
from forecastle.contract.place import Source

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


def open_model(model: Path, *names: str) -> OpenedModel:
    """A model in a folder or a model.tar.gz, of one of the algorithms `names`; default settings.

    One that another trainer left, such as SageMaker, is converted. Raises `PredictorError` if there is none, if it is
    of another algorithm, or if a package is missing that it needs.
    """
    from forecastle.algorithms import find

    if not model.exists():
        raise PredictorError(f"{model}: expected a model's folder or model.tar.gz, there is none.")
    try:
        artifact = artifact_of(model, *names)
        algorithm = find(artifact.algorithm)
        return OpenedModel(algorithm.load(artifact, algorithm.settings()))
    except UserError as error:
        located = any(isinstance(part, Source) and part.name.startswith(str(model)) for part in error.place)
        raise PredictorError((error if located else error.within(str(model))).sentence) from None


def artifact_of(model: Path, *names: str) -> "Artifact":
    """What is in a folder or a model.tar.gz, of one of the algorithms `names`, ours or another trainer's.

    Raises `InvalidData`.
    """
    from forecastle.algorithms.foreign import read_model

    with unpacked(model) as folder:
        artifact = read_model(folder)
    if artifact.algorithm not in names:
        expected, got = f"a model of {' or '.join(names)}", f"one of {artifact.algorithm!r:.40}"
        raise InvalidData(place=("algorithm",), expected=expected, got=got)
    return artifact
