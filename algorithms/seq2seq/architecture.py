"""The sizes and kinds of a sequence-to-sequence network, by the names of SageMaker's hyperparameters.

The network is the recurrent one of Sockeye 1, which SageMaker's algorithm is based on (Hieber et al., "Sockeye: A
toolkit for neural machine translation", 2017); `network` describes it and where it differs.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from forecastle.contract.errors import InvalidData
from forecastle.contract.quotation import as_json

PAD, UNKNOWN, START, END = 0, 1, 2, 3  # the first words of each vocabulary
GATES = {"lstm": 4, "gru": 3}
CHOICES: dict[str, tuple[str, ...]] = {
    "rnn_cell_type": ("lstm", "gru"),
    "rnn_attention_type": ("mlp", "dot", "bilinear", "fixed"),
    "rnn_decoder_state_init": ("last", "avg", "zero"),
    "weight_tying": ("none", "trg_softmax", "src_trg_softmax"),
}
_MOST = 1_000_000  # far beyond sense, and what sizes computed from such numbers still fit


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a network is made of: everything that inference needs to know besides its arrays.

    Attributes
    ----------
    source_words, target_words : the sizes of the vocabularies.
    rnn_num_hidden : the size of each layer's states; even, since the encoder's first layer is half forward and half
        backward.
    rnn_attention_num_hidden : of `mlp` and `dot`; 0 means `rnn_num_hidden`.
    rnn_attention_in_upper_layers : whether the decoder attends after its first layer, and gives what it read to each
        layer above; otherwise it attends after its last layer.
    rnn_first_residual_layer : the first layer, counted from 1, with a residual connection around it; layer 1, whose
        inputs have another size, has none.
    weight_tying : `trg_softmax`: the output's weights are the target's embeddings; `src_trg_softmax`: and these are the
        source's. Sockeye has this, SageMaker's hyperparameters do not.
    max_seq_len_source, max_seq_len_target : the longest sentences that it was trained on, in words.
    """

    source_words: int
    target_words: int
    rnn_cell_type: str = "lstm"
    num_layers_encoder: int = 1
    num_layers_decoder: int = 1
    rnn_num_hidden: int = 1024
    num_embed_source: int = 512
    num_embed_target: int = 512
    rnn_attention_type: str = "mlp"
    rnn_attention_num_hidden: int = 0
    rnn_attention_in_upper_layers: bool = True
    rnn_residual_connections: bool = False
    rnn_first_residual_layer: int = 2
    rnn_decoder_state_init: str = "last"
    weight_tying: str = "none"
    max_seq_len_source: int = 100
    max_seq_len_target: int = 100

    @property
    def gates(self) -> int:
        """The gates of a cell."""
        return GATES[self.rnn_cell_type]

    @property
    def attention_hidden(self) -> int:
        """The size in which `mlp` and `dot` compare a state with the source."""
        return self.rnn_attention_num_hidden or self.rnn_num_hidden

    @property
    def attention_layer(self) -> int:
        """The number of the decoder's layer, from 0, whose output is the attention's query."""
        return 0 if self.rnn_attention_in_upper_layers else self.num_layers_decoder - 1

    def decoder_inputs(self, layer: int) -> int:
        """The size of a decoder layer's inputs.

        Those of layer 0 are the embedding of the word before, and the attentional state of the step before; those of a
        layer above the attention are the output of the layer below, and what the attention read.
        """
        if layer == 0:
            return self.num_embed_target + self.rnn_num_hidden
        return self.rnn_num_hidden * (2 if layer > self.attention_layer else 1)

    def residual(self, layer: int) -> bool:
        """Whether a layer, counted from 0, has a residual connection."""
        return self.rnn_residual_connections and layer > 0 and layer + 1 >= self.rnn_first_residual_layer

    def parameters(self) -> dict[str, Any]:
        """What an artifact contains as JSON."""
        return asdict(self)

    @classmethod
    def from_parameters(cls, parameters: Mapping[str, Any]) -> "Architecture":
        """The architecture of `parameters()`. Raises `InvalidData` if anything is missing or does not fit."""
        architecture = cls(**{field.name: _value(parameters, field.name, field.type) for field in fields(cls)})
        hidden, embed_source, embed_target = (
            architecture.rnn_num_hidden,
            architecture.num_embed_source,
            architecture.num_embed_target,
        )
        if hidden % 2:
            raise _invalid("rnn_num_hidden", "an even number", hidden)
        if architecture.weight_tying != "none" and embed_target != hidden:
            raise _invalid("num_embed_target", f"rnn_num_hidden, {hidden}, as weights are tied", embed_target)
        if architecture.weight_tying == "src_trg_softmax":
            if embed_source != hidden:
                raise _invalid("num_embed_source", f"rnn_num_hidden, {hidden}, as weights are tied", embed_source)
            if architecture.source_words != architecture.target_words:
                raise _invalid(
                    "source_words",
                    f"target_words, {architecture.target_words}, as weights are tied",
                    architecture.source_words,
                )
        return architecture


_LEAST = {"source_words": END + 1, "target_words": END + 1, "rnn_num_hidden": 2, "rnn_attention_num_hidden": 0}


def _value(parameters: Mapping[str, Any], name: str, kind: Any) -> Any:
    value = parameters.get(name)
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise _invalid(name, f"one of {', '.join(CHOICES[name])}", value)
    elif kind is bool:
        if type(value) is not bool:
            raise _invalid(name, "true or false", value)
    elif type(value) is not int or not _LEAST.get(name, 1) <= value <= _MOST:
        raise _invalid(name, f"an integer in [{_LEAST.get(name, 1)}, {_MOST}]", value)
    return value


def _invalid(parameter: str, expected: str, value: object) -> InvalidData:
    return InvalidData(place=("parameters", parameter), expected=expected, got=as_json(value))
