"""Beam search finds what PyTorch's finds, whatever the batch and the threads."""

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.inference.hypothesis import Hypothesis
from tests.algorithms.seq2seq.golden_networks import NAMES, Golden, golden

BEAM, ALPHA, LONGEST = 4, 0.7, 12  # as in golden/make.py


def found(
    case: Golden, sources: list[NDArray[np.int32]], *, threads: int = 1, best: int = BEAM
) -> list[list[Hypothesis]]:
    return translate(
        case.network,
        sources,
        beam_size=BEAM,
        length_penalty=ALPHA,
        best=best,
        longest=LONGEST,
        want_attention=True,
        threads=threads,
    )


@pytest.mark.parametrize("name", NAMES)
def test_translations_are_pytorchs(name: str) -> None:
    case = golden(name)
    for hypotheses, expected in zip(found(case, case.sources), case.translations, strict=True):
        assert [each.words.tolist() for each in hypotheses] == [words for words, _ in expected]
        assert [each.score for each in hypotheses] == pytest.approx([score for _, score in expected], abs=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_translation_depends_neither_on_its_batch_nor_on_threads(name: str) -> None:
    case = golden(name)
    together = found(case, case.sources)
    for others in (found(case, case.sources, threads=2), [found(case, [source])[0] for source in case.sources]):
        for hypotheses, again in zip(together, others, strict=True):
            for one, other in zip(hypotheses, again, strict=True):
                assert (one.score, one.words.tolist()) == (other.score, other.words.tolist())
                assert np.array_equal(one.attention, other.attention)  # type: ignore[arg-type]


def test_the_best_translation_is_the_first_of_several() -> None:
    case = golden("lstm_mlp")
    for several, one in zip(found(case, case.sources), found(case, case.sources, best=1), strict=True):
        assert len(one) == 1
        assert one[0].words.tolist() == several[0].words.tolist()
        assert [each.score for each in several] == sorted((each.score for each in several), reverse=True)


def test_each_word_has_its_attention_to_the_source() -> None:
    case = golden("gru_mlp")
    for source, hypotheses in zip(case.sources, found(case, case.sources), strict=True):
        for each in hypotheses:
            assert each.attention is not None
            assert each.attention.shape == (len(each.words), len(source))
            assert each.attention.sum(axis=1) == pytest.approx(np.ones(len(each.words)), abs=1e-5)


def test_fixed_attention_reads_the_last_word_only() -> None:
    case = golden("lstm_fixed")
    for hypotheses in found(case, case.sources):
        for each in hypotheses:
            assert each.attention is not None
            assert (each.attention[:, -1] == 1).all()


def test_a_translation_ends_at_the_longest_length() -> None:
    case = golden("gru_bilinear")
    for hypotheses in translate(case.network, case.sources, beam_size=2, best=2, longest=3, threads=1):
        assert all(len(each.words) <= 3 and each.attention is None for each in hypotheses)
