"""A network's padded arrays in one flat vector, in the order of `Layout.shapes`."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.layout import Layout, tied
from forecastle.kernels.lanes import aligned


class Vector:
    """A vector of zeros at first, and its arrays by name: views, those of tied weights by both names.

    Attributes
    ----------
    values : (size,), a multiple of 16.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout, shapes = layout, layout.shapes()
        sizes = [-(-math.prod(shape) // 16) * 16 for shape in shapes.values()]
        self.values = aligned(sum(sizes))
        self.values[:] = 0.0
        parts = np.split(self.values, np.cumsum(sizes)[:-1])
        self.own = {name: part[: math.prod(shape)].reshape(shape) for part, (name, shape) in zip(parts, shapes.items())}
        self.arrays = tied(layout.architecture, self.own)

    def fill(self, arrays: Mapping[str, NDArray[np.floating]]) -> None:
        """Take the values of a network's arrays, unpadded. Raises `KeyError` or `ValueError` if they do not fit."""
        padded = {name: self._layout.padded(name, arrays[name]) for name in self.own}
        for name, array in padded.items():
            self.own[name][:] = array

    def unpadded(self) -> dict[str, Floats]:
        """The network's arrays; copies."""
        return {name: self._layout.unpadded(name, array) for name, array in self.own.items()}
