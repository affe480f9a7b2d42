"""Answers: translations as JSON, JSON Lines or RecordIO, in the forms of SageMaker's algorithm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from forecastle.contract.errors import NotAcceptable
from forecastle.contract.media_type import ACCEPT, JSON, JSON_LINES, RECORDIO
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences
from forecastle.formats.translation.configuration import Configuration
from forecastle.formats.translation.hypothesis import Hypothesis
from forecastle.formats.translation.tokens import Ids, Tokens


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Translation:
    """A sentence's translations, the best first, and what was asked for."""

    source: Ids
    hypotheses: Sequence[Hypothesis]
    configuration: Configuration


def write_answer(translations: Sequence[Translation], source: Tokens, target: Tokens, media_type: str) -> bytes:
    """The answer to a request. Raises `NotAcceptable` for RecordIO with what it has no place for."""
    if media_type == RECORDIO:
        return _records(translations)
    answers = [_answer(each, source, target) for each in translations]
    if media_type == JSON_LINES:
        return b"".join(_json(each) + b"\n" for each in answers)
    return _json({"predictions": answers})


def _records(translations: Sequence[Translation]) -> bytes:
    for each in translations:
        wanted = each.configuration
        if wanted.attention_matrix or wanted.scores or wanted.n_best > 1:
            expected = f"{JSON} or {JSON_LINES} with attention_matrix, scores or n_best"
            raise NotAcceptable(place=ACCEPT, expected=expected, got=RECORDIO)
    return sequences.write(target=Sequences.of([each.hypotheses[0].words for each in translations]))


def _answer(translation: Translation, source: Tokens, target: Tokens) -> dict[str, Any]:
    """SageMaker's `target` and `matrix` of the best translation, and ours."""
    wanted = translation.configuration
    described = [_described(each, wanted, target) for each in translation.hypotheses]
    answer = described[0]
    if wanted.attention_matrix and source.are_subwords:
        answer = {**answer, "source_tokens": source.pieces(translation.source)}
    if wanted.n_best > 1:
        answer = {**answer, "n_best": described}
    return answer


def _described(hypothesis: Hypothesis, wanted: Configuration, target: Tokens) -> dict[str, Any]:
    answer: dict[str, Any] = {"target": target.decode(hypothesis.words)}
    if wanted.scores:
        answer["score"] = hypothesis.score
    if wanted.attention_matrix:
        answer["matrix"] = hypothesis.attention
        if target.are_subwords:
            answer["target_tokens"] = target.pieces(hypothesis.words)
    return answer


def _json(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
