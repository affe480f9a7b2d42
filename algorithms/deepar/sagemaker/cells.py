"""A step of the LSTM layers in SageMaker's graph."""

from dataclasses import dataclass

from forecastle.algorithms.deepar.sagemaker.graph import Ref
from forecastle.algorithms.deepar.sagemaker.pattern import Pattern


@dataclass(frozen=True, slots=True)
class Step:
    """A step's cells, from the lowest layer up: the nodes of their new output h and state c, and of the old ones."""

    input: Ref
    new: tuple[tuple[Ref, Ref], ...]  # (h, c) of each layer
    old: tuple[tuple[Ref, Ref], ...]


def read_step(pattern: Pattern, output: Ref, layers: int, cells: int) -> Step:
    """Compare the nodes that compute the last layer's `output` with the known structure. Raises `InvalidData`."""
    new, old = [], []
    for layer in reversed(range(layers)):
        hidden = output
        if layer > 0:  # a residual connection around each layer but the first
            hidden, below = pattern.inputs(output, "elemwise_add", 2)
        taken, state, before = _cell(pattern, hidden, layer, cells)
        if layer > 0:
            pattern.same(taken, below, "the output of the layer below")
        new.append((hidden, state))
        old.append(before)
        output = taken
    return Step(output, tuple(reversed(new)), tuple(reversed(old)))


def _cell(pattern: Pattern, hidden: Ref, layer: int, cells: int) -> tuple[Ref, Ref, tuple[Ref, Ref]]:
    """A layer's input, its new state, and its old output and state."""
    leaving, squashed = pattern.inputs(hidden, "elemwise_mul", 2)
    state = pattern.only_input(squashed, "Activation", act_type="tanh")
    kept, entering = pattern.inputs(state, "elemwise_add", 2)
    forget, before = pattern.inputs(kept, "elemwise_mul", 2)
    enter, made = pattern.inputs(entering, "elemwise_mul", 2)
    gates = None
    kinds = ((enter, "sigmoid"), (forget, "sigmoid"), (made, "tanh"), (leaving, "sigmoid"))  # in the weights' order
    for number, (gate, kind) in enumerate(kinds):
        slice_ = pattern.only_input(gate, "Activation", act_type=kind)
        gates = slice_.node if gates is None else gates
        if slice_ != Ref(gates, number):
            raise pattern.wrong(slice_, f"output {number} of the gates")
    assert gates is not None
    summed = pattern.inputs(Ref(gates), "SliceChannel", 1, num_outputs="4")[0]
    sums = pattern.inputs(summed, "elemwise_add", 2)
    taken = []
    for each, kind in zip(sums, ("i2h", "h2h")):
        input_, weight, bias = pattern.inputs(each, "FullyConnected", 3, num_hidden=str(4 * cells))
        pattern.require_variable(weight, f"lstm_l_{layer}{kind}_weight")
        pattern.require_variable(bias, f"lstm_l_{layer}{kind}_bias")
        taken.append(input_)
    return taken[0], state, (taken[1], before)
