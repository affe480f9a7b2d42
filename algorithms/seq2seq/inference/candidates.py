"""The best next words of a sentence's hypotheses, without sorting all of them."""

import math

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.architecture import START
from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.functions import LANES, ONE, exp, total
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import load, maximum, spread, store
from forecastle.kernels.pointer import memory

Doubles = NDArray[np.float64]


@kernel
def best_candidates(
    scores: Floats,
    bias: Floats,
    words: int,
    totals: Doubles,
    starts: Indices,
    widths: Indices,
    best: Doubles,
    rows: Indices,
    next_words: Indices,
) -> None:
    """The best extensions by a word of each sentence's hypotheses, best first; of equal ones the first.

    <pad> and <s> are never among them.

    Parameters
    ----------
    scores : (n, words, padded): those of the words after each hypothesis, before their `bias`, which is added in place.
    words : how many of them are words.
    totals : (n,): the hypotheses' log-probabilities.
    starts : (sentences + 1,): where each sentence's hypotheses begin.
    widths : (sentences,): how many extensions are wanted of each; at most the columns of `best`.
    best, rows, next_words : (sentences, ·): receive the extensions' log-probabilities, hypotheses and words.
        Where there are fewer, `best` is −∞.
    """
    scratch = np.empty(LANES, np.float32)
    for sentence in range(len(widths)):
        width = widths[sentence]
        for place in range(best.shape[1]):
            best[sentence, place] = -np.inf
        for row in range(starts[sentence], starts[sentence + 1]):
            base = totals[row] - _log_total(scores, bias, row, scratch)
            limit = np.float32(best[sentence, width - 1] - base)
            for word in range(1, words):
                score = scores[row, word]
                if score >= limit and word != START:
                    extended = base + score
                    place = width - 1
                    if extended > best[sentence, place]:
                        while place > 0 and extended > best[sentence, place - 1]:
                            best[sentence, place] = best[sentence, place - 1]
                            rows[sentence, place] = rows[sentence, place - 1]
                            next_words[sentence, place] = next_words[sentence, place - 1]
                            place -= 1
                        best[sentence, place], rows[sentence, place], next_words[sentence, place] = extended, row, word
                        limit = np.float32(best[sentence, width - 1] - base)


@inlined
def _log_total(scores: Floats, bias: Floats, row: int, scratch: Floats) -> float:
    """The logarithm of the sum of a row's exponentials, after its bias is added."""
    first, columns = row * scores.shape[1], scores.shape[1]
    values, biases = memory(scores), memory(bias)
    most_lanes = spread(-np.float32(np.inf), ONE)
    for word in range(0, columns, LANES):
        lanes = load(values, first + word, ONE) + load(biases, word, ONE)
        store(values, first + word, lanes)
        most_lanes = maximum(most_lanes, lanes)
    store(memory(scratch), 0, most_lanes)
    most = scratch[0]
    for lane in range(1, LANES):
        most = max(most, scratch[lane])
    sums = spread(np.float32(0), ONE)
    for word in range(0, columns, LANES):
        sums = sums + exp(load(values, first + word, ONE) - most)
    return float(most) + math.log(total(sums, scratch))
