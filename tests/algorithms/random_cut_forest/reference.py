"""A slow, plain reading of the trees, scores and attributions of a Random Cut Forest, in float64.

It knows only what a forest stores, and nothing of the layout that kernels score with.
"""

from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

from forecastle.algorithms.random_cut_forest.forest import Forest

Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Leaf:
    point: Doubles
    mass: int

    @property
    def least(self) -> Doubles:
        return self.point

    @property
    def largest(self) -> Doubles:
        return self.point


@dataclass(frozen=True)
class Cut:
    dimension: int
    value: float
    left: "Cut | Leaf"
    right: "Cut | Leaf"
    least: Doubles
    largest: Doubles
    mass: int


def trees(forest: Forest) -> list[Cut | Leaf]:
    stored = forest.arrays()
    offsets = stored["leaf_offsets"]

    def node(tree: int, link: int) -> Cut | Leaf:
        if link < 0:
            leaf = offsets[tree] + ~link
            return Leaf(stored["leaf_points"][leaf].astype(np.float64), int(stored["leaf_masses"][leaf]))
        place = offsets[tree] - tree + link
        left, right = (node(tree, int(child)) for child in stored["children"][place])
        return Cut(
            int(stored["cut_dimensions"][place]),
            float(stored["cut_values"][place]),
            left,
            right,
            np.minimum(left.least, right.least),
            np.maximum(left.largest, right.largest),
            left.mass + right.mass,
        )

    return [node(tree, 0 if offsets[tree + 1] - offsets[tree] > 1 else -1) for tree in range(len(offsets) - 1)]


def tree_attribution(root: Cut | Leaf, point: Doubles, exact: bool = True) -> tuple[Doubles, Doubles]:
    """What each column adds to one tree's score, too high and too low; the score is the sum of all."""
    norm = log2(max(root.mass, 2))
    high, low = np.zeros(len(point)), np.zeros(len(point))
    node, siblings, rem = root, list[Cut | Leaf](), 1.0
    while True:
        depth = len(siblings)
        above = np.maximum(point - node.largest, 0.0)
        below = np.maximum(node.least - point, 0.0)
        gap = above.sum() + below.sum()
        if isinstance(node, Leaf) and gap == 0.0:
            n, m = root.mass, node.mass
            hit = (1 - (m - 1) / (2 * n)) / max(depth + log2(m), 1) if exact else 1 / (depth + 1)
            shares = shares_without_leaf(siblings, point)
            high += hit * shares[0]
            low += hit * shares[1]
        elif gap > 0.0:
            p = gap / (gap + (node.largest - node.least).sum())
            high += rem * p / (depth + 1) * above / gap
            low += rem * p / (depth + 1) * below / gap
            rem *= 1 - p
        if isinstance(node, Leaf):
            return high * norm, low * norm
        left = point[node.dimension] <= node.value
        siblings.append(node.right if left else node.left)
        node = node.left if left else node.right


def shares_without_leaf(siblings: list[Cut | Leaf], point: Doubles) -> Doubles:
    """(high and low, d), parts of 1: the recursion on the path of a leaf that is not there, siblings from the root on.

    The box of depth D is then that of the siblings from there down.
    """
    if not siblings:
        return np.full((2, len(point)), 1 / (2 * len(point)))
    shares, rem = np.zeros((2, len(point))), 1.0
    for depth in range(len(siblings)):
        least = np.min([sibling.least for sibling in siblings[depth:]], axis=0)
        largest = np.max([sibling.largest for sibling in siblings[depth:]], axis=0)
        outside = np.array([np.maximum(point - largest, 0.0), np.maximum(least - point, 0.0)])
        whole = outside.sum() + (largest - least).sum()
        shares += rem * outside / whole / (depth + 1)
        rem *= 1 - outside.sum() / whole
    return np.asarray(shares / shares.sum())


def attribution(
    forest: Forest, points: npt.NDArray[np.float32], exact: npt.NDArray[np.bool_] | None = None
) -> tuple[Doubles, Doubles]:
    """(n, d) and (n, d)."""
    roots = trees(forest)
    flags = [True] * len(points) if exact is None else exact.tolist()
    both = np.array(
        [
            [tree_attribution(root, point, flag) for root in roots]
            for point, flag in zip(points.astype(np.float64), flags, strict=True)
        ]
    )
    mean = both.mean(axis=1)  # (n, trees, 2, d) → (n, 2, d)
    return mean[:, 0], mean[:, 1]


def scores(forest: Forest, points: npt.NDArray[np.float32]) -> Doubles:
    """(n,)"""
    high, low = attribution(forest, points)
    return np.asarray((high + low).sum(axis=1))
