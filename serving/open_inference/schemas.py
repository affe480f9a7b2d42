"""The protocol's JSON objects, as /openapi.json describes them."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, Field

from forecastle.algorithms.tensors import TensorType


class ServerMetadata(BaseModel):
    """The server."""

    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    """The server answers."""

    live: bool


class Ready(BaseModel):
    """The server, and its model, are ready."""

    ready: bool


class ModelReady(BaseModel):
    """A model is ready."""

    name: str
    ready: bool


class TensorMetadata(BaseModel):
    """A tensor; −1 in its shape is any length."""

    name: str
    datatype: str
    shape: list[int]

    @classmethod
    def of(cls, tensor: TensorType) -> Self:
        return cls(name=tensor.name, datatype=tensor.datatypes[0], shape=list(tensor.shape))


class ModelMetadata(BaseModel):
    """A model's tensors."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class InputTensor(BaseModel):
    """A tensor of a request: `data` is nested or flat; with the parameter `binary_data_size` it follows the JSON."""

    name: str
    shape: list[Annotated[int, Field(ge=0)]]
    datatype: str
    parameters: dict[str, Any] | None = None
    data: list[Any] | None = None


class RequestedOutput(BaseModel):
    """An output that a request asks for: as bytes after the JSON with the parameter `binary_data`."""

    name: str
    parameters: dict[str, Any] | None = None


class Inference(BaseModel):
    """A request; with the parameter `binary_data_output` all outputs are bytes after the JSON."""

    id: str | None = None
    parameters: dict[str, Any] | None = None
    inputs: list[InputTensor]
    outputs: list[RequestedOutput] | None = None


class OutputTensor(BaseModel):
    """A tensor of an answer: `data` is flat, or follows the JSON in `binary_data_size` bytes."""

    name: str
    datatype: str
    shape: list[int]
    parameters: dict[str, int] | None = None
    data: list[Any] | None = None


class InferenceAnswer(BaseModel):
    """The outputs."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


class InferenceError(BaseModel):
    """An error of the paths under /v2."""

    error: str
