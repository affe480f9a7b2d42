"""Sparse rows as dense ones, within a limit."""

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.errors import PayloadTooLarge
from forecastle.kernels.compiled import kernel


def densify(
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    ends: NDArray[np.int64],
    width: int,
    *,
    max_bytes: int,
    begin: int = 0,
) -> NDArray[np.float32]:
    """The matrix (rows, width) whose row r has `values` in the columns `keys`, from `ends[r - 1]` up to `ends[r]`.

    The first row has those from `begin` on. Raises `PayloadTooLarge` if the matrix would take more than `max_bytes`.
    """
    size = len(ends) * width * 4
    if size > max_bytes:
        raise PayloadTooLarge(
            expected=f"at most {max_bytes} bytes for sparse rows as dense ones",
            got=f"{len(ends)} rows of {width} columns, which take {size}",
        )
    dense = np.zeros((len(ends), width), np.float32)
    _scatter(values, keys, ends, begin, dense)
    return dense


@kernel
def _scatter(
    values: NDArray[np.float32],
    keys: NDArray[np.int64],
    ends: NDArray[np.int64],
    begin: int,
    dense: NDArray[np.float32],
) -> None:
    """Write values[i] to dense[row, keys[i]], (rows, width), for i up to ends[row], (rows,)."""
    for row in range(len(ends)):
        for i in range(begin, ends[row]):
            dense[row, keys[i]] = values[i]
        begin = ends[row]
