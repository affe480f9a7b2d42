"""A translation that a beam search found."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecastle.formats.translation.tokens import Ids


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Hypothesis:
    """A translation of a sentence.

    Attributes
    ----------
    words : (T,), without </s>.
    score : its log-probability, </s> included, divided by the length penalty of what translates.
    attention : (T, S), for each of its words the weight of each source word; None if it was not asked for.
    """

    words: Ids
    score: float
    attention: NDArray[np.float32] | None
