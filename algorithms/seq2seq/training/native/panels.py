"""All weights packed for a step of training: for the products with inputs, and for those with gradients."""

from typing import NamedTuple

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.layout import Layout
from forecastle.algorithms.seq2seq.product import Packed, pack, pack_transposed, packed, packed_backward
from forecastle.kernels.threads import in_parallel


class Part(NamedTuple):
    """A matrix, or some of its columns."""

    name: str
    matrix: str
    column: int
    columns: int


class Panels:
    """The panels of each matrix; of `decoder0_input_weight`, those of embeddings are `decoder0_embedded`."""

    def __init__(self, layout: Layout, weights: dict[str, Floats]) -> None:
        self._weights = weights
        self._parts = []
        for name, array in weights.items():
            if array.ndim == 2 and not name.startswith("embedding"):
                first = layout.embed_target if name == "decoder0_input_weight" else 0
                self._parts.append(Part(name, name, first, array.shape[1] - first))
        self._parts.append(Part("decoder0_embedded", "decoder0_input_weight", 0, layout.embed_target))
        self.forward: dict[str, Packed] = {
            part.name: packed(weights[part.matrix], part.column, part.columns) for part in self._parts
        }
        self.backward: dict[str, Packed] = {
            part.name: packed_backward(weights[part.matrix], part.column, part.columns) for part in self._parts
        }

    def pack(self, *, backward: bool, threads: int | None) -> None:
        """Pack the weights as they are now."""

        def work(start: int, stop: int) -> None:
            for part in self._parts[start:stop]:
                pack_transposed(self._weights[part.matrix], part.column, self.forward[part.name])
                if backward:
                    pack(self._weights[part.matrix], part.column, self.backward[part.name])

        in_parallel(work, len(self._parts), block=1, threads=threads)
