"""A Random Cut Forest as flat arrays: those that are stored, and others computed from them for fast scoring."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from forecastle.algorithms.random_cut_forest import derived
from forecastle.algorithms.random_cut_forest.changes import Changes
from forecastle.algorithms.random_cut_forest.changes import changes as changes_of
from forecastle.contract.errors import InvalidData
from forecastle.contract.place import At, Source
from forecastle.kernels.arrays import Floats, Integers, Offsets

# The stored arrays: name → dtype, number of axes.
STORED = {
    "leaf_offsets": (np.dtype(np.int64), 1),
    "cut_dimensions": (np.dtype(np.int32), 1),
    "cut_values": (np.dtype(np.float32), 1),
    "children": (np.dtype(np.int32), 2),
    "leaf_points": (np.dtype(np.float32), 2),
    "leaf_masses": (np.dtype(np.int32), 1),
}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Forest:
    """T trees over points of d dimensions: K leaves in all and, trees being binary, K − T nodes with a cut.

    Nodes and leaves are numbered tree by tree and depth first, left before right: the leaves of one tree are in order
    from left to right, and the left child of a cut is its next neighbour.

    Stored:

    leaf_offsets : (T + 1,), tree t has the leaves [leaf_offsets[t], leaf_offsets[t + 1]) and the cuts
        [leaf_offsets[t] − t, leaf_offsets[t + 1] − t − 1).
    cut_dimensions, cut_values : (K − T,), a point goes left where point[dimension] <= value.
    children : (K − T, 2), left and right; ≥ 0 is a cut, < 0 the leaf ~child, both counted from 0 in each tree.
    leaf_points : (K, d), all distinct in a tree.
    leaf_masses : (K,), the number of sampled points equal to it.

    Computed by `from_arrays`; coordinates in it are multiplied by `scale`, see `derived.scale_of`:

    boxes : (K − T, 2, d), lower and upper corner of the bounding box of a cut's leaves.
    box_ranges : (K − T,), the sum of a box's sides.
    changes : the bounds in which boxes differ from their parents' boxes.
    norms : (T,), log2(mass of the tree), 1 for a tree of one point.
    hit_scores : (K,), a tree's score of a point that equals the leaf.
    depths : (T,), levels of a tree; a tree of one leaf has 1.
    spines : for d = 1, the input of `line`; empty otherwise.
    """

    leaf_offsets: Offsets
    cut_dimensions: Integers
    cut_values: Floats
    children: Integers
    leaf_points: Floats
    leaf_masses: Integers

    scale: np.float32
    boxes: Floats
    box_ranges: Floats
    changes: Changes
    norms: Floats
    hit_scores: Floats
    depths: Integers
    spines: derived.Spines

    @property
    def num_trees(self) -> int:
        return len(self.leaf_offsets) - 1

    @property
    def dimensions(self) -> int:
        return int(self.leaf_points.shape[1])

    @property
    def num_nodes(self) -> Offsets:
        """(T,), nodes of each tree, cuts and leaves: 2·leaves − 1."""
        return 2 * np.diff(self.leaf_offsets) - 1

    @property
    def num_samples(self) -> int:
        """The number of points in all trees, with duplicates."""
        return int(self.leaf_masses.sum(dtype=np.int64))

    @property
    def trees(self) -> derived.Trees:
        """The arrays for kernels that walk from the root."""
        return derived.Trees(
            scale=self.scale,
            offsets=self.leaf_offsets,
            cut_dimensions=self.cut_dimensions,
            cut_values=self.cut_values,
            children=self.children,
            leaf_points=self.leaf_points,
            boxes=self.boxes,
            box_ranges=self.box_ranges,
            changes=self.changes,
            norms=self.norms,
            hit_scores=self.hit_scores,
        )

    def bounding_boxes(self) -> Floats:
        """(K − T, 2, d), lower and upper corner of every cut's box, in the unit of the data."""
        return self.boxes / self.scale

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """The stored arrays; `Forest.from_arrays` makes the same forest from them."""
        return {name: getattr(self, name) for name in STORED}

    @classmethod
    def from_arrays(cls, arrays: dict[str, npt.NDArray[Any]]) -> Self:
        """The forest of the arrays that `Forest.arrays` returned.

        Raises
        ------
        InvalidData : an array is missing, unknown, of another dtype or shape, or together they are not a forest. Valid
            arrays can be scored without reading out of bounds, and every walk down a tree ends.
        """
        _check_shapes(arrays)
        stored = {name: np.require(arrays[name], requirements=["C", "W"]) for name in STORED}
        _check_values(stored)
        offsets, children = stored["leaf_offsets"], stored["children"]
        _refuse(derived.check_links(offsets, children), offsets)
        scale = derived.scale_of(stored["leaf_points"].shape[1])
        boxes = derived.bounding_boxes(offsets, children, stored["leaf_points"])
        _refuse(
            derived.check_cuts(
                offsets, children, stored["cut_dimensions"], stored["cut_values"], stored["leaf_points"], boxes
            ),
            offsets,
        )
        boxes *= scale
        depths = derived.depths(offsets, children)
        norms, hit_scores = derived.hit_scores(offsets, stored["leaf_masses"], depths.leaves)
        trees = derived.Trees(
            scale=scale,
            offsets=offsets,
            cut_dimensions=stored["cut_dimensions"],
            cut_values=stored["cut_values"],
            children=children,
            leaf_points=stored["leaf_points"],
            boxes=boxes,
            box_ranges=derived.box_ranges(boxes),
            changes=changes_of(offsets, children, boxes),
            norms=norms,
            hit_scores=hit_scores,
        )
        return cls(
            **stored,
            scale=scale,
            boxes=boxes,
            box_ranges=trees.box_ranges,
            changes=trees.changes,
            norms=norms,
            hit_scores=hit_scores,
            depths=depths.levels,
            spines=derived.spines(trees, depths),
        )


_ARRAYS = (Source("The forest's arrays"),)


def _check_shapes(arrays: dict[str, npt.NDArray[Any]]) -> None:
    for name in arrays.keys() - STORED.keys():
        raise InvalidData(place=_ARRAYS, expected=", ".join(STORED), got=f"also {name[:40]!r}")
    for name, (dtype, axes) in STORED.items():
        if name not in arrays:
            raise InvalidData(place=_ARRAYS, expected=f"{name}, which is missing")
        if arrays[name].dtype != dtype or arrays[name].ndim != axes:
            raise InvalidData(
                place=(name,),
                expected=f"{dtype} with {axes} axes",
                got=f"{arrays[name].dtype} with {arrays[name].ndim}",
            )
    offsets, points = arrays["leaf_offsets"], arrays["leaf_points"]
    if len(offsets) < 2 or points.shape[1] < 1:
        raise InvalidData(
            place=_ARRAYS,
            expected="at least one tree and one dimension",
            got=f"{max(len(offsets) - 1, 0)} and {points.shape[1]}",
        )
    leaves, cuts = len(points), len(points) - (len(offsets) - 1)
    expected: dict[str, tuple[int, ...]] = {
        "cut_dimensions": (cuts,),
        "cut_values": (cuts,),
        "children": (cuts, 2),
        "leaf_masses": (leaves,),
    }
    for name, shape in expected.items():
        if arrays[name].shape != shape:
            raise InvalidData(
                place=(name,),
                expected=f"the shape {shape} for {len(offsets) - 1} trees with {leaves} leaves",
                got=str(arrays[name].shape),
            )


def _check_values(stored: dict[str, npt.NDArray[Any]]) -> None:
    offsets, dimensions = stored["leaf_offsets"], stored["leaf_points"].shape[1]
    if offsets[0] != 0 or offsets[-1] != len(stored["leaf_points"]) or np.any(offsets[1:] <= offsets[:-1]):
        raise InvalidData(
            place=("leaf_offsets",),
            expected=f"offsets from 0 to the number of leaves, {len(stored['leaf_points'])}, at least one per tree",
        )
    for name in ("cut_values", "leaf_points"):
        wrong = np.flatnonzero(~np.isfinite(stored[name]))
        if len(wrong):
            place, got = (name, int(wrong[0])), str(stored[name].flat[wrong[0]])
            raise InvalidData(place=place, expected="a finite number", got=got)
    for name, low, high in (("cut_dimensions", 0, dimensions - 1), ("leaf_masses", 1, np.iinfo(np.int32).max)):
        wrong = np.flatnonzero((stored[name] < low) | (stored[name] > high))
        if len(wrong):
            place, got = (name, int(wrong[0])), str(stored[name][wrong[0]])
            raise InvalidData(place=place, expected=f"an integer in [{low}, {high}]", got=got)


def _refuse(fault: tuple[int, int, int], offsets: Offsets) -> None:
    kind, tree, node = fault
    if kind == derived.SOUND:
        return
    place = ("children", int(node + offsets[tree] - tree), At("tree", tree))
    if kind == derived.NOT_DEPTH_FIRST:
        expected = "the nodes of a binary tree, numbered depth first"
        raise InvalidData(place=place, expected=expected, got="another order")
    raise InvalidData(place=place, expected="every leaf on its side of the cut", got="one on the other side")
