"""Requests and predictions as named tensors, for the Open Inference Protocol."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

Request = TypeVar("Request")
Prediction = TypeVar("Prediction")

Tensor = NDArray[Any]  # numbers or flags; elements of the datatype BYTES are `bytes` in an array of objects

FLOATS = ("FP32", "FP64", "FP16")
INTEGERS = ("INT64", "INT32", "INT16", "INT8", "UINT64", "UINT32", "UINT16", "UINT8")
NUMBERS = (*FLOATS, *INTEGERS)


@dataclass(frozen=True, slots=True)
class TensorType:
    """A tensor that a model takes or returns.

    Attributes
    ----------
    datatypes : the protocol's names of what is accepted; the first is the one in the metadata of the model.
    shape : −1 is any length.
    """

    name: str
    datatypes: tuple[str, ...]
    shape: tuple[int, ...]
    is_optional: bool = False


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Given:
    """The tensors of a request, each of a declared datatype, rank and lengths, and what else the client said.

    Attributes
    ----------
    tensors : by their names; all but optional ones are there.
    outputs : the names of the outputs that the client asks for; empty if it leaves the choice to the model.
    parameters : of the request.
    threads : as in `Payload`.
    """

    tensors: Mapping[str, Tensor]
    outputs: Sequence[str]
    parameters: Mapping[str, Any]
    threads: int = 1


class TensorForm(ABC, Generic[Request, Prediction]):
    """How the requests and predictions of a model are written as named tensors."""

    @property
    @abstractmethod
    def inputs(self) -> Sequence[TensorType]:
        """What a request consists of."""

    @property
    @abstractmethod
    def outputs(self) -> Sequence[TensorType]:
        """What clients may ask for."""

    @abstractmethod
    def decode(self, given: Given) -> Request:
        """Check the tensors' values. Raises `UserError` with a place that begins with the name of a tensor."""

    @abstractmethod
    def encode(self, prediction: Prediction) -> Mapping[str, Tensor]:
        """A prediction as tensors: the outputs that were asked for, or else those of the model's choice."""
