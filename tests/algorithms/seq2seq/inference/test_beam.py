"""Beam search finds what PyTorch's finds, whatever the batch and the threads."""

import tracemalloc

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.architecture import END, Architecture
from forecastle.algorithms.seq2seq.inference.beam import translate
from forecastle.algorithms.seq2seq.inference.footprint import footprint
from forecastle.algorithms.seq2seq.network import Initialization, Network
from forecastle.algorithms.seq2seq.training.learner import Batch
from forecastle.algorithms.seq2seq.training.native.learner import NativeLearner
from forecastle.formats.translation.configuration import Configuration
from forecastle.formats.translation.hypothesis import Hypothesis
from forecastle.formats.translation.request import Sentence
from tests.algorithms.seq2seq.golden_networks import NAMES, Golden, golden
from tests.own_process import in_own_process

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


@pytest.mark.parametrize("words", [20, 50_000], ids=["table of words", "too many words for a table"])
def test_a_score_is_the_log_probability_that_training_computes(words: int) -> None:
    architecture = Architecture(9, words, rnn_num_hidden=90, num_embed_source=8, num_embed_target=8)
    network = Network.initial(architecture, 1, Initialization("uniform", 0.3))
    source = np.array([4, 8, 5], np.int32)
    (found,) = translate(network, [source], length_penalty=0.0, longest=4, threads=1, best=5)
    learner = NativeLearner(network, threads=1)
    for each in found:
        target = np.append(each.words, [] if len(each.words) == 4 else [END]).astype(np.int32)
        batch = Batch(source[None], np.array([3]), target[None], np.array([len(target)]))
        assert learner.evaluate(batch).negative_log_likelihood == pytest.approx(-each.score, rel=1e-5)


def test_no_translation_is_empty() -> None:
    case = golden("gru_mlp")
    arrays = dict(case.network.arrays())
    arrays["output_bias"] = arrays["output_bias"] + np.float32(50) * (np.arange(len(arrays["output_bias"])) == END)
    network = Network.from_artifact(case.network.parameters(), arrays)
    for hypotheses in translate(network, case.sources, beam_size=BEAM, best=BEAM, longest=LONGEST, threads=1):
        assert [len(each.words) for each in hypotheses] == [1] * BEAM


def test_no_sentences_have_no_translations() -> None:
    assert translate(golden("gru_mlp").network, []) == []


def peak_memory(count: int) -> int:
    """Bytes that translating a number of long sentences allocates at most."""
    network, long = golden("lstm_mlp").network, np.full(3_000, 5, np.int32)
    translate(network, [long], longest=1, threads=1)  # so that everything is compiled
    tracemalloc.start()
    translate(network, [long] * count, longest=1, threads=1)
    return tracemalloc.get_traced_memory()[1]


def test_more_long_sentences_take_no_more_memory() -> None:
    assert in_own_process(peak_memory, 30) < 1.2 * in_own_process(peak_memory, 10)


def foreseen_and_taken(beam: int) -> tuple[int, int]:
    """Bytes that translating some sentences may take, as a server estimates, and those that it allocates."""
    architecture = Architecture(64, 64, rnn_cell_type="gru", rnn_num_hidden=64, num_layers_decoder=2)
    sentence = Sentence(np.full(10, 5, np.int32), Configuration(beam_size=beam, length_penalty=1.0))
    network, several = Network.initial(architecture, 0), [sentence] * 16
    translate(network, [sentence.words], longest=1, threads=1)  # so that everything is compiled
    tracemalloc.start()
    translate(network, [each.words for each in several], beam_size=beam, longest=10, threads=1)
    return footprint(several, architecture, threads=1), tracemalloc.get_traced_memory()[1]


def test_a_server_foresees_the_memory_of_a_wide_beam() -> None:
    foreseen, taken = in_own_process(foreseen_and_taken, 40)
    assert taken < foreseen < 3 * taken
