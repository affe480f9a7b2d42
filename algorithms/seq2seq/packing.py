"""Sentences of several lengths, step by step: at each step the rows of those that are that long, the longest first.

No row is ever padding, and the rows of a step are always the first ones of the step before.
"""

from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.arrays import Indices

Rows = slice  # of a step


class Steps(NamedTuple):
    """Where the words of sentences are, by step.

    Attributes
    ----------
    order : (B,): the sentences, the longest first; equally long ones in their order.
    rows : for each step its rows; row i is the word of sentence order[i].
    starts : (B + 1,): where each sentence begins in the list of all words, sentence by sentence.
    places : (words,): the row of each word in that list.
    """

    order: Indices
    rows: list[Rows]
    starts: Indices
    places: Indices


def steps_of(lengths: NDArray[np.int64]) -> Steps:
    """The steps of sentences of these lengths, (B,), all of them at least 1."""
    order = np.argsort(-lengths, kind="stable")
    counts = len(lengths) - np.searchsorted(np.sort(lengths), np.arange(lengths.max()), side="right")
    begins = np.concatenate([[0], np.cumsum(counts)])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ranks = np.empty(len(lengths), np.int64)
    ranks[order] = np.arange(len(lengths))
    positions = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
    places = begins[positions] + np.repeat(ranks, lengths)
    return Steps(order, [slice(int(a), int(b)) for a, b in pairwise(begins)], starts, places)
