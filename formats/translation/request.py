"""Requests: JSON, JSON Lines and RecordIO to ids and the configuration of each answer.

    {"instances": [{"data": "I love you", "configuration": {"attention_matrix": "true"}}, …]}

`configuration` beside `instances`, which is ours, is the default of all instances. In JSON Lines each line is
`{"source": "…"}`, as in SageMaker's batch transform, and may have a configuration. In RecordIO the ids are under
`features["source"]`.

Source: "Input/Output Interface for the Sequence-to-Sequence Algorithm", AWS's developer guide.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData, PayloadTooLarge
from forecastle.contract.media_type import JSON_LINES, RECORDIO, MediaType
from forecastle.contract.place import At, Place, Source
from forecastle.formats import json_document, sequences
from forecastle.formats.json_size import fits, require_readable
from forecastle.formats.members import require_instances, require_known
from forecastle.formats.translation.configuration import Configuration, configuration
from forecastle.formats.translation.tokens import Ids, Tokens, require_unicode

_BYTES_OF_A_TOKEN = 64  # far longer than any: a longer text is refused before it is split


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Sentence:
    """A sentence to translate."""

    words: Ids  # (S,), at least one
    configuration: Configuration


Request = tuple[Sentence, ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class RequestReader:
    """Reads the requests of a model.

    Attributes
    ----------
    tokens : of the source language.
    default : the configuration of sentences without one.
    max_tokens : of the longest sentence.
    setting : the environment variable that sets it; empty if it is the model's limit.
    """

    tokens: Tokens
    default: Configuration
    max_tokens: int
    setting: str

    def decode(self, body: bytes, content_type: MediaType) -> Request:
        """Parse and check a body. Raises `InvalidData` with the place of the error."""
        content_type.require_utf8()
        if content_type.essence == RECORDIO:
            return tuple(self._of_records(body))
        if content_type.essence == JSON_LINES:
            return tuple(self._of_lines(body))
        return tuple(self._of_document(body))

    def _of_document(self, body: bytes) -> Iterator[Sentence]:
        parsed = _parse(body, 1)
        if isinstance(parsed, dict) and "source" in parsed and "instances" not in parsed:
            hint = f'a line with "source" is {JSON_LINES}'
            raise InvalidData(expected='"instances"', got='"source"', hint=hint)
        document, instances = require_instances(parsed, "sentence")
        default = configuration(document.get("configuration"), ("configuration",), self.default)
        for index, instance in enumerate(instances):
            yield self._sentence(instance, "data", ("instances", index), default)

    def _of_lines(self, body: bytes) -> Iterator[Sentence]:
        empty = True
        for number, line in enumerate(io.BytesIO(body), 1):
            if not line.isspace():
                empty = False
                yield self._sentence(_parse(line, number), "source", (At("line", number),), self.default)
        if empty:
            raise InvalidData(place=(At("line", 1),), expected='an object with "source"', got="nothing")

    def _of_records(self, body: bytes) -> Iterator[Sentence]:
        (found,) = sequences.decode(body, ("source",))
        for number in range(len(found)):
            words, place = found[number], (At("record", number + 1), "source")
            odd = np.flatnonzero((words < 0) | (words >= self.tokens.size))
            if len(odd):
                raise InvalidData(
                    place=(*place, int(odd[0])),
                    expected=f"an id from 0 to {self.tokens.size - 1}",
                    got=str(words[odd[0]]),
                )
            self._require_length(len(words), place)
            yield Sentence(words, self.default)

    def _sentence(self, instance: Any, member: str, place: Place, default: Configuration) -> Sentence:
        if not isinstance(instance, dict):
            raise InvalidData(place=place, expected=f'an object with "{member}"', got=quotation.of_json(instance))
        require_known(instance, (member, "configuration"), place)
        if member not in instance:
            raise InvalidData(place=place, expected=f'"{member}", which is missing')
        text, place_of_text = instance[member], (*place, member)
        if not isinstance(text, str):
            raise InvalidData(place=place_of_text, expected="a string", got=quotation.of_json(text))
        words = self.words(text, place_of_text)
        return Sentence(words, configuration(instance.get("configuration"), (*place, "configuration"), default))

    def words(self, text: str, place: Place) -> Ids:
        """The ids of a sentence. Raises `InvalidData` if it is empty or too long."""
        require_unicode(text, place)
        if len(text) > _BYTES_OF_A_TOKEN * self.max_tokens:
            expected = f"at most {_BYTES_OF_A_TOKEN * self.max_tokens} characters"
            raise self._too_long(place, expected, len(text))
        words = self.tokens.encode(text)
        self._require_length(len(words), place)
        return words

    def _require_length(self, length: int, place: Place) -> None:
        if not length:
            raise InvalidData(place=place, expected="a sentence", got="an empty one")
        if length > self.max_tokens:
            raise self._too_long(place, f"at most {self.max_tokens} tokens", length)

    def _too_long(self, place: Place, expected: str, length: int) -> InvalidData:
        hint = "send its sentences one by one" + (f", or set {self.setting}" if self.setting else "")
        return InvalidData(place=place, expected=expected, got=str(length), hint=hint)


def require_fit(sentences: Sequence[Sentence], size: int) -> None:
    """Raise `PayloadTooLarge` if the `size` in bytes that translating the sentences takes is more than is free."""
    if not fits(size):
        raise PayloadTooLarge(
            place=(Source("Body"),),
            expected="sentences whose translation fits the free memory",
            got=f"{len(sentences)} that take {size / 1e9:.2g} GB",
            hint="send fewer at a time, or ask for a smaller beam_size or no attention_matrix",
        )


def _parse(body: bytes, first_line: int) -> Any:
    require_readable(body, "send fewer sentences at a time")
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # Find the error and its place, or read what Python writes although it is not JSON, such as half a surrogate.
        return json_document.parse(json_document.decode_text(body), first_line)
