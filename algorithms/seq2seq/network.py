"""A sequence-to-sequence network as plain arrays: an engine trains it, an artifact contains it, inference uses it.

The network is Sockeye 1's (Hieber et al., "Sockeye: A toolkit for neural machine translation", 2017). H is
`rnn_num_hidden`, and each matrix multiplies a column of inputs, so its shape is (outputs, inputs):

    x_i  = source embeddings                       e_t = target embedding of the word before, <s> at first
    h_i  = [→cell(x_1 … x_i) ; ←cell(x_n … x_i)]   H/2 each way, then `num_layers_encoder` − 1 forward layers of H
    s_t  = cell([e_t ; ŝ_{t−1}], s_{t−1})          input feeding; ŝ_0 = 0; s_0 by `rnn_decoder_state_init`:
                                                   tanh(W h_n + b), tanh(W mean(h) + b) or 0, for each state of a layer
    a_ti = softmax_i(score(s_t, h_i))              c_t = Σ a_ti h_i
           mlp       v · tanh(Q s_t + K h_i)
           dot       Q s_t · K h_i, or s_t · h_i where the attention's size is H
           bilinear  s_t · K h_i
           fixed     c_t = h_n
    s'_t = cell([s_t ; c_t], s'_{t−1})             each decoder layer above the attention
    ŝ_t  = tanh(W [s'_t ; c_t] + b)                the attentional state
    p_t  = softmax(W ŝ_t + b)

A layer with a residual connection adds its inputs (without c_t) to its output. Gates are in the order input, forget,
cell, output (lstm) or reset, update, new (gru); each has two biases, as in MXNet and PyTorch.

It differs from Sockeye in its layers' dropout (only embeddings and the attentional state's inputs have any), in its
initial recurrent weights (by `weight_init_type`, as all others), and in what it lacks: coverage, layer normalisation,
context gates and source factors, which no hyperparameter of SageMaker's switches on.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.arrays import Floats
from forecastle.contract.errors import InvalidData

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Initialization:
    """How weights are drawn; biases are 0. By the names of SageMaker's hyperparameters.

    Xavier's are uniform in ±√(scale / factor), where the factor is a weight's number of inputs, outputs or their mean;
    `uniform` ones are in ±scale.
    """

    weight_init_type: str = "xavier"  # or uniform
    weight_init_scale: float = 2.34
    xavier_factor_type: str = "in"  # out, avg


@dataclass(frozen=True, slots=True, weakref_slot=True, eq=False, repr=False)
class Network:
    """A network: its architecture, and its arrays by name, float32; `shapes` lists them."""

    architecture: Architecture
    weights: Mapping[str, Floats]

    def parameters(self) -> dict[str, Any]:
        """What the artifact contains as JSON."""
        return self.architecture.parameters()

    def arrays(self) -> dict[str, Floats]:
        """What the artifact contains as arrays."""
        return dict(self.weights)

    @classmethod
    def from_artifact(cls, parameters: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> "Network":
        """The network of an artifact. Raises `InvalidData` if anything is missing, of a wrong shape or not finite."""
        architecture = Architecture.from_parameters(parameters)
        return cls(architecture, {name: _array(arrays, name, shape) for name, shape in shapes(architecture).items()})

    @classmethod
    def initial(cls, architecture: Architecture, seed: int, how: Initialization | None = None) -> "Network":
        """An untrained network; equal seeds give equal weights."""
        how, rng = how or Initialization(), np.random.default_rng(seed)
        return cls(architecture, {name: _drawn(name, shape, rng, how) for name, shape in shapes(architecture).items()})


def shapes(architecture: Architecture) -> dict[str, Shape]:
    """The arrays of a network and their shapes, in order."""
    a, hidden = architecture, architecture.rnn_num_hidden
    arrays: dict[str, Shape] = {"embedding_target": (a.target_words, a.num_embed_target)}
    if a.weight_tying != "src_trg_softmax":
        arrays["embedding_source"] = (a.source_words, a.num_embed_source)
    for direction in ("encoder_forward", "encoder_backward"):
        arrays |= _cell(direction, a.gates, hidden // 2, a.num_embed_source)
    for layer in range(1, a.num_layers_encoder):
        arrays |= _cell(f"encoder{layer}", a.gates, hidden, hidden)
    for layer in range(a.num_layers_decoder):
        arrays |= _cell(f"decoder{layer}", a.gates, hidden, a.decoder_inputs(layer))
    if a.rnn_decoder_state_init != "zero":
        for name in initial_states(a):
            arrays |= {f"{name}_weight": (hidden, hidden), f"{name}_bias": (hidden,)}
    if a.rnn_attention_type == "mlp":
        arrays |= {"attention_query": (a.attention_hidden, hidden), "attention_source": (a.attention_hidden, hidden)}
        arrays |= {"attention_score": (a.attention_hidden,)}
    elif a.rnn_attention_type == "dot" and a.attention_hidden != hidden:
        arrays |= {"attention_query": (a.attention_hidden, hidden), "attention_source": (a.attention_hidden, hidden)}
    elif a.rnn_attention_type == "bilinear":
        arrays |= {"attention_source": (hidden, hidden)}
    arrays |= {"hidden_weight": (hidden, 2 * hidden), "hidden_bias": (hidden,)}
    if a.weight_tying == "none":
        arrays |= {"output_weight": (a.target_words, hidden)}
    return arrays | {"output_bias": (a.target_words,)}


def initial_states(architecture: Architecture) -> list[str]:
    """The decoder's initial states: `initial0_h`, and `initial0_c` of LSTM cells, then those of the next layer."""
    states = ("h", "c") if architecture.rnn_cell_type == "lstm" else ("h",)
    return [f"initial{layer}_{state}" for layer in range(architecture.num_layers_decoder) for state in states]


def _cell(name: str, gates: int, cells: int, inputs: int) -> dict[str, Shape]:
    return {
        f"{name}_input_weight": (gates * cells, inputs),
        f"{name}_hidden_weight": (gates * cells, cells),
        f"{name}_input_bias": (gates * cells,),
        f"{name}_hidden_bias": (gates * cells,),
    }


def _drawn(name: str, shape: Shape, rng: np.random.Generator, how: Initialization) -> Floats:
    if name.endswith("_bias"):
        return np.zeros(shape, np.float32)
    outputs, inputs = (1, *shape)[-2:]
    factor = {"in": inputs, "out": outputs, "avg": (inputs + outputs) / 2}[how.xavier_factor_type]
    most = how.weight_init_scale if how.weight_init_type == "uniform" else math.sqrt(how.weight_init_scale / factor)
    return rng.uniform(-most, most, shape).astype(np.float32)


def _array(arrays: Mapping[str, NDArray[Any]], name: str, shape: Shape) -> Floats:
    array = arrays.get(name)
    if array is None:
        raise InvalidData(place=("arrays",), expected=f"{name}, which is missing")
    if array.shape != shape or array.dtype.kind != "f":
        expected, got = (" × ".join(map(str, sizes)) or "a single" for sizes in (shape, array.shape))
        raise InvalidData(place=("arrays", name), expected=f"{expected} floats", got=f"{got} of {array.dtype}")
    with np.errstate(over="ignore"):  # a number too large for float32 becomes infinite, and is refused below
        floats = np.ascontiguousarray(array, np.float32)
    if not np.isfinite(floats).all():
        raise InvalidData(place=("arrays", name), expected="only finite numbers")
    return floats
