"""The memory that sentences take while they are translated and their answer is written."""

from collections.abc import Sequence

from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.inference.beam import MOST_SCORED, MOST_SENTENCES, MOST_STATES
from forecastle.formats.translation.request import Sentence, require_fit

BYTES_OF_STATE = 48  # of a source word
BYTES_WRITTEN = 60  # of a number of a matrix in an answer: itself, its objects and its text
SENTENCE_BYTES = 2_000  # of a sentence and its translation: their objects


def footprint(sentences: Sequence[Sentence], network: Architecture, threads: int) -> int:
    """The bytes that these sentences take at most."""
    beams = min(len(sentences), MOST_SENTENCES * threads) * max(_searched(each, network) for each in sentences)
    beams += 4 * threads * MOST_SCORED * network.target_words
    states = [len(each.words) * network.rnn_num_hidden for each in sentences]
    read = BYTES_OF_STATE * min(sum(states), threads * max(MOST_STATES, *states))
    return beams + read + sum(_answered(each, network) for each in sentences)


def require(sentences: Sequence[Sentence], network: Architecture, threads: int) -> None:
    """Raise `PayloadTooLarge` if the sentences take more memory than is free."""
    require_fit(sentences, footprint(sentences, network, threads))


def _searched(sentence: Sentence, network: Architecture) -> int:
    """The bytes of a sentence's beam: what a step computes, the states of its layers, and the attention."""
    beam = sentence.configuration.beam_size
    step = (18 + 4 * network.num_layers_decoder) * network.rnn_num_hidden + network.attention_hidden
    numbers = beam * (step + len(sentence.words))
    if sentence.configuration.attention_matrix:
        numbers += beam * len(sentence.words) * network.max_seq_len_target
    return 4 * numbers


def _answered(sentence: Sentence, network: Architecture) -> int:
    wanted = sentence.configuration
    cells = len(sentence.words) * network.max_seq_len_target if wanted.attention_matrix else 0
    return wanted.n_best * (SENTENCE_BYTES + BYTES_WRITTEN * cells)
