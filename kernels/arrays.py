"""Types of kernels' arrays, and a limit of their numbers."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int32]
Offsets = NDArray[np.int64]
Flags = NDArray[np.bool_]
Marks = NDArray[np.uint8]  # flags in kernels, 0 or 1

LEAST_NORMAL = np.float32(2.0**-126)  # of float32: smaller numbers have fewer digits
