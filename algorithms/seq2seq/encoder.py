"""The encoder: from the embeddings of a source's words to what the attention reads, forward through all steps."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.algorithms.seq2seq.cells import CELLS
from forecastle.algorithms.seq2seq.layout import Layout
from forecastle.algorithms.seq2seq.packing import Rows
from forecastle.algorithms.seq2seq.product import Packed, multiply
from forecastle.kernels.lanes import aligned


class Pass(NamedTuple):
    """A layer, or a direction of the first one, after all steps."""

    name: str
    backward: bool
    column: int  # of its outputs in the layer's
    inputs: Floats  # (R, inputs)
    gates: Floats  # (R, 4·H), activated
    states: Floats  # (R, H)
    hidden: Floats  # (R, ·): its outputs, from `column` on, before a residual connection


def encode(
    layout: Layout, weights: Mapping[str, Floats], panels: Mapping[str, Packed], embedded: Floats, steps: list[Rows]
) -> tuple[list[Pass], Floats]:
    """Every layer of the encoder, and the outputs (R, H) of the last one, for embeddings (R, E) by step."""
    rows = len(embedded)
    hidden = aligned(rows, layout.hidden)
    passes = []
    for name, backward, column in (("encoder_forward", False, 0), ("encoder_backward", True, layout.half)):
        passes.append(_pass(layout, weights, panels, name, backward, column, embedded, hidden, layout.half, steps))
    outputs = hidden
    for layer in range(1, layout.architecture.num_layers_encoder):
        inputs, hidden = outputs, aligned(rows, layout.hidden)
        name = f"encoder{layer}"
        passes.append(_pass(layout, weights, panels, name, False, 0, inputs, hidden, layout.hidden, steps))
        outputs = hidden + inputs if layout.architecture.residual(layer) else hidden
    return passes, outputs


def order_of(steps: list[Rows], backward: bool) -> Iterator[tuple[Rows, Rows]]:
    """The rows of each step in the order of a pass, and those of the step before it; at first, none."""
    before = slice(0, 0)
    for rows in reversed(steps) if backward else steps:
        shared = min(rows.stop - rows.start, before.stop - before.start)
        yield rows, slice(before.start, before.start + shared)
        before = rows


def _pass(
    layout: Layout,
    weights: Mapping[str, Floats],
    panels: Mapping[str, Packed],
    name: str,
    backward: bool,
    column: int,
    inputs: Floats,
    hidden: Floats,
    cells: int,
    steps: list[Rows],
) -> Pass:
    gates = layout.architecture.gates * cells
    cell = CELLS[layout.architecture.rnn_cell_type]
    sums, activated, states = (aligned(len(inputs), size) for size in (gates, 4 * cells, cells))
    products = aligned(steps[0].stop, gates)
    multiply(inputs, 0, panels[f"{name}_input_weight"], sums, 0, False)
    biases = weights[f"{name}_input_bias"], weights[f"{name}_hidden_bias"]
    for rows, before in order_of(steps, backward):
        count = before.stop - before.start
        multiply(hidden[before], column, panels[f"{name}_hidden_weight"], products, 0, False)
        cell(
            *biases,
            sums[rows],
            products[:count],
            states[before],
            activated[rows],
            states[rows],
            hidden[rows],
            column,
        )
    return Pass(name, backward, column, inputs, activated, states, hidden)
