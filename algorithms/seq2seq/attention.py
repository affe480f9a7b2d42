"""Attention: how much each row attends to each word of its sentence, and the mean of what it reads there."""

import math

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.functions import LANES, ONE, exp, tanh, total
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import SIZES, fma, load, spread, store
from forecastle.kernels.pointer import memory

MLP, DOT, FIXED = 0, 1, 2  # how scores are computed; bilinear is a dot product with other keys
KINDS = {"mlp": MLP, "dot": DOT, "bilinear": DOT, "fixed": FIXED}
_TWO = SIZES[2]


def padded_words(longest: int) -> int:
    """The columns of a matrix of weights for sentences of up to `longest` words."""
    return -(-longest // LANES) * LANES


@kernel
def attend(
    kind: int,
    queries: Floats,
    keys: Floats,
    values: Floats,
    starts: Indices,
    sentences: Indices,
    score: Floats,
    weights: Floats,
    context: Floats,
) -> None:
    """Attend to the source.

    Parameters
    ----------
    queries : (n, A); not read if fixed.
    keys, values : (R, A) and (R, H): a row for each source word of all sentences; fixed attention has no keys.
    starts : (sentences + 1,): where each sentence's words begin in `keys`.
    sentences : (n,): the sentence of each row.
    score : (A,), of mlp.
    weights : (n, ·), with a multiple of LANES columns: receives the weight of each word, and 0 beyond the sentence.
    context : (n, H): receives the weighted means of the values.
    """
    size, cells = keys.shape[1], values.shape[1]
    asked, known, read, to = memory(queries), memory(keys), memory(values), memory(context)
    scores, factors = memory(weights), memory(score)
    scratch = np.empty(LANES, np.float32)
    for row in range(len(context)):
        start, stop = starts[sentences[row]], starts[sentences[row] + 1]
        first = row * weights.shape[1]
        for word in range(weights.shape[1]):
            weights[row, word] = -np.float32(np.inf)
        if kind == FIXED:
            weights[row, stop - 1 - start] = np.float32(0)
        else:
            for word in range(start, stop):
                weights[row, word - start] = _score(kind, asked, row * size, known, word * size, factors, size, scratch)
        _normalize(weights, row, stop - start, scratch)
        for unit in range(0, cells, 2 * LANES):
            sums = spread(np.float32(0), _TWO)
            for word in range(start, stop):
                sums = fma(load(read, word * cells + unit, _TWO), scores[first + word - start], sums)
            store(to, row * cells + unit, sums)


@inlined
def _score(
    kind: int, queries: Floats, query: int, keys: Floats, key: int, factors: Floats, size: int, scratch: Floats
) -> float:
    """The score of a query and a key: v · tanh(q + k), or q · k."""
    sums = spread(np.float32(0), ONE)
    if kind == MLP:
        for unit in range(0, size, LANES):
            reached = tanh(load(queries, query + unit, ONE) + load(keys, key + unit, ONE))
            sums = fma(reached, load(factors, unit, ONE), sums)
    else:
        for unit in range(0, size, LANES):
            sums = fma(load(queries, query + unit, ONE), load(keys, key + unit, ONE), sums)
    return total(sums, scratch)


@inlined
def _normalize(weights: Floats, row: int, words: int, scratch: Floats) -> None:
    """The softmax of a row's scores, in place; those beyond its `words` become 0."""
    most = weights[row, 0]
    for word in range(1, words):
        most = max(most, weights[row, word])
    if not math.isfinite(most):
        most = np.float32(0)  # fixed attention to another word, or numbers that overflowed
    first = row * weights.shape[1]
    scores, sums = memory(weights), spread(np.float32(0), ONE)
    for word in range(0, weights.shape[1], LANES):
        powers = exp(load(scores, first + word, ONE) - most)
        store(scores, first + word, powers)
        for lane in range(max(0, words - word), LANES):
            scores[first + word + lane] = np.float32(0)
        sums = sums + load(scores, first + word, ONE)
    share = 1.0 / total(sums, scratch)
    for word in range(0, weights.shape[1], LANES):
        store(scores, first + word, load(scores, first + word, ONE) * share)
