"""The client of translations: of a model in this process and of a server."""

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from forecastle import PredictorError, Seq2SeqPredictor
from tests.algorithms.seq2seq import jobs
from tests.serving.running_server import RunningServer


@pytest.fixture(scope="module", params=["here", "a server"])
def predictor(request: pytest.FixtureRequest, text_model: Path) -> Iterator[Seq2SeqPredictor]:
    if request.param == "here":
        yield Seq2SeqPredictor(text_model)
        return
    with RunningServer(text_model.parent, {}, arguments=["--model", str(text_model)]) as server:
        yield Seq2SeqPredictor(server.await_ready().url)


def test_a_sentence_or_several_are_translated(predictor: Seq2SeqPredictor) -> None:
    sentences = [source for source, _ in jobs.pairs(3)]
    found = predictor.predict(sentences)
    assert len(found) == 3
    assert predictor.predict(sentences[1]) == found[1]
    assert isinstance(predictor.predict("one.", beam_size=1, length_penalty=0.0), str)
    assert predictor.predict([]) == []


def test_numbers_may_be_numpys(predictor: Seq2SeqPredictor) -> None:
    width, penalty = np.int64(2), np.float32(0.5)
    given = predictor.predict("one.", beam_size=width, length_penalty=penalty)  # type: ignore[call-overload]
    assert given == predictor.predict("one.", beam_size=2, length_penalty=0.5)


def test_the_best_translations_have_scores(predictor: Seq2SeqPredictor) -> None:
    found = predictor.best("one two.", 3)
    assert found[0][0] == predictor.predict("one two.", beam_size=5)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)
    assert len(found) == 3


def test_the_attention_has_a_row_for_each_target_token(predictor: Seq2SeqPredictor) -> None:
    found = predictor.attention("one two.")
    assert found.matrix.shape == (len(found.target_tokens), len(found.source_tokens))
    assert found.matrix.sum(axis=1) == pytest.approx(1, abs=1e-5)


def test_errors_are_one_sentence(predictor: Seq2SeqPredictor, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^data\[1\]: expected a text, got an object of type int\.$"):
        predictor.predict(["one", 2])  # type: ignore[list-item]
    with pytest.raises(ValueError, match=r"^data: expected a text, or several, got an object of type int\.$"):
        predictor.predict(7)  # type: ignore[call-overload]
    for ask in (predictor.best, predictor.attention):
        with pytest.raises(ValueError, match=r"^sentence: expected a text, got an object of type list\.$"):
            ask(["one", "two"])  # type: ignore[arg-type]
    with pytest.raises(PredictorError, match=re.escape("instances[0].data: expected a sentence, got an empty one.")):
        predictor.predict(" ")
    with pytest.raises(PredictorError, match=r"expected a model.s folder or model\.tar\.gz, there is none"):
        Seq2SeqPredictor(tmp_path / "none")
