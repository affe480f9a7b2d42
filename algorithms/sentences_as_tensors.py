"""Sentences and their translations as named tensors.

instances      BYTES [sentences], text in UTF-8
configuration  BYTES [1], as in a JSON request, of all sentences; may be missing
translations   BYTES [sentences], the best of each
scores         FP32 [sentences], if they are asked for
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from forecastle.algorithms.tensors import Given, Tensor, TensorForm, TensorType
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place
from forecastle.formats import json_document
from forecastle.formats.translation.answer import Translation
from forecastle.formats.translation.configuration import Configuration, configuration
from forecastle.formats.translation.request import Request, RequestReader, Sentence
from forecastle.formats.translation.tokens import Tokens

INSTANCES, CONFIGURATION = "instances", "configuration"
TRANSLATIONS, SCORES = "translations", "scores"


class SentencesAsTensors(TensorForm[Request, tuple[Translation, ...]]):
    """The form of the requests that `reader` reads, and of translations in the tokens of `target`."""

    def __init__(self, reader: RequestReader, target: Tokens) -> None:
        self._reader, self._target = reader, target

    @property
    def inputs(self) -> Sequence[TensorType]:
        return (
            TensorType(INSTANCES, ("BYTES",), (-1,)),
            TensorType(CONFIGURATION, ("BYTES",), (1,), is_optional=True),
        )

    @property
    def outputs(self) -> Sequence[TensorType]:
        return TensorType(TRANSLATIONS, ("BYTES",), (-1,)), TensorType(SCORES, ("FP32",), (-1,))

    def decode(self, given: Given) -> Request:
        instances = given.tensors[INSTANCES]
        if not len(instances):
            raise InvalidData(place=(INSTANCES,), expected="at least one sentence", got="none")
        wanted = self._configuration(given)
        return tuple(
            Sentence(self._reader.words(_text(instance, (INSTANCES, index)), (INSTANCES, index)), wanted)
            for index, instance in enumerate(instances.tolist())
        )

    def encode(self, prediction: tuple[Translation, ...]) -> Mapping[str, Tensor]:
        best = [each.hypotheses[0] for each in prediction]
        translations = np.empty(len(best), object)
        translations[:] = [self._target.decode(each.words).encode() for each in best]
        tensors: dict[str, Tensor] = {TRANSLATIONS: translations}
        if prediction[0].configuration.scores:
            tensors[SCORES] = np.array([each.score for each in best], np.float32)
        return tensors

    def _configuration(self, given: Given) -> Configuration:
        place: Place = (CONFIGURATION,)
        document = {}
        if CONFIGURATION in given.tensors:
            text = _text(given.tensors[CONFIGURATION][0], place)
            try:
                document = json_document.parse(text)
            except InvalidData as error:
                raise error.within(place) from None
        wanted = configuration(document, place, self._reader.default)
        for name, has in (("attention_matrix", wanted.attention_matrix), ("n_best", wanted.n_best > 1)):
            if has:
                raise InvalidData("tensors have no place for it: POST to /invocations.", place=(*place, name))
        return replace(wanted, scores=SCORES in given.outputs) if given.outputs else wanted


def _text(element: bytes, place: Place) -> str:
    try:
        return json_document.decode_text(element)
    except InvalidData as error:
        raise error.within(place) from None
