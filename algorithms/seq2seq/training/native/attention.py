"""The gradients of attention; `algorithms/seq2seq/attention.py` has what they undo."""

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.attention import FIXED, MLP
from forecastle.algorithms.seq2seq.functions import LANES, ONE, tanh, total
from forecastle.kernels.compiled import inlined, kernel
from forecastle.kernels.lanes import fma, load, spread, store
from forecastle.kernels.pointer import memory


@kernel
def attend_backward(
    kind: int,
    queries: Floats,
    keys: Floats,
    values: Floats,
    starts: Indices,
    sentences: Indices,
    score: Floats,
    weights: Floats,
    of_context: Floats,
    of_queries: Floats,
    of_keys: Floats,
    of_values: Floats,
    of_score: Floats,
) -> None:
    """From the gradients of what rows read, `of_context` (n, H), to those of everything that `attend` read.

    The other parameters are those of `attend`, and the gradients of the parameters of that name: `of_queries` (n, A)
    is written, the others are added to.
    """
    size, cells = queries.shape[1], values.shape[1]
    read, given, to_values = memory(values), memory(of_context), memory(of_values)
    scratch = np.empty(LANES, np.float32)
    of_weights = np.empty(weights.shape[1], np.float32)
    for row in range(len(of_context)):
        start, stop = starts[sentences[row]], starts[sentences[row] + 1]
        mean = np.float32(0)
        for word in range(start, stop):
            weight = weights[row, word - start]
            sums = spread(0.0, ONE)
            for unit in range(0, cells, LANES):
                lanes, at = load(given, row * cells + unit, ONE), word * cells + unit
                sums = fma(lanes, load(read, at, ONE), sums)
                store(to_values, at, fma(lanes, weight, load(to_values, at, ONE)))
            of_weights[word - start] = total(sums, scratch)
            mean += weight * of_weights[word - start]
        if kind == FIXED:
            continue
        for unit in range(0, size, LANES):
            store(memory(of_queries), row * size + unit, spread(0.0, ONE))
        for word in range(start, stop):
            slope = weights[row, word - start] * (of_weights[word - start] - mean)
            _score_backward(
                kind,
                slope,
                memory(queries),
                memory(keys),
                memory(score),
                row * size,
                word * size,
                size,
                memory(of_queries),
                memory(of_keys),
                memory(of_score),
            )


@inlined
def _score_backward(
    kind: int,
    slope: float,
    queries: Floats,
    keys: Floats,
    factors: Floats,
    query: int,
    key: int,
    size: int,
    of_queries: Floats,
    of_keys: Floats,
    of_factors: Floats,
) -> None:
    """Add what a score, whose gradient is `slope`, gives to its query, its key and the score's weights; pointers."""
    if kind == MLP:
        for unit in range(0, size, LANES):
            reached = tanh(load(queries, query + unit, ONE) + load(keys, key + unit, ONE))
            store(of_factors, unit, fma(reached, slope, load(of_factors, unit, ONE)))
            lanes = load(factors, unit, ONE) * (1.0 - reached * reached) * slope
            store(of_queries, query + unit, load(of_queries, query + unit, ONE) + lanes)
            store(of_keys, key + unit, load(of_keys, key + unit, ONE) + lanes)
    else:
        for unit in range(0, size, LANES):
            asked, known = load(queries, query + unit, ONE), load(keys, key + unit, ONE)
            store(of_queries, query + unit, fma(known, slope, load(of_queries, query + unit, ONE)))
            store(of_keys, key + unit, fma(asked, slope, load(of_keys, key + unit, ONE)))
