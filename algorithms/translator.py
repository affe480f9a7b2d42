"""What models that translate have in common: their requests, answers and samples."""

import math
from abc import abstractmethod
from collections.abc import Sequence

import orjson

from forecastle.algorithms.interface import Model, Payload, TensorForm
from forecastle.contract.media_type import JSON, JSON_LINES, RECORDIO, MediaType
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences
from forecastle.formats.translation.answer import Translation, write_answer
from forecastle.formats.translation.request import Request, RequestReader, Sentence
from forecastle.formats.translation.tokens import Tokens

Prediction = tuple[Translation, ...]


class Translator(Model[Request, Prediction]):
    """A model that translates the sentences that `reader` reads into the tokens of `target`."""

    def __init__(self, reader: RequestReader, target: Tokens) -> None:
        self._reader, self._target = reader, target

    @abstractmethod
    def example(self) -> str:
        """A sentence that the model can read."""

    @abstractmethod
    def seconds(self, sentence: Sentence) -> float:
        """Estimate the seconds of one core that translating the sentence takes."""

    def sample_request(self) -> Payload:
        return Payload(orjson.dumps({"instances": [{"data": self.example()}]}), MediaType.parse(JSON))

    def sample_requests(self) -> Sequence[Payload]:
        """The example in every request type, alone and with others, with the attention and without."""
        text, tokens = self.example(), self._reader.tokens
        every = {"attention_matrix": "true", "n_best": self._reader.default.beam_size, "scores": True}
        several = {"instances": [{"data": text, "configuration": every}, {"data": text}]}
        return (
            self.sample_request(),
            Payload(orjson.dumps(several), MediaType.parse(JSON)),
            Payload(orjson.dumps({"source": text}) + b"\n", MediaType.parse(JSON_LINES)),
            Payload(sequences.write(source=Sequences.of([tokens.encode(text)])), MediaType.parse(RECORDIO)),
        )

    def tensors(self) -> TensorForm[Request, Prediction]:
        from forecastle.algorithms.sentences_as_tensors import SentencesAsTensors

        return SentencesAsTensors(self._reader, self._target)

    def cost(self, request: Request) -> float:
        return sum(map(self.seconds, request))

    def rows(self, request: Request) -> int:
        return len(request)

    def advice(self, request: Request, seconds: float) -> str:
        most = math.floor(len(request) * seconds / self.cost(request))
        if most >= 1:
            return f"with sentences like these a request may have at most {most}, got {len(request)}"
        return "ask for shorter sentences, or for a smaller beam_size"

    def encode(self, prediction: Prediction, media_type: str) -> bytes:
        return write_answer(prediction, self._reader.tokens, self._target, media_type)
