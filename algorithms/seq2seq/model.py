"""A network that translates: requests to answers."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson

from forecastle.algorithms.interface import Payload
from forecastle.algorithms.seq2seq.architecture import END
from forecastle.algorithms.seq2seq.inference import footprint
from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.settings import MAX_TOKENS, Seq2SeqSettings
from forecastle.algorithms.seq2seq.tokens import Subwords, Tokens, from_files, to_files
from forecastle.algorithms.translator import Prediction, Translator
from forecastle.contract.artifact import Artifact
from forecastle.contract.errors import InvalidData
from forecastle.contract.media_type import JSON, MediaType
from forecastle.contract.quotation import as_json
from forecastle.formats.json_size import require_free
from forecastle.formats.translation.answer import Translation
from forecastle.formats.translation.configuration import Configuration
from forecastle.formats.translation.request import Request, RequestReader, Sentence

EXAMPLES = "examples.json"  # the artifact's file with sentences for the model's page

# Costs measured by benchmarks/seq2seq.py: of a sentence, and of a multiplication in the network.
SECONDS_PER_SENTENCE = 300e-6
SECONDS_PER_PRODUCT = 70e-12


class Seq2SeqModel(Translator):
    """A network and the tokens of both languages."""

    def __init__(
        self,
        network: Network,
        source: Tokens,
        target: Tokens,
        *,
        beam_size: int,
        length_penalty: float,
        metrics: Mapping[str, float] | None = None,
        seed: int | None = None,
        training_pairs: int | None = None,
        examples: Sequence[str] = (),
        max_tokens: int | None = None,
    ) -> None:
        self.network, self.source, self.target = network, source, target
        self.default = Configuration(beam_size=beam_size, length_penalty=length_penalty)
        self.metrics = dict(metrics or {})  # of its training
        self.seed, self.training_pairs = seed, training_pairs  # of its training; None if unknown
        self.examples = list(examples)
        longest = Seq2SeqSettings.from_environ({}).max_tokens if max_tokens is None else max_tokens
        super().__init__(RequestReader(source, self.default, longest, setting=MAX_TOKENS), target)

    @classmethod
    def from_artifact(cls, artifact: Artifact, settings: Seq2SeqSettings | None = None) -> "Seq2SeqModel":
        """The model of an artifact. Raises `InvalidData` if its arrays, files and parameters do not fit."""
        parameters, files = artifact.parameters, artifact.files
        network = Network.from_artifact(parameters, artifact.arrays)
        source, target = from_files(files, "source"), from_files(files, "target")
        for name, tokens in (("source", source), ("target", target)):
            words = getattr(network.architecture, f"{name}_words")
            if tokens.size != words:
                expected = f"{words} tokens, as the network has"
                raise InvalidData(place=("files", f"{name}.{tokens.suffix}"), expected=expected, got=str(tokens.size))
        return cls(
            network,
            source,
            target,
            beam_size=_number(parameters, "beam_size", int, 1),
            length_penalty=_number(parameters, "length_penalty", float, 0),
            metrics=artifact.metrics,
            seed=parameters.get("seed"),
            training_pairs=parameters.get("training_pairs"),
            examples=_examples(files),
            max_tokens=None if settings is None else settings.max_tokens,
        )

    def artifact(self) -> Artifact:
        known = {"seed": self.seed, "training_pairs": self.training_pairs}
        parameters = self.network.parameters() | {
            "beam_size": self.default.beam_size,
            "length_penalty": self.default.length_penalty,
            **{name: value for name, value in known.items() if value is not None},
        }
        files = to_files(self.source, self.target)
        files[EXAMPLES] = json.dumps(self.examples, ensure_ascii=False).encode()
        return Artifact(self.network.arrays(), parameters, metrics=self.metrics, files=files)

    def facts(self) -> Mapping[str, float]:
        pairs = {} if self.training_pairs is None else {"training pairs": float(self.training_pairs)}
        return {
            **pairs,
            "source tokens": float(self.source.size),
            "target tokens": float(self.target.size),
            "parameters": float(sum(array.size for array in self.network.weights.values())),
        }

    def page_data(self) -> Mapping[str, Any]:
        return {
            "subwords": isinstance(self.source, Subwords),
            "beam_size": self.default.beam_size,
            "length_penalty": self.default.length_penalty,
            "examples": self.examples,
        }

    def page_request(self) -> Payload:
        instances = [{"data": text} for text in self.examples or [self.example()]]
        return Payload(orjson.dumps({"instances": instances}), MediaType.parse(JSON))

    def example(self) -> str:
        """A sentence of the training, or else the first word."""
        return self.examples[0] if self.examples else self.source.decode(np.array([END + 1], np.int32))

    def decode(self, payload: Payload) -> Request:
        request = self._reader.decode(payload.body, payload.content_type)
        footprint.require(request, self.network.architecture, payload.threads)
        return request

    def seconds(self, sentence: Sentence) -> float:
        """Of one sentence: every source word is read once, and every word of every translation in the beam written."""
        network = self.network.architecture
        products = sum(
            array.size for name, array in self.network.weights.items() if not name.startswith("embedding_")
        ) + (network.target_words * network.rnn_num_hidden if network.weight_tying != "none" else 0)
        written = min(len(sentence.words) + 10, network.max_seq_len_target) * sentence.configuration.beam_size
        return SECONDS_PER_SENTENCE + (len(sentence.words) + written) * products * SECONDS_PER_PRODUCT

    def predict(self, requests: Sequence[Request], threads: int) -> Sequence[Prediction]:
        """Translate.

        Raises `OutOfSpace` if there is too little free memory now for the requests together, and `InvalidData` if a
        sentence has no translation, as the network's numbers overflow.
        """
        together = [sentence for request in requests for sentence in request]
        require_free(footprint.footprint(together, self.network.architecture, threads))
        found: list[Translation | None] = [None] * len(together)
        alike: dict[Configuration, list[int]] = {}
        for index, sentence in enumerate(together):
            alike.setdefault(sentence.configuration, []).append(index)
        for wanted, indices in alike.items():
            hypotheses = translate(
                self.network,
                [together[index].words for index in indices],
                beam_size=wanted.beam_size,
                length_penalty=wanted.length_penalty,
                best=wanted.n_best,
                longest=self.network.architecture.max_seq_len_target,
                want_attention=wanted.attention_matrix,
                threads=threads,
            )
            for index, best in zip(indices, hypotheses, strict=True):
                if not best:
                    raise InvalidData("The model's weights are too large: no translation has a finite probability.")
                found[index] = Translation(together[index].words, best, wanted)
        answers = iter(translation for translation in found if translation is not None)
        return [tuple(next(answers) for _ in request) for request in requests]


def _number(parameters: Mapping[str, Any], name: str, kind: type, least: float) -> Any:
    value = parameters.get(name)
    if value is None or type(value) not in (int, kind) or not least <= value <= 100:
        expected = f"a number from {least} to 100"
        raise InvalidData(place=("parameters", name), expected=expected, got=as_json(value))
    return kind(value)


def _examples(files: Mapping[str, bytes]) -> list[str]:
    try:
        found = orjson.loads(files.get(EXAMPLES, b"[]"))
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, list) or not all(isinstance(text, str) for text in found):
        raise InvalidData(place=("files", EXAMPLES), expected="a list of sentences")
    return found
