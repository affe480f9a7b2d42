"""The messages of an inference: a request's tensors, checked against those of the model, and the answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from forecastle.algorithms.tensors import Tensor, TensorForm, TensorType
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place, Source
from forecastle.formats import json_document
from forecastle.formats.json_size import require_readable
from forecastle.formats.members import require_known
from forecastle.serving.open_inference import datatypes

VERSION = "1"  # of every model
HEADER_LENGTH = (Source("Inference-Header-Content-Length"),)
BODY = (Source("Body"),)
_MEMBERS = ("id", "model_name", "model_version", "parameters", "inputs", "outputs")
_OF_INPUT = ("name", "shape", "datatype", "parameters", "data")
_OF_OUTPUT = ("name", "parameters")

Object = Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class InferRequest:
    """A request: its tensors by name, and the outputs that it asks for, in order; none asks for the model's choice.

    `is_binary` says which outputs are wanted as bytes; other outputs are if `all_binary`.
    """

    id: str | None
    parameters: Object
    tensors: Mapping[str, Tensor]
    outputs: Sequence[str]
    is_binary: Mapping[str, bool]
    all_binary: bool

    @classmethod
    def parse(cls, body: bytes, header_length: int | None, form: TensorForm[Any, Any]) -> "InferRequest":
        """The request of a body whose JSON has `header_length` bytes, None if all of it is JSON.

        Raises `InvalidData` with the place of the error, `PayloadTooLarge` if it takes too much memory.
        """
        if header_length is not None and header_length > len(body):
            expected = f"at most {len(body)}, the bytes of the body"
            raise InvalidData(place=HEADER_LENGTH, expected=expected, got=str(header_length))
        document = _object(_parsed(body[:header_length]), ())
        require_known(document, _MEMBERS)
        rest = memoryview(body)[len(body) if header_length is None else header_length :]
        parameters = _parameters(document, ())
        identity = document.get("id")
        if identity is not None and datatypes.utf8(identity) is None:
            raise InvalidData(place=("id",), expected=datatypes.TEXT, got=quotation.of_json(identity))
        outputs = _outputs(document, form.outputs)
        return cls(
            identity,
            parameters,
            _inputs(document, rest, form.inputs),
            list(outputs),
            {name: flag for name, flag in outputs.items() if flag is not None},
            _flag(parameters, "binary_data_output", ()) or False,
        )


def write_answer(
    request: InferRequest, model: str, tensors: Mapping[str, Tensor], places: Place = ("outputs",)
) -> tuple[bytes, int | None]:
    """The answer with the tensors that the request asks for, and the length of its JSON if tensors follow it."""
    outputs, parts = [], []
    for name in request.outputs or tensors:
        tensor = tensors[name]
        output: dict[str, Any] = {"name": name, "datatype": datatypes.name_of(tensor), "shape": list(tensor.shape)}
        if request.is_binary.get(name, request.all_binary):
            parts.append(datatypes.as_bytes(tensor))
            output["parameters"] = {"binary_data_size": len(parts[-1])}
        else:
            output["data"] = datatypes.as_json(tensor, (*places, name))
        outputs.append(output)
    identity = {} if request.id is None else {"id": request.id}
    document = {"model_name": model, "model_version": VERSION, **identity, "outputs": outputs}
    head = orjson.dumps(document, option=orjson.OPT_SERIALIZE_NUMPY)
    return (b"".join([head, *parts]), len(head)) if parts else (head, None)


def _parsed(text: bytes) -> Any:
    require_readable(text, "send tensors as binary data, which takes less, or fewer at a time")
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json_document.parse(json_document.decode_text(text))  # finds the place of the error, or reads NaN


def _inputs(document: Object, rest: memoryview, types: Sequence[TensorType]) -> dict[str, Tensor]:
    given = document.get("inputs")
    if given is None:
        raise InvalidData(expected='"inputs", which is missing')
    if not isinstance(given, list):
        raise InvalidData(place=("inputs",), expected="a list", got=quotation.of_json(given))
    known = {each.name: each for each in types}
    tensors: dict[str, Tensor] = {}
    for index, each in enumerate(given):
        place: Place = ("inputs", index)
        tensor = _object(each, place)
        require_known(tensor, _OF_INPUT, place)
        name = _one_of(tensor, "name", known, place)
        if name in tensors:
            raise InvalidData(place=(*place, "name"), expected="each once", got=f"{quotation.of_json(name)} again")
        found, rest = _input(tensor, rest, known[name], place)
        tensors[name] = found.reshape(found.shape[: len(known[name].shape)])
    for name, each in known.items():
        if name not in tensors and not each.is_optional:
            raise InvalidData(place=("inputs",), expected=f'the tensor "{name}", which is missing')
    if len(rest):
        expected = "as many bytes as the inputs' binary_data_size say"
        raise InvalidData(place=BODY, expected=expected, got=f"{len(rest)} more")
    return tensors


def _input(tensor: Object, rest: memoryview, wanted: TensorType, place: Place) -> tuple[Tensor, memoryview]:
    """A tensor from its JSON, or from the first of the bytes that follow; and the other bytes."""
    datatype = _one_of(tensor, "datatype", wanted.datatypes, place)
    shape = _shape(tensor, wanted, place)
    size = _parameters(tensor, place).get("binary_data_size")
    if size is None:
        if tensor.get("data") is None:
            raise InvalidData(place=place, expected='"data", which is missing')
        return datatypes.from_json(tensor["data"], datatype, shape, (*place, "data")), rest
    where = (*place, "parameters", "binary_data_size")
    if type(size) is not int or not 0 <= size <= len(rest):
        expected = f"a whole number up to {len(rest)}, the bytes that are left after the JSON"
        raise InvalidData(place=where, expected=expected, got=quotation.of_json(size))
    if tensor.get("data") is not None:
        raise InvalidData(place=place, expected='either "data" or binary_data_size', got="both")
    return datatypes.from_bytes(rest[:size], datatype, shape, where), rest[size:]


def _shape(tensor: Object, wanted: TensorType, place: Place) -> datatypes.Shape:
    place = (*place, "shape")
    shape = tensor.get("shape")
    if not isinstance(shape, list):
        raise InvalidData(place=place, expected="a list", got=quotation.of_json(shape))
    for index, length in enumerate(shape):
        if type(length) is not int or length < 0:
            raise InvalidData(place=(*place, index), expected="a whole number", got=quotation.of_json(length))
    rank = len(wanted.shape)
    has_rank = len(shape) == rank or (len(shape) == rank + 1 and shape[-1] == 1)  # MLServer adds a 1 to strings
    if not (has_rank and all(length in (each, -1) for length, each in zip(wanted.shape, shape))):
        got = quotation.as_json(shape)
        raise InvalidData(place=place, expected=f"{list(wanted.shape)}, where -1 is any length", got=got)
    return tuple(shape)


def _outputs(document: Object, types: Sequence[TensorType]) -> dict[str, bool | None]:
    """The outputs asked for, and whether as bytes, if that is said."""
    given = document.get("outputs")
    if given is None:
        return {}
    if not isinstance(given, list):
        raise InvalidData(place=("outputs",), expected="a list", got=quotation.of_json(given))
    known, asked = [each.name for each in types], {}
    for index, each in enumerate(given):
        place: Place = ("outputs", index)
        output = _object(each, place)
        require_known(output, _OF_OUTPUT, place)
        name = _one_of(output, "name", known, place)
        asked[name] = _flag(_parameters(output, place), "binary_data", place)
    return asked


def _one_of(members: Object, name: str, known: Sequence[str] | Mapping[str, Any], place: Place) -> str:
    value = members.get(name)
    if not (isinstance(value, str) and value in known):
        expected = ", ".join(known)
        got = quotation.of_json(value) if name in members else "nothing"
        raise InvalidData(place=(*place, name), expected=f"one of {expected}" if len(known) > 1 else expected, got=got)
    return value


def _parameters(members: Object, place: Place) -> Object:
    value = members.get("parameters")
    return {} if value is None else _object(value, (*place, "parameters"))


def _flag(parameters: Object, name: str, place: Place) -> bool | None:
    value = parameters.get(name)
    if not (value is None or isinstance(value, bool)):
        place = (*place, "parameters", name)
        raise InvalidData(place=place, expected="true or false", got=quotation.of_json(value))
    return value


def _object(value: Any, place: Place) -> Object:
    if not isinstance(value, dict):
        raise InvalidData(place=place, expected="an object", got=quotation.of_json(value))
    return value
