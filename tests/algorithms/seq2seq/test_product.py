"""Products with packed matrices are those of numpy, and a row's numbers depend on no other row."""

import numpy as np
import pytest

from forecastle.algorithms.seq2seq.product import multiply, packed, packed_backward, transpose


@pytest.mark.parametrize(("rows", "inputs", "outputs"), [(1, 8, 1), (5, 16, 33), (7, 264, 48), (200, 520, 16)])
def test_products_are_numpys(rows: int, inputs: int, outputs: int) -> None:
    rng = np.random.default_rng(rows)
    left = rng.standard_normal((rows, inputs + 3)).astype(np.float32)
    weight = rng.standard_normal((outputs, inputs + 8)).astype(np.float32)
    expected = left[:, 2:-1].astype(float) @ weight[:, 8:].T.astype(float)
    panels = packed(weight, 8)
    out = np.full((rows, 16 * len(panels) + 5), 7, np.float32)
    multiply(left, 2, panels, out, 4, False)
    assert out[:, 4 : 4 + outputs] == pytest.approx(expected, abs=1e-4)
    assert (out[:, :4] == 7).all()
    assert out[:, -1] == pytest.approx(np.full(rows, 7))
    multiply(left, 2, panels, out, 4, True)
    assert out[:, 4 : 4 + outputs] == pytest.approx(2 * expected, abs=2e-4)


def test_a_row_depends_on_no_other() -> None:
    rng = np.random.default_rng(0)
    left, weight = (rng.standard_normal((size, 304)).astype(np.float32) for size in (400, 64))
    panels, together, alone = packed(weight), np.empty((400, 64), np.float32), np.empty((1, 64), np.float32)
    multiply(left, 0, panels, together, 0, False)
    for row in (0, 5, 191, 192, 399):
        multiply(left[row : row + 1], 0, panels, alone, 0, False)
        assert np.array_equal(alone[0], together[row])


def test_products_with_gradients_are_numpys() -> None:
    rng = np.random.default_rng(0)
    gradients, weight = rng.standard_normal((9, 21)), rng.standard_normal((21, 48))
    out = np.empty((9, 32), np.float32)
    multiply(gradients.astype(np.float32), 0, packed_backward(weight.astype(np.float32), 16), out, 0, False)
    assert out == pytest.approx(gradients @ weight[:, 16:], abs=1e-4)


@pytest.mark.parametrize("rows", [1, 8, 21])
def test_a_transpose_is_numpys(rows: int) -> None:
    matrix = np.arange(rows * 16, dtype=np.float32).reshape(rows, 16)
    out = np.empty((16, rows), np.float32)
    transpose(matrix, out)
    assert np.array_equal(out, matrix.T)
