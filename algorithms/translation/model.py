"""A Transformer that translates: requests to answers."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from forecastle.algorithms.interface import Payload
from forecastle.algorithms.translation.bundle import Bundle, bundle
from forecastle.algorithms.translation.engine import Engine, Found
from forecastle.algorithms.translation.footprint import Footprint
from forecastle.algorithms.translation.hyperparameters import TranslationHyperparameters
from forecastle.algorithms.translation.settings import MAX_TOKENS, TranslationSettings
from forecastle.algorithms.translator import Prediction, Translator
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.formats.translation.answer import Translation
from forecastle.formats.translation.configuration import Configuration
from forecastle.formats.translation.hypothesis import Hypothesis
from forecastle.formats.translation.request import Request, RequestReader, Sentence
from forecastle.kernels.threads import available_cores, in_parallel

EXAMPLE = "I love you"  # if the model knows its words, as one from English does

# Costs, measured on one core: of a sentence, of a token written, and of a multiplication.
SECONDS_PER_SENTENCE = 1e-3
SECONDS_PER_STEP = 200e-6
SECONDS_PER_PRODUCT = 70e-12


class TranslationModel(Translator):
    """A Transformer and the tokens of both languages."""

    def __init__(
        self, parts: Bundle, hyperparameters: TranslationHyperparameters, max_tokens: int, parallel: int | None = None
    ) -> None:
        """Raises `InvalidData` if CTranslate2 cannot load the model, and `InvalidJob` if it is not installed, or if
        the model does not know a prefix, or has no room beside it."""
        self._parts, self._given = parts, hyperparameters
        self._before = _known(hyperparameters, "source_prefix", parts)
        self._prefix = _known(hyperparameters, "target_prefix", parts)
        self._after = [parts.end] if parts.end else []
        self.longest = hyperparameters.max_seq_len_target
        if parts.longest_target is not None:
            self.longest = min(self.longest, _room("target_prefix", parts.longest_target, self._prefix))
        self._engine = Engine(
            parts.files, parts.for_engine, hyperparameters.compute_type, parallel or available_cores()
        )
        self._products = parts.weights.products("encoder"), parts.weights.products("decoder")
        self._footprint = Footprint.of(parts.weights, self.longest)
        default = Configuration(beam_size=hyperparameters.beam_size, length_penalty=hyperparameters.length_penalty)
        setting = MAX_TOKENS
        if parts.longest_source is not None:
            most = _room("source_prefix", parts.longest_source - len(self._after), self._before)
            if most <= max_tokens:
                max_tokens, setting = most, ""
        super().__init__(RequestReader(parts.source, default, max_tokens, setting), parts.target)

    @classmethod
    def from_artifact(cls, artifact: Artifact, settings: TranslationSettings) -> "TranslationModel":
        """The model of an artifact. Raises `InvalidData` if its files and parameters do not fit."""
        given = {name: value for name, value in artifact.parameters.items() if name != "origin"}
        try:
            parts = bundle(artifact.files)
            hyperparameters = TranslationHyperparameters.parse(given)
        except InvalidData as error:
            raise error.within(("files",)) from None
        except InvalidJob as error:
            raise InvalidData.like(error, ("parameters",)) from None
        return cls(parts, hyperparameters, settings.max_tokens)

    def artifact(self) -> Artifact:
        return Artifact({}, self._given.model_dump(mode="json"), files=self._parts.files)

    def facts(self) -> Mapping[str, float]:
        return {
            "source tokens": float(self._parts.source.size),
            "target tokens": float(self._parts.target.size),
            "parameters": float(self._parts.weights.size),
        }

    def page_data(self) -> Mapping[str, Any]:
        return {
            "subwords": True,
            "beam_size": self._given.beam_size,
            "length_penalty": self._given.length_penalty,
            "examples": [self._example],
        }

    def example(self) -> str:
        return self._example

    @cached_property
    def _example(self) -> str:
        """The usual sentence, or else a word of the model's vocabulary."""
        source = self._parts.source
        if "<unk>" not in source.pieces(source.encode(EXAMPLE)):
            return EXAMPLE
        words = (source.decode(np.array([number], np.int32)) for number in range(source.size))
        return next((word for word in words if word.isalpha() and len(source.encode(word))), EXAMPLE)

    def decode(self, payload: Payload) -> Request:
        request = self._reader.decode(payload.body, payload.content_type)
        self._footprint.require(request, payload.threads)
        return request

    def seconds(self, sentence: Sentence) -> float:
        """Of one sentence: each source token is read once, and each token of each hypothesis in the beam written."""
        length = len(sentence.words)
        written = min(length + 10, self.longest)
        read, wrote = self._products
        products = length * read + written * sentence.configuration.beam_size * wrote
        return SECONDS_PER_SENTENCE + written * SECONDS_PER_STEP + products * SECONDS_PER_PRODUCT

    def predict(self, requests: Sequence[Request], threads: int) -> Sequence[Prediction]:
        """Translate; only sentences of one request are translated together, so that rounding is always the same."""
        work = [(request, batch) for request in requests for batch in self._footprint.batches(request)]
        found: list[dict[int, Translation]] = [{} for _ in work]

        def translate(start: int, stop: int) -> None:
            for number in range(start, stop):
                request, batch = work[number]
                found[number] = dict(zip(batch, self._translated([request[index] for index in batch])))

        in_parallel(translate, len(work), block=1, threads=threads)
        answers, place = [], 0
        for request in requests:
            own: dict[int, Translation] = {}
            while len(own) < len(request):
                own |= found[place]
                place += 1
            answers.append(tuple(own[index] for index in range(len(request))))
        return answers

    def _translated(self, sentences: Sequence[Sentence]) -> list[Translation]:
        """The translations of sentences with one configuration."""
        wanted, source = sentences[0].configuration, self._parts.source
        tokens = [[*self._before, *source.pieces(each.words), *self._after] for each in sentences]
        results = self._engine.translate(tokens, self._prefix, wanted, self.longest)
        return [
            Translation(each.words, [self._hypothesis(one, len(each.words)) for one in result], wanted)
            for each, result in zip(sentences, results, strict=True)
        ]

    def _hypothesis(self, found: Found, length: int) -> Hypothesis:
        """With the attention to the sentence's own tokens."""
        attention = None
        if found.attention is not None:
            rows = [row[len(self._before) :][:length] for row in found.attention]
            attention = np.array(rows, np.float32).reshape(len(found.tokens), length)
        return Hypothesis(self._parts.target.ids(found.tokens), found.score, attention)


def _known(hyperparameters: TranslationHyperparameters, name: str, parts: Bundle) -> list[str]:
    """The tokens of a prefix. Raises `InvalidJob` if the model does not know one of them."""
    tokens = str(getattr(hyperparameters, name)).split()
    known = parts.source if name == "source_prefix" else parts.target
    for token in tokens:
        if token not in known:
            raise InvalidJob(f"Hyperparameter {name} must have tokens of the model's vocabulary. Got {token}.")
    return tokens


def _room(name: str, positions: int, prefix: Sequence[str]) -> int:
    """The tokens for which a model has positions beside a prefix. Raises `InvalidJob` if there are none."""
    if len(prefix) >= positions:
        expected = f"fewer tokens than the model has positions, {positions}"
        raise InvalidJob(f"Hyperparameter {name} must have {expected}. Got {len(prefix)}.")
    return positions - len(prefix)
