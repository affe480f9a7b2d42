"""The gradients of the encoder, backward through all steps."""

from collections.abc import Mapping

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.encoder import Pass, order_of
from forecastle.algorithms.seq2seq.layout import Layout
from forecastle.algorithms.seq2seq.packing import Rows
from forecastle.algorithms.seq2seq.product import Packed, multiply
from forecastle.algorithms.seq2seq.training.native.cells import BACKWARD, add_sums
from forecastle.algorithms.seq2seq.training.native.gradient import add_gradient, transposed
from forecastle.kernels.lanes import aligned


def encode_backward(
    layout: Layout,
    panels: Mapping[str, Packed],
    passes: list[Pass],
    of_outputs: Floats,
    steps: list[Rows],
    gradients: Mapping[str, Floats],
) -> Floats:
    """From the gradients of the outputs (R, H) to those of the embeddings (R, E); those of weights are added."""
    for layer in reversed(range(1, layout.architecture.num_layers_encoder)):
        of_inputs = aligned(*of_outputs.shape)
        _pass_backward(layout, panels, passes[layer + 1], of_outputs, steps, gradients, of_inputs, False)
        if layout.architecture.residual(layer):
            of_inputs += of_outputs
        of_outputs = of_inputs
    of_embedded = aligned(len(of_outputs), layout.embed_source)
    _pass_backward(layout, panels, passes[0], of_outputs, steps, gradients, of_embedded, False)
    _pass_backward(layout, panels, passes[1], of_outputs, steps, gradients, of_embedded, True)
    return of_embedded


def _pass_backward(
    layout: Layout,
    panels: Mapping[str, Packed],
    forward: Pass,
    of_hidden: Floats,
    steps: list[Rows],
    gradients: Mapping[str, Floats],
    of_inputs: Floats,
    add: bool,
) -> None:
    """The gradients of a pass: written or added to those of its inputs, and added to those of its weights."""
    rows, cells = forward.states.shape
    kind = layout.architecture.rnn_cell_type
    of_sums = aligned(rows, layout.architecture.gates * cells)
    of_products = of_sums if kind == "lstm" else aligned(*of_sums.shape)
    carried, recurrent = aligned(steps[0].stop, cells), aligned(steps[0].stop, cells)
    before = np.zeros((rows, cells), np.float32)
    valid = 0
    for now, last in reversed(list(order_of(steps, forward.backward))):
        count = now.stop - now.start
        valid = min(valid, count)
        BACKWARD[kind](
            forward.gates[now],
            forward.states[last],
            forward.states[now],
            of_hidden[now],
            forward.column,
            recurrent[:valid],
            carried[:valid],
            of_sums[now],
            of_products[now],
            carried[:count],
        )
        multiply(of_products[now], 0, panels[f"{forward.name}_hidden_weight"], recurrent, 0, False)
        before[now.start : now.start + last.stop - last.start] = forward.hidden[
            last, forward.column : forward.column + cells
        ]
        valid = count
    multiply(of_sums, 0, panels[f"{forward.name}_input_weight"], of_inputs, 0, add)
    add_cell_gradients(forward.name, of_sums, of_products, [(forward.inputs, 0)], before, gradients)


def add_cell_gradients(
    name: str,
    of_sums: Floats,
    of_products: Floats,
    inputs: list[tuple[Floats, int]],
    before: Floats,
    gradients: Mapping[str, Floats],
) -> None:
    """Add the gradients of a cell's weights and biases.

    Parameters
    ----------
    of_sums, of_products : (R, gates): of the products with inputs and with the outputs before; may be the same array.
    inputs : matrices (R, ·), each with its first column in the weight.
    before : (R, H), the outputs before.
    """
    turned = transposed(of_sums)
    for matrix, column in inputs:
        add_gradient(turned, matrix, gradients[f"{name}_input_weight"], column)
    add_sums(turned, gradients[f"{name}_input_bias"])
    if of_products is not of_sums:
        turned = transposed(of_products)
    add_gradient(turned, before, gradients[f"{name}_hidden_weight"])
    add_sums(turned, gradients[f"{name}_hidden_bias"])
