"""Products with packed matrices, for compiled kernels' arrays.

A matrix is packed once and multiplied often: BLAS would pack it again for each product, which takes as long as a
product of a few rows. Each number of a result is summed in the same order, whatever the other rows are and how many,
so that neither a batch nor threads change it.
"""

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import SIZES, aligned, fetch, fma, load, spread, store, turn
from forecastle.kernels.pointer import memory

COLUMNS = 16  # of a panel: two vectors, which six rows fill 12 registers with
_ROWS = 6
_BLOCK_ROWS = 192  # of the left factor at once, and
_DEPTH = 256  # so many of its columns: 192 KiB of it, and 16 KiB of a panel
_ROWS_TO_FETCH = 48  # from so many on, the next panel is fetched in the meantime
_SIZE = SIZES[2]

Packed = NDArray[np.float32]  # (⌈N / 16⌉, K, 16): the columns of a (K, N) matrix in panels


def packed(matrix: Floats, column: int = 0, depth: int = 0, out: Packed | None = None) -> Packed:
    """The panels of a weight of shape (N, K), by which `multiply` computes inputs · weightᵀ; K is a multiple of 8.

    depth : how many columns from `column` on are the weight; by default all.
    """
    panels = empty_panels(depth or matrix.shape[1] - column, matrix.shape[0]) if out is None else out
    pack_transposed(matrix, column, panels)
    return panels


def packed_backward(matrix: Floats, column: int = 0, columns: int = 0, out: Packed | None = None) -> Packed:
    """The panels of a weight of shape (K, N), by which `multiply` computes gradients · weight; N is a multiple of 16.

    columns : how many from `column` on are the weight; by default all.
    """
    panels = empty_panels(matrix.shape[0], columns or matrix.shape[1] - column) if out is None else out
    pack(matrix, column, panels)
    return panels


def empty_panels(depth: int, columns: int) -> Packed:
    """Memory for the panels of a (depth, columns) matrix."""
    return aligned(-(-columns // COLUMNS), depth, COLUMNS)


@kernel
def pack_transposed(matrix: Floats, column: int, out: Packed) -> None:
    """Pack the transpose of K columns of a (N, ·) matrix to `out`; K is a multiple of 8. Missing columns become 0."""
    rows, stride = matrix.shape
    depth = out.shape[1]
    source, target = memory(matrix), memory(out)
    for panel in range(out.shape[0]):
        for half in range(2):
            first = panel * COLUMNS + 8 * half
            to = panel * depth * COLUMNS + 8 * half
            if first + 8 <= rows:
                for k in range(0, depth, 8):
                    turn(source, first * stride + column + k, stride, target, to + k * COLUMNS, COLUMNS)
                continue
            for k in range(depth):
                for lane in range(8):
                    row = first + lane
                    out[panel, k, 8 * half + lane] = matrix[row, column + k] if row < rows else np.float32(0)


@kernel
def pack(matrix: Floats, column: int, out: Packed) -> None:
    """Pack the columns of a (K, ·) matrix from `column` on to `out`; there are 16 for each panel."""
    depth, stride = matrix.shape
    source, target = memory(matrix), memory(out)
    for k in range(depth):
        for panel in range(out.shape[0]):
            at = k * stride + column + panel * COLUMNS
            store(target, (panel * depth + k) * COLUMNS, load(source, at, _SIZE))


@kernel
def transpose(matrix: Floats, out: Floats) -> None:
    """Write the transpose of a (rows, columns) matrix to `out`; columns are a multiple of 8."""
    rows, columns = matrix.shape
    stride = out.shape[1]
    source, target = memory(matrix), memory(out)
    whole = rows // 8 * 8
    for column in range(0, columns, 8):
        for row in range(0, whole, 8):
            turn(source, row * columns + column, columns, target, column * stride + row, stride)
    for row in range(whole, rows):
        for column in range(columns):
            out[column, row] = matrix[row, column]


@kernel
def multiply(left: Floats, left_column: int, panels: Packed, out: Floats, column: int, add: bool) -> None:
    """Write, or `add`, a product to `out` (M, ·), from `column` on.

    Parameters
    ----------
    left : (M, ·), of which K columns from `left_column` on are the left factor.
    panels : (P, K, 16), the right factor; `out` has 16·P columns for it from `column` on.
    """
    rows, depth = len(left), panels.shape[1]
    stride, out_stride = left.shape[1], out.shape[1]
    factors, weights, sums = memory(left), memory(panels), memory(out)
    nothing = spread(np.float32(0), _SIZE)
    for block in range(0, rows, _BLOCK_ROWS):
        block_end = min(rows, block + _BLOCK_ROWS)
        for begin in range(0, depth, _DEPTH):
            count = min(depth - begin, _DEPTH)
            fresh = begin == 0 and not add
            lines = 0  # of the next panel, for each group of rows
            if block_end - block >= _ROWS_TO_FETCH:
                lines = -(-count // -(-(block_end - block) // _ROWS))
            for panel in range(panels.shape[0]):
                weight = (panel * depth + begin) * COLUMNS
                ahead = weight + depth * COLUMNS
                at = column + panel * COLUMNS
                for row in range(block, block_end, _ROWS):
                    last = block_end - 1  # a row beyond it is the last one again
                    second, third = min(row + 1, last), min(row + 2, last)
                    fourth, fifth, sixth = min(row + 3, last), min(row + 4, last), min(row + 5, last)
                    p, q = at + row * out_stride, at + second * out_stride
                    r, s = at + third * out_stride, at + fourth * out_stride
                    t, u = at + fifth * out_stride, at + sixth * out_stride
                    for line in range(lines):
                        fetch(weights, ahead + line * COLUMNS, 0)
                    ahead += lines * COLUMNS
                    a = b = c = d = e = f = nothing
                    if not fresh:
                        a, b, c = load(sums, p, _SIZE), load(sums, q, _SIZE), load(sums, r, _SIZE)
                        d, e, f = load(sums, s, _SIZE), load(sums, t, _SIZE), load(sums, u, _SIZE)
                    first = left_column + begin
                    g, h = first + row * stride, first + second * stride
                    i, j = first + third * stride, first + fourth * stride
                    m, n = first + fifth * stride, first + sixth * stride
                    for k in range(count):
                        lanes = load(weights, weight + k * COLUMNS, _SIZE)
                        a, b = fma(lanes, factors[g + k], a), fma(lanes, factors[h + k], b)
                        c, d = fma(lanes, factors[i + k], c), fma(lanes, factors[j + k], d)
                        e, f = fma(lanes, factors[m + k], e), fma(lanes, factors[n + k], f)
                    store(sums, p, a)
                    store(sums, q, b)
                    store(sums, r, c)
                    store(sums, s, d)
                    store(sums, t, e)
                    store(sums, u, f)
