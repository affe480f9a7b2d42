"""Sparse rows made dense, within a bound."""

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

    The first row has those from `begin`.
    Raises `PayloadTooLarge` where it would take more than `max_bytes`.
    """
    size = len(ends) * width * 4
    if size > max_bytes:
        raise PayloadTooLarge(
            expected=f"at most {max_bytes} bytes when sparse rows are made dense",
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
    for row in range(len(ends)):
        for i in range(begin, ends[row]):
            dense[row, keys[i]] = values[i]
        begin = ends[row]
