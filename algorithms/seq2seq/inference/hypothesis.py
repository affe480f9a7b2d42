"""A translation that beam search found."""

from dataclasses import dataclass

from forecastle.algorithms.seq2seq.arrays import Floats, Words


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hypothesis:
    """A translation of a sentence.

    Attributes
    ----------
    words : (T,), without </s>.
    score : its log-probability, </s> included, divided by the length penalty ((5 + T + 1) / 6)^α.
    attention : (T, S), for each of its words the weight of each source word; None if it was not asked for.
    """

    words: Words
    score: float
    attention: Floats | None
