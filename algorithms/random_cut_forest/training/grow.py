"""Growing trees from a sample: the rows of each tree, and random cuts until every leaf is one distinct point."""

import numpy as np
import numpy.typing as npt

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At, Source
from forecastle.kernels.arrays import Floats, Integers
from forecastle.kernels.compiled import kernel
from forecastle.kernels.lanes import LANES, SIZES, load, maximum, minimum, store
from forecastle.kernels.pointer import memory
from forecastle.kernels.splitmix import next_below, next_uniform, stream
from forecastle.kernels.threads import in_parallel

Rows = npt.NDArray[np.int64]  # (trees, samples of a tree)

_VECTOR = SIZES[1]
_TREES_PER_CALL = 8
_DRAWING = 1 << 32  # the first number of the streams for drawing rows; those for cuts are smaller


def contiguous_rows(num_rows: int, num_trees: int) -> Rows:
    """The rows of each tree as in SageMaker: [t·s, (t + 1)·s) for tree t, with s = ⌊rows / trees⌋; the rest is unused.

    Raises
    ------
    InvalidData : there are more trees than rows.
    """
    if num_rows < num_trees:
        raise InvalidData(
            place=(Source("The training data"),),
            expected=f"at least one row for each of {num_trees} trees",
            got=str(num_rows),
        )
    size = num_rows // num_trees
    return np.arange(num_trees * size, dtype=np.int64).reshape(num_trees, size)


def drawn_rows(num_rows: int, num_trees: int, num_samples_per_tree: int, *, seed: int) -> Rows:
    """The rows of each tree: min(num_samples_per_tree, num_rows), drawn separately, without replacement."""
    return _draw(num_rows, num_trees, min(num_samples_per_tree, num_rows), np.uint64(seed))


def grow(samples: Floats, rows: Rows, *, seed: int, threads: int | None = None) -> Forest:
    """A forest of `samples`, (N, d), whose tree t has the rows `rows[t]`. The same seed gives the same bytes.

    At each node a dimension is chosen with probability proportional to the side of the node's bounding box, then a cut
    uniformly in that side. Reference: Guha, Mishra, Roy, Schrijvers, "Robust random cut forest based anomaly detection
    on streams", ICML 2016.

    Raises
    ------
    InvalidData : a sample is not finite.
    """
    samples = np.require(samples, np.float32, ["C", "W"])
    trees, size = rows.shape
    cut_dimensions = np.empty((trees, size - 1), np.int32)
    cut_values = np.empty((trees, size - 1), np.float32)
    children = np.empty((trees, size - 1, 2), np.int32)
    leaf_rows = np.empty((trees, size), np.int64)
    leaf_masses = np.empty((trees, size), np.int32)
    leaves = np.empty(trees, np.int64)

    def work(start: int, stop: int) -> None:
        for tree in range(start, stop):
            leaves[tree] = _grow_tree(
                samples,
                rows[tree],
                stream(np.uint64(seed), tree),
                cut_dimensions[tree],
                cut_values[tree],
                children[tree],
                leaf_rows[tree],
                leaf_masses[tree],
            )

    in_parallel(work, trees, block=_TREES_PER_CALL, threads=threads)
    if not leaves.all():
        row, column = np.argwhere(~np.isfinite(samples))[0]
        place = (At("row", int(row)), At("column", int(column)))
        raise InvalidData(place=place, expected="a finite number", got=str(samples[row, column]))
    grown_leaf = np.arange(size) < leaves[:, None]
    grown_cut = grown_leaf[:, 1:]
    return Forest.from_arrays(
        {
            "leaf_offsets": np.concatenate([np.zeros(1, np.int64), np.cumsum(leaves)]),
            "cut_dimensions": cut_dimensions[grown_cut],
            "cut_values": cut_values[grown_cut],
            "children": children[grown_cut],
            "leaf_points": samples[leaf_rows[grown_leaf]],
            "leaf_masses": leaf_masses[grown_leaf],
        }
    )


@kernel
def _draw(num_rows: int, num_trees: int, size: int, seed: np.uint64) -> Rows:
    """Draw `size` distinct rows for each tree, (trees, size).

    Floyd's algorithm needs `size` draws; a hash table contains the rows that a tree already has.
    Reference: Bentley, Floyd, "Programming pearls: a sample of brilliance", CACM 30, 1987.
    """
    rows = np.empty((num_trees, size), np.int64)
    slots = 4
    while slots < 2 * size:
        slots *= 2
    table = np.empty(slots, np.int64)
    for tree in range(num_trees):
        random = stream(seed, _DRAWING + tree)
        table[:] = -1
        for i in range(size):
            last = num_rows - size + i
            row = next_below(random, last + 1)
            slot = _slot_of(table, row)
            if table[slot] == row:
                row = last
                slot = _slot_of(table, row)
            table[slot] = row
            rows[tree, i] = row
    return rows


@kernel
def _slot_of(table: Rows, row: int) -> int:
    """The slot of `row` in `table`, (slots,), or the free slot for it."""
    last = len(table) - 1
    slot = (row * 0x9E3779B1 >> 7) & last
    while table[slot] >= 0 and table[slot] != row:
        slot = (slot + 1) & last
    return slot


@kernel
def _grow_tree(
    samples: Floats,
    rows: Rows,
    random: npt.NDArray[np.uint64],
    cut_dimensions: Integers,
    cut_values: Floats,
    children: Integers,
    leaf_rows: Rows,
    leaf_masses: Integers,
) -> int:
    """Grow a tree, numbered depth first, left before right. → the number of leaves, 0 if a value is not finite.

    samples : (N, d). rows : (n,), of this tree. random : (1,), its stream.
    cut_dimensions, cut_values, children : (n − 1,), (n − 1,) and (n − 1, 2), written, see `Forest`.
    leaf_rows, leaf_masses : (n,), written: a row of each leaf, and the number of rows equal to it.
    """
    size, dimensions = len(rows), samples.shape[1]
    width = (dimensions + LANES - 1) // LANES * LANES
    points = np.zeros((size, width), np.float32)
    for i in range(size):
        for j in range(dimensions):
            points[i, j] = samples[rows[i], j]
            if not np.isfinite(points[i, j]):
                return 0
    order = np.arange(size)
    low, high = np.empty(width, np.float32), np.empty(width, np.float32)
    # A pending node: its points order[start:stop], and the place of the link to it, 2·parent + side; −1 for the root.
    pending = np.empty((size + 1, 3), np.int64)
    _push(pending, 0, 0, size, -1)
    waiting, cuts, leaves = 1, 0, 0
    while waiting > 0:
        waiting -= 1
        start, stop, link = pending[waiting, 0], pending[waiting, 1], pending[waiting, 2]
        total = _bound(points, order, start, stop, low, high)
        if total == 0.0:
            if link >= 0:
                children[link // 2, link % 2] = ~leaves
            leaf_rows[leaves], leaf_masses[leaves] = rows[order[start]], stop - start
            leaves += 1
            continue
        if link >= 0:
            children[link // 2, link % 2] = cuts
        dimension = _choose_dimension(next_uniform(random) * total, low, high)
        cut = _choose_cut(next_uniform(random), low[dimension], high[dimension])
        cut_dimensions[cuts], cut_values[cuts] = dimension, cut
        middle = _part(points, order, start, stop, dimension, cut)
        _push(pending, waiting, middle, stop, 2 * cuts + 1)
        _push(pending, waiting + 1, start, middle, 2 * cuts)
        waiting += 2
        cuts += 1
    return leaves


@kernel
def _push(pending: Rows, place: int, start: int, stop: int, link: int) -> None:
    """Write a pending node to `pending`, (nodes, 3)."""
    pending[place, 0], pending[place, 1], pending[place, 2] = start, stop, link


@kernel
def _bound(points: Floats, order: Rows, start: int, stop: int, low: Floats, high: Floats) -> np.float64:
    """Write the bounding box of points[order[start:stop]] to `low` and `high`. → the sum of its sides.

    points : (n, width), columns padded with zeros. order : (n,). low, high : (width,).
    """
    width = points.shape[1]
    for j in range(0, width, LANES):
        least = load(memory(points), order[start] * width + j, _VECTOR)
        largest = least
        for i in range(start + 1, stop):
            point = load(memory(points), order[i] * width + j, _VECTOR)
            least, largest = minimum(least, point), maximum(largest, point)
        store(memory(low), j, least)
        store(memory(high), j, largest)
    total = np.float64(0.0)
    for j in range(width):
        total += np.float64(high[j]) - np.float64(low[j])
    return total


@kernel
def _choose_dimension(target: np.float64, low: Floats, high: Floats) -> int:
    """The dimension whose side contains `target` if all sides of the box are laid end to end; never one of side 0.

    low, high : (width,).
    """
    chosen = 0
    for j in range(len(low)):
        side = np.float64(high[j]) - np.float64(low[j])
        if side > 0.0:
            chosen = j
            target -= side
            if target < 0.0:
                break
    return chosen


@kernel
def _choose_cut(uniform: float, low: np.float32, high: np.float32) -> np.float32:
    """A cut in [low, high), so that neither side is empty."""
    cut = np.float32(low + uniform * (np.float64(high) - np.float64(low)))
    return cut if cut < high else np.nextafter(high, np.float32(-np.inf))


@kernel
def _part(points: Floats, order: Rows, start: int, stop: int, dimension: int, cut: np.float32) -> int:
    """Reorder order[start:stop], with the points on the left of the cut first. → where those on its right begin.

    points : (n, width). order : (n,).
    """
    middle = start
    for i in range(start, stop):
        point = order[i]
        if points[point, dimension] <= cut:
            order[i], order[middle] = order[middle], point
            middle += 1
    return middle
