"""The loaded models."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from forecastle.algorithms.interface import Algorithm, Model
from forecastle.contract.errors import AlreadyLoaded, NotFound, NotReady


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class HeldModel:
    """A loaded model, and what clients can learn about it.

    Attributes
    ----------
    name : from POST /models on a server of several models, otherwise the algorithm's name.
    folder : the folder or archive that it was loaded from.
    origin : what trained it, such as SageMaker; None for forecastle.
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
    _warm: set[tuple[str, str]] = field(default_factory=set)  # media types, in and out, that it has answered

    def answered(self, request_type: str, response_type: str) -> None:
        """Record that it has answered in these media types: what they compile or import at first use is ready."""
        self._warm.add((request_type, response_type))

    def is_warm_for(self, request_type: str, response_type: str) -> bool:
        """Whether it has answered in these media types before."""
        return (request_type, response_type) in self._warm


class Models:
    """The models by name: one on an ordinary server, whose requests name none, or `several`."""

    def __init__(self, several: bool) -> None:
        self.several = several
        self._held: dict[str, HeldModel] = {}

    def add(self, held: HeldModel) -> None:
        self._held[held.name] = held

    def remove(self, name: str) -> HeldModel:
        """Remove the model and return it. Raises `NotFound`."""
        held = self.named(name)
        del self._held[name]
        return held

    def require_new(self, name: str) -> None:
        """Raises `AlreadyLoaded` if there is a model of that name."""
        if name in self._held:
            raise AlreadyLoaded(f"Model {name} is already registered.")

    def named(self, name: str) -> HeldModel:
        """The model of that name. Raises `NotFound`."""
        try:
            return self._held[name]
        except KeyError:
            raise NotFound(f"Model not found: {name}") from None

    def all(self) -> list[HeldModel]:
        """All that are loaded and warmed up, sorted by name."""
        return [held for _, held in sorted(self._held.items())]

    def only(self) -> HeldModel:
        """The model of an ordinary server. Raises `NotReady` before it is loaded and warmed up."""
        for held in self._held.values():
            return held
        raise NotReady("The model is still being loaded: retry once GET /ping answers 200.")
