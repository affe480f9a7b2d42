"""The loss of words' scores, and its gradients in their place."""

import math

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.functions import LANES, ONE, exp, total
from forecastle.kernels.arrays import Marks
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import load, maximum, spread, store
from forecastle.kernels.pointer import memory

_NEVER = np.float32(-1e30)


@kernel
def cross_entropy(
    scores: Floats,
    bias: Floats,
    words: int,
    targets: Indices,
    smoothing: float,
    losses: Floats,
    correct: Marks,
) -> None:
    """The cross entropy of a softmax, with label smoothing, and its gradients.

    Label smoothing (Szegedy et al., "Rethinking the inception architecture for computer vision", 2016) expects each
    word with the probability `smoothing` / words, in addition to the target with 1 − `smoothing`.

    Parameters
    ----------
    scores : (n, words, padded), before their `bias`; replaced by the gradients of the sum of losses.
    words : how many of them are words.
    targets : (n,).
    losses : (n,): receives the negative log-likelihoods in nats, without smoothing.
    correct : (n,): receives whether the target has the best score.
    """
    columns = scores.shape[1]
    values, biases = memory(scores), memory(bias)
    scratch = np.empty(LANES, np.float32)
    share = smoothing / words
    for row in range(len(scores)):
        first = row * columns
        most_lanes = spread(_NEVER, ONE)
        for word in range(words, columns):
            scores[row, word] = _NEVER
        for word in range(0, columns, LANES):
            lanes = load(values, first + word, ONE) + load(biases, word, ONE)
            store(values, first + word, lanes)
            most_lanes = maximum(lanes, most_lanes)
        store(memory(scratch), 0, most_lanes)
        most = scratch[0]
        for lane in range(1, LANES):
            most = max(most, scratch[lane])
        sums = spread(0.0, ONE)
        score = scores[row, targets[row]]
        for word in range(0, columns, LANES):
            powers = exp(load(values, first + word, ONE) - most)
            store(values, first + word, powers)
            sums = sums + powers
        whole = total(sums, scratch)
        losses[row] = np.float32(math.log(whole)) + (most - score)
        correct[row] = score >= most
        factor = 1.0 / whole
        for word in range(0, columns, LANES):
            store(values, first + word, load(values, first + word, ONE) * factor - share)
        scores[row, targets[row]] -= np.float32(1) - np.float32(smoothing)
        for word in range(words, columns):
            scores[row, word] = np.float32(0)
