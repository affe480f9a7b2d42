"""What a forest stores, what it refuses, and what it says of itself."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecastle.algorithms.random_cut_forest.forest import Forest
from forecastle.algorithms.random_cut_forest.inference.score import attribute, score
from forecastle.contract.errors import InvalidData
from tests.algorithms.random_cut_forest import reference
from tests.algorithms.random_cut_forest.data import DIMENSIONS, forest_of, points

Arrays = dict[str, npt.NDArray[Any]]


def stored() -> Arrays:
    return {name: array.copy() for name, array in forest_of(points("rounded", 60, 2, 3), 3, 40).arrays().items()}


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_a_forest_made_of_its_arrays_has_the_same_arrays_and_scores(dimensions: int) -> None:
    forest = forest_of(points("gaussian", 100, dimensions, 1))
    again = Forest.from_arrays({name: array.copy() for name, array in forest.arrays().items()})
    assert all(np.array_equal(array, again.arrays()[name]) for name, array in forest.arrays().items())
    queries = points("gaussian", 50, dimensions, 2)
    assert score(forest, queries).tobytes() == score(again, queries).tobytes()


@pytest.mark.parametrize("kind", ["gaussian", "rounded", "constant"])
@pytest.mark.parametrize("dimensions", [1, 3])
def test_nodes_and_depths_count_what_the_trees_have(kind: str, dimensions: int) -> None:
    forest = forest_of(points(kind, 100, dimensions, 1))

    def nodes(node: reference.Cut | reference.Leaf) -> int:
        return 1 if isinstance(node, reference.Leaf) else 1 + nodes(node.left) + nodes(node.right)

    def levels(node: reference.Cut | reference.Leaf) -> int:
        return 1 if isinstance(node, reference.Leaf) else 1 + max(levels(node.left), levels(node.right))

    roots = reference.trees(forest)
    assert forest.num_nodes.tolist() == [nodes(root) for root in roots]
    assert forest.depths.tolist() == [levels(root) for root in roots]


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_boxes_nest_and_are_those_of_the_leaves_below(dimensions: int) -> None:
    forest = forest_of(points("gaussian", 100, dimensions, 4), 2)
    boxes = iter(forest.bounding_boxes())

    def check(node: reference.Cut | reference.Leaf) -> None:
        if isinstance(node, reference.Leaf):
            return
        least, largest = next(boxes)  # depth first, as nodes are numbered
        assert np.array_equal(least, node.least)
        assert np.array_equal(largest, node.largest)
        for child in (node.left, node.right):
            assert np.all(child.least >= node.least)
            assert np.all(child.largest <= node.largest)
            check(child)

    for root in reference.trees(forest):
        check(root)
    assert next(boxes, None) is None


@pytest.mark.parametrize("dimensions", DIMENSIONS)
def test_changes_are_the_bounds_that_differ_from_the_parents(dimensions: int) -> None:
    forest = forest_of(points("rounded", 300, dimensions, 4), 2, 100)
    listed = 0
    for tree in range(2):
        first = int(forest.leaf_offsets[tree]) - tree
        for parent in range(first, int(forest.leaf_offsets[tree + 1]) - tree - 1):
            for child in forest.children[parent][forest.children[parent] >= 0] + first:
                rows = slice(*forest.changes.offsets[child : child + 2])
                if rows.start == rows.stop:
                    continue
                listed += 1
                differs = forest.boxes[child] != forest.boxes[parent]
                for corner in range(2):
                    columns = forest.changes.columns[rows, corner].tolist()
                    changed = np.flatnonzero(differs[corner]).tolist()
                    assert columns[: len(changed)] == changed
                    assert not differs[corner][columns[len(changed) :]].any()
    assert (listed > 0) == (dimensions > 16)


@pytest.mark.parametrize(
    ("name", "place", "value", "message"),
    [
        ("leaf_offsets", 1, 0, "leaf_offsets: expected offsets"),
        ("leaf_offsets", -1, 10**9, "leaf_offsets: expected offsets"),
        ("cut_dimensions", 2, 2, r"cut_dimensions\[2\]: expected an integer in \[0, 1\], got 2\."),
        ("cut_dimensions", 2, -1, r"cut_dimensions\[2\]: expected an integer in \[0, 1\], got -1\."),
        ("cut_values", 1, np.nan, r"cut_values\[1\]: expected a finite number, got nan\."),
        ("cut_values", 1, 1e9, r"children\[1\], tree 0: expected every leaf on its side"),
        ("leaf_points", (3, 1), np.inf, r"leaf_points\[7\]: expected a finite number, got inf\."),
        ("leaf_points", (3, 1), 1e9, "expected every leaf on its side"),
        ("leaf_masses", 5, 0, r"leaf_masses\[5\]: expected an integer in \[1, 2147483647\], got 0\."),
        ("children", (0, 0), 0, r"children\[0\], tree 0: expected the nodes of a binary tree"),
        ("children", (0, 1), 10**9, "expected the nodes of a binary tree"),
        ("children", (4, 1), -(10**9), "expected the nodes of a binary tree"),
    ],
)
def test_a_corrupted_array_is_refused_with_its_place(name: str, place: Any, value: float, message: str) -> None:
    arrays = stored()
    arrays[name][place] = value
    with pytest.raises(InvalidData, match=message):
        Forest.from_arrays(arrays)


def test_arrays_of_another_kind_are_refused() -> None:
    for name in stored():
        missing = stored()
        del missing[name]
        with pytest.raises(InvalidData, match=f"arrays: expected {name}, which is missing"):
            Forest.from_arrays(missing)
        other = stored()
        other[name] = other[name].astype(np.float64)
        with pytest.raises(InvalidData, match=f"^{name}: expected .*, got float64"):
            Forest.from_arrays(other)
        shorter = stored()
        shorter[name] = shorter[name][:-1]
        with pytest.raises(InvalidData):
            Forest.from_arrays(shorter)
    with pytest.raises(InvalidData, match="got also 'more'"):
        Forest.from_arrays({**stored(), "more": np.zeros(1)})
    with pytest.raises(InvalidData, match="at least one tree"):
        Forest.from_arrays({**stored(), "leaf_offsets": np.zeros(1, np.int64)})


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_whatever_passes_the_check_can_be_scored(data: st.DataObject) -> None:
    arrays = stored()
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(arrays)))
        place = data.draw(st.integers(0, arrays[name].size - 1))
        if arrays[name].dtype == np.float32:
            value: float = data.draw(st.floats(width=32))
        else:
            value = data.draw(st.integers(-50, 50) | st.integers(-(2**31), 2**31 - 1))
        arrays[name].flat[place] = value
    try:
        forest = Forest.from_arrays(arrays)
    except InvalidData:
        return
    queries = points("gaussian", 20, 2, 0)
    assert np.isfinite(score(forest, queries)).all()
    assert np.isfinite(attribute(forest, queries)).all()
