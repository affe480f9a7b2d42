"""Array types of networks and sentences."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Words = NDArray[np.int32]  # ids in a vocabulary
Indices = NDArray[np.int64]
