"""Gradients of weights: products of the gradients of what they gave and of what they multiplied, summed over rows."""

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.product import multiply, packed_backward, transpose
from forecastle.kernels.lanes import aligned


def transposed(matrix: Floats) -> Floats:
    """The transpose of a matrix, as an array of its own."""
    out = aligned(matrix.shape[1], len(matrix))
    transpose(matrix, out)
    return out


def add_gradient(turned: Floats, inputs: Floats, out: Floats, column: int = 0) -> None:
    """Add the gradient of a weight to `out`, (outputs, ·), from `column` on.

    turned : (outputs, n), the transposed gradients of the outputs; inputs : (n, inputs).
    """
    multiply(turned, 0, packed_backward(inputs), out, column, True)
