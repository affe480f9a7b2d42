"""A network's weights as inference reads them: padded, and packed once for all requests."""

from dataclasses import dataclass

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.layout import Layout, tied
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.product import Packed, empty_panels, multiply, packed
from forecastle.kernels.lanes import aligned

_LARGEST_TABLE = 1 << 26  # bytes
_NEVER = np.float32(-1e30)  # a bias that leaves no probability to words that exist only as padding


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Weights:
    """What inference multiplies with.

    Attributes
    ----------
    padded : the arrays by name, in the layout's sizes.
    panels : the matrices among them by name, packed. `decoder0_input_weight` is packed without the columns of
        embeddings, `hidden_weight` as `hidden_state` and `hidden_context`.
    table : (words, gates): the product of `decoder0_input_weight` with each target word's embedding; empty where that
        would take more than 64 MiB.
    embedding : the panels of those columns of `decoder0_input_weight`, where there is no table.
    reads_projected : whether the attention reads the source already multiplied with `hidden_context`: no layer above
        it needs more.
    """

    layout: Layout
    padded: dict[str, Floats]
    panels: dict[str, Packed]
    table: Floats
    embedding: Packed
    reads_projected: bool

    @classmethod
    def of(cls, network: Network) -> "Weights":
        layout = Layout.of(network.architecture)
        arrays = {name: layout.padded(name, array) for name, array in network.weights.items()}
        arrays = tied(network.architecture, arrays)
        arrays["output_bias"][network.architecture.target_words :] = _NEVER
        embed, inputs = layout.embed_target, arrays["decoder0_input_weight"]
        panels = {
            name: packed(matrix, embed if name == "decoder0_input_weight" else 0)
            for name, matrix in arrays.items()
            if matrix.ndim == 2 and not name.startswith("embedding") and name != "hidden_weight"
        }
        panels["hidden_state"] = packed(arrays["hidden_weight"], 0, layout.hidden)
        panels["hidden_context"] = packed(arrays["hidden_weight"], layout.hidden)
        embedding = packed(inputs, 0, embed)
        table = np.empty((0, len(inputs)), np.float32)
        if layout.target_words * len(inputs) * table.itemsize <= _LARGEST_TABLE:
            table = aligned(layout.target_words, len(inputs))
            multiply(arrays["embedding_target"], 0, embedding, table, 0, False)
            embedding = empty_panels(0, 0)
        a = network.architecture
        return cls(layout, arrays, panels, table, embedding, a.attention_layer == a.num_layers_decoder - 1)
