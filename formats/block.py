"""A block of rows: of a training file, or of a request."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Block:
    """Some consecutive rows, and their labels if there are any.

    `exact` is true for each row whose numbers were all converted to float32 without rounding: 27.25 is, 27.1 is not.
    """

    features: NDArray[np.float32]  # (rows, columns)
    labels: NDArray[np.float32] | None  # (rows,)
    exact: NDArray[np.bool_]  # (rows,)
