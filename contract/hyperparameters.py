"""A job's hyperparameters: a flat map of strings, parsed by each algorithm's own pydantic model."""

from collections.abc import Mapping
from typing import ClassVar, Self

from forecastle.contract.typed_text import TypedText


class Hyperparameters(TypedText):
    """The base of every algorithm's hyperparameters."""

    noun = "Hyperparameter"
    without_effect: ClassVar[frozenset[str]] = frozenset()
    """Further names that SageMaker's clients send: accepted and ignored."""

    @classmethod
    def parse(cls, given: Mapping[str, object]) -> Self:
        """Parse a job's hyperparameters; names that start with `_` or `sagemaker_` are the platform's, and ignored."""
        return super().parse({name: value for name, value in given.items() if not cls.ignores(name)})

    @classmethod
    def ignores(cls, name: str) -> bool:
        return (cls.is_platforms(name) or name in cls.without_effect) and name not in cls.known()

    @staticmethod
    def is_platforms(name: str) -> bool:
        """Whether the name is SageMaker's own, sent to every algorithm."""
        return name.startswith(("_", "sagemaker_"))

    @classmethod
    def required(cls) -> set[str]:
        return {name for name, field in cls.known().items() if field.is_required()}

    @classmethod
    def defaults(cls) -> dict[str, object]:
        """The defaults, as the job's log shows them."""
        return {
            name: field.get_default(call_default_factory=True)
            for name, field in cls.known().items()
            if not field.is_required()
        }
