from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from forecastle.formats import recordio, recordio_writer
from tests.golden.recordio import make

FOLDER = Path(make.__file__).parent


def _csr(matrix: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], int]:
    rows, keys = np.nonzero(matrix)
    ends = np.cumsum(np.count_nonzero(matrix, axis=1))
    return matrix[rows, keys], keys, ends, matrix.shape[1]


@pytest.mark.parametrize("name", make.cases())
def test_the_bytes_are_those_of_the_sdk(name: str) -> None:
    matrix, labels = make.cases()[name]
    if name.startswith("sparse"):
        written = recordio_writer.write_sparse(*_csr(matrix), labels)
    else:
        written = recordio_writer.write_dense(matrix, labels)
    assert written == (FOLDER / f"{name}.pbr").read_bytes()


@pytest.mark.parametrize("name", make.cases())
def test_the_bytes_of_the_sdk_are_read(name: str) -> None:
    matrix, labels = make.cases()[name]
    data = (FOLDER / f"{name}.pbr").read_bytes()
    np.testing.assert_array_equal(
        recordio.decode(data, width=None, max_bytes=1 << 20).features, matrix.astype(np.float32)
    )
    (block,) = recordio.read([data])
    np.testing.assert_array_equal(block.features, matrix.astype(np.float32))
    assert (block.labels is None) == (labels is None)
    if block.labels is not None:
        np.testing.assert_array_equal(block.labels, labels)


def test_scores_are_written_as_the_sdk_writes_them() -> None:
    assert recordio_writer.write_scores(np.array(make.SCORES)) == (FOLDER / "scores.pbr").read_bytes()


def test_an_integer_that_int32_does_not_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="int32"):
        recordio_writer.write_dense(np.array([[2**31]]))
