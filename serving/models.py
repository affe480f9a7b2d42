"""The models that a server holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from algorithms import find
from algorithms.interface import Algorithm, Model
from contract.artifact import read_artifact, read_manifest
from contract.errors import InvalidData, NotReady


@dataclass(frozen=True, slots=True, eq=False)
class HeldModel:
    """A model in memory, and what is told of it.

    Attributes
    ----------
    seen : pairs of media types, in and out, that it has read and written at least once, so that whatever is compiled
        or imported at first use is there.
    """

    name: str
    algorithm: Algorithm[Any]
    model: Model[Any, Any]
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    request_types: tuple[str, ...]
    response_types: tuple[str, ...]
    seen: set[tuple[str, str]] = field(default_factory=set)


class Models:
    """The models by name. An ordinary server holds one; requests that name none mean that one."""

    def __init__(self) -> None:
        self._held: dict[str, HeldModel] = {}

    def add(self, held: HeldModel) -> None:
        self._held[held.name] = held

    def only(self) -> HeldModel:
        """The model that is meant where none is named. Raises `NotReady` before it is loaded and warmed up."""
        for held in self._held.values():
            return held
        raise NotReady("The model is not loaded and warmed up yet: ask again once GET /ping answers 200.")


def load_model(folder: Path, threads: int) -> HeldModel:
    """Load the model in `folder` and let it answer its own example. Raises `UserError` where it cannot be loaded."""
    algorithm = find(read_manifest(folder)["algorithm"])
    artifact = read_artifact(folder)
    try:
        model = algorithm.load(artifact)
    except InvalidData as error:
        raise error.within(str(folder)) from None
    held = HeldModel(
        name=algorithm.name,
        algorithm=algorithm,
        model=model,
        hyperparameters=artifact.hyperparameters,
        metrics=artifact.metrics,
        request_types=tuple(algorithm.request_types),
        response_types=tuple(algorithm.response_types),
    )
    _warm_up(held, threads)
    return held


def _warm_up(held: HeldModel, threads: int) -> None:
    model, payload, response_type = held.model, held.model.example(), held.response_types[0]
    (prediction,) = model.predict([model.decode(payload)], threads)
    model.encode(prediction, response_type)
    held.seen.add((payload.content_type.essence, response_type))
