"""The best next words of a sentence's hypotheses, without sorting all of them."""

import math

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.architecture import END, START
from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.functions import LANES, exp
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import SIZES, load, maximum, spread, store
from forecastle.kernels.pointer import memory

Doubles = NDArray[np.float64]
_TWO = SIZES[2]
_BLOCK = 128  # words: blocks without a candidate are passed over


@kernel
def best_candidates(
    scores: Floats,
    bias: Floats,
    words: int,
    totals: Doubles,
    starts: Indices,
    widths: Indices,
    may_end: bool,
    best: Doubles,
    rows: Indices,
    next_words: Indices,
) -> None:
    """The best extensions by a word of each sentence's hypotheses, best first; of equal ones the first.

    <pad> and <s> are never among them, nor are extensions whose score is not a number.

    Parameters
    ----------
    scores : (n, words, padded): those of the words after each hypothesis, before their `bias`, which is added in place.
    words : how many of them are words.
    totals : (n,): the hypotheses' log-probabilities.
    starts : (sentences + 1,): where each sentence's hypotheses begin.
    widths : (sentences,): how many extensions are wanted of each; at most the columns of `best`.
    may_end : whether </s> may be among them.
    best, rows, next_words : (sentences, ·): receive the extensions' log-probabilities, hypotheses and words.
        Where there are fewer, `best` is −∞.
    """
    scratch = np.empty(2 * LANES, np.float32)
    most = np.empty(-(-scores.shape[1] // _BLOCK), np.float32)
    for sentence in range(len(widths)):
        width = widths[sentence]
        for place in range(best.shape[1]):
            best[sentence, place] = -np.inf
        for row in range(starts[sentence], starts[sentence + 1]):
            base = totals[row] - _log_total(scores, bias, row, most, scratch)
            limit = np.float32(best[sentence, width - 1] - base)
            for block in range(len(most)):
                if most[block] < limit:
                    continue
                for word in range(max(1, block * _BLOCK), min(words, (block + 1) * _BLOCK)):
                    score = scores[row, word]
                    extended = base + score
                    if word == START or (word == END and not may_end):
                        continue
                    if score >= limit and extended > best[sentence, width - 1]:
                        place = width - 1
                        while place > 0 and extended > best[sentence, place - 1]:
                            best[sentence, place] = best[sentence, place - 1]
                            rows[sentence, place] = rows[sentence, place - 1]
                            next_words[sentence, place] = next_words[sentence, place - 1]
                            place -= 1
                        best[sentence, place], rows[sentence, place], next_words[sentence, place] = extended, row, word
                        limit = np.float32(best[sentence, width - 1] - base)


@inlined
def _log_total(scores: Floats, bias: Floats, row: int, most: Floats, scratch: Floats) -> float:
    """The logarithm of the sum of a row's exponentials, with its bias; `most` receives the largest of each block."""
    first, columns = row * scores.shape[1], scores.shape[1]
    values, biases = memory(scores), memory(bias)
    largest = -math.inf
    for block in range(len(most)):
        lanes = spread(-np.float32(np.inf), _TWO)
        for word in range(block * _BLOCK, min(columns, (block + 1) * _BLOCK), 2 * LANES):
            scored = load(values, first + word, _TWO) + load(biases, word, _TWO)
            store(values, first + word, scored)
            lanes = maximum(lanes, scored)
        store(memory(scratch), 0, lanes)
        most[block] = scratch[0]
        for lane in range(1, 2 * LANES):
            most[block] = max(most[block], scratch[lane])
        largest = max(largest, float(most[block]))
    sums = spread(np.float32(0), _TWO)
    for word in range(0, columns, 2 * LANES):
        sums = sums + exp(load(values, first + word, _TWO) - largest)
    store(memory(scratch), 0, sums)
    whole = 0.0
    for lane in range(2 * LANES):
        whole += scratch[lane]
    return largest + math.log(whole)
