"""The form of models without tensors of their own: the body of a request, and that of its answer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecastle.algorithms.interface import Payload
from forecastle.algorithms.tensors import Given, Tensor, TensorForm, TensorType
from forecastle.contract import quotation
from forecastle.contract.errors import UnsupportedMediaType
from forecastle.contract.media_type import MediaType, negotiate
from forecastle.contract.place import Place
from forecastle.serving.models import HeldModel

BODY = "body"
CONTENT_TYPE, ACCEPT = "content_type", "accept"  # parameters of a request


class BodyAsTensor(TensorForm[Any, Any]):
    """One element of the datatype BYTES in and out, for one request.

    The request's parameters `content_type` and `accept` are media types; other values, such as those of MLServer's
    codecs, count as missing.
    """

    def __init__(self, held: HeldModel) -> None:
        self._held = held
        self._response_type = held.response_types[0]

    @property
    def inputs(self) -> Sequence[TensorType]:
        return (TensorType(BODY, ("BYTES",), (1,)),)

    @property
    def outputs(self) -> Sequence[TensorType]:
        return (TensorType(BODY, ("BYTES",), (1,)),)

    def decode(self, given: Given) -> Any:
        content_type = MediaType.parse(_media_type(given.parameters, CONTENT_TYPE) or self._held.request_types[0])
        if content_type.essence not in self._held.request_types:
            place: Place = ("parameters", CONTENT_TYPE)
            expected = f"one of {', '.join(self._held.request_types)}"
            raise UnsupportedMediaType(place=place, expected=expected, got=quotation.of_json(content_type.essence))
        self._response_type = negotiate(_media_type(given.parameters, ACCEPT), self._held.response_types)
        return self._held.model.decode(Payload(given.tensors[BODY][0], content_type, threads=given.threads))

    def encode(self, prediction: Any) -> Mapping[str, Tensor]:
        body = np.empty(1, object)
        body[0] = self._held.model.encode(prediction, self._response_type)
        return {BODY: body}


def _media_type(parameters: Mapping[str, Any], name: str) -> str | None:
    value = parameters.get(name)
    return value if isinstance(value, str) and "/" in value else None
