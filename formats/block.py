"""A block of rows of training data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Block:
    """Some consecutive rows of a file, and their labels where it has any."""

    features: NDArray[np.float32]  # (rows, columns)
    labels: NDArray[np.float32] | None  # (rows,)
