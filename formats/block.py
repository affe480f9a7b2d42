"""A block of rows: of a training file, or of a request."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Block:
    """Some consecutive rows, and their labels where there are any.

    `exact` says of each row whether float32 holds all its numbers as they came: 27.25 it holds, 27.1 it does not.
    """

    features: NDArray[np.float32]  # (rows, columns)
    labels: NDArray[np.float32] | None  # (rows,)
    exact: NDArray[np.bool_]  # (rows,)
