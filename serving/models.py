"""The models that a server holds."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecastle.algorithms import find
from forecastle.algorithms.foreign import read_model
from forecastle.algorithms.interface import Algorithm, Model
from forecastle.contract.archive import unpacked
from forecastle.contract.errors import AlreadyLoaded, InvalidData, NotAcceptable, NotFound, NotReady
from forecastle.contract.settings import Settings


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeldModel:
    """A model in memory, and what is told of it.

    Attributes
    ----------
    name : what requests call it: a server of several models is told a name, another's model is named as its algorithm.
    folder : where it came from, or the archive.
    origin : whose training wrote it, if not ours.
    seen : pairs of media types, in and out, that it has read and written at least once, so that whatever is compiled
        or imported at first use is there.
    """

    name: str
    folder: Path
    algorithm: Algorithm[Any]
    model: Model[Any, Any]
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    request_types: tuple[str, ...]
    response_types: tuple[str, ...]
    origin: str | None = None
    seen: set[tuple[str, str]] = field(default_factory=set)


class Models:
    """The models by name. An ordinary server holds one, and requests name none; `several` come and go by name."""

    def __init__(self, several: bool) -> None:
        self.several = several
        self._held: dict[str, HeldModel] = {}

    def add(self, held: HeldModel) -> None:
        self._held[held.name] = held

    def remove(self, name: str) -> HeldModel:
        """Hold the model no longer, and give it back. Raises `NotFound`."""
        held = self.named(name)
        del self._held[name]
        return held

    def require_new(self, name: str) -> None:
        """Raises `AlreadyLoaded` where a model of that name is held."""
        if name in self._held:
            raise AlreadyLoaded(f"Model {name} is already registered.")

    def named(self, name: str) -> HeldModel:
        """The model of that name. Raises `NotFound`."""
        try:
            return self._held[name]
        except KeyError:
            raise NotFound(f"Model not found: {name}") from None

    def all(self) -> list[HeldModel]:
        """Those that are loaded and warmed up, in the order of their names."""
        return [held for _, held in sorted(self._held.items())]

    def only(self) -> HeldModel:
        """The model of an ordinary server. Raises `NotReady` before it is loaded and warmed up."""
        for held in self._held.values():
            return held
        raise NotReady("The model is not loaded and warmed up yet: ask again once GET /ping answers 200.")


def load_model(folder: Path, threads: int, settings: Settings, name: str | None = None) -> HeldModel:
    """Load the model in `folder`, or in an archive, and let it answer its own examples.

    Without a `name` it is called after its algorithm. Raises `UserError` where it cannot be loaded.
    """
    with unpacked(folder) as inside:
        artifact = read_model(inside)
    algorithm = find(artifact.algorithm)
    try:
        model = algorithm.load(artifact, settings.of(algorithm.settings))
    except InvalidData as error:
        raise error.within(str(folder)) from None
    held = HeldModel(
        name=algorithm.name if name is None else name,
        folder=folder,
        algorithm=algorithm,
        model=model,
        hyperparameters=artifact.hyperparameters,
        metrics=artifact.metrics,
        request_types=tuple(algorithm.request_types),
        response_types=tuple(algorithm.response_types),
        origin=artifact.parameters.get("origin"),
    )
    _warm_up(held, threads)
    return held


def _warm_up(held: HeldModel, threads: int) -> None:
    """Answer the model's examples in every response type, so that nothing is left to be compiled by a request."""
    model = held.model
    for payload in model.examples():
        (prediction,) = model.predict([model.decode(payload)], threads)
        for response_type in held.response_types:
            with contextlib.suppress(NotAcceptable):  # some answers cannot be given in all types
                model.encode(prediction, response_type)
                held.seen.add((payload.content_type.essence, response_type))
