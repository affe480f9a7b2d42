"""A network's arrays as kernels read them: every size padded with zeros to a multiple of 16.

Padded states stay 0 and so do the gradients of padded weights, so training leaves them alone. The encoder's first layer
has halves of its own, so states of size H are two padded halves.
"""

from dataclasses import dataclass

import numpy as np

from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.network import Shape, shapes

_MULTIPLE = 16


@dataclass(frozen=True, slots=True)
class Layout:
    """The padded sizes of an architecture."""

    architecture: Architecture
    half: int
    hidden: int
    embed_source: int
    embed_target: int
    attention: int
    source_words: int
    target_words: int

    @classmethod
    def of(cls, architecture: Architecture) -> "Layout":
        half = _padded(architecture.rnn_num_hidden // 2)
        tied = architecture.weight_tying
        words = _padded(architecture.target_words)
        projected = architecture.rnn_attention_type in ("mlp", "dot")
        own = projected and architecture.attention_hidden != architecture.rnn_num_hidden
        return cls(
            architecture=architecture,
            half=half,
            hidden=2 * half,
            embed_source=2 * half if tied == "src_trg_softmax" else _padded(architecture.num_embed_source),
            embed_target=2 * half if tied != "none" else _padded(architecture.num_embed_target),
            attention=_padded(architecture.attention_hidden) if own else 2 * half,
            source_words=words if tied == "src_trg_softmax" else architecture.source_words,
            target_words=words,
        )

    def decoder_inputs(self, layer: int) -> int:
        """The padded size of a decoder layer's inputs, without the embedding of layer 0."""
        return 2 * self.hidden if layer > self.architecture.attention_layer else self.hidden

    def shapes(self) -> dict[str, Shape]:
        """The padded arrays' shapes, in order."""
        return {name: tuple(size for _, size in axes) for name, axes in self._axes().items()}

    def padded(self, name: str, array: Floats) -> Floats:
        """An array of a network, padded."""
        axes = self._axes()[name]
        out = np.zeros([size for _, size in axes], np.float32)
        out[np.ix_(*[places for places, _ in axes])] = array
        return out

    def unpadded(self, name: str, array: Floats) -> Floats:
        """The array of a network that `array` is padded from; a copy."""
        return array[np.ix_(*[places for places, _ in self._axes()[name]])]

    def _axes(self) -> dict[str, list[tuple[Indices, int]]]:
        """For each array and each of its axes, the places of its numbers, and the padded size."""
        a = self.architecture
        half = (np.arange(a.rnn_num_hidden // 2), self.half)
        hidden = _joined(half, half)
        # A tied embedding is as wide as a state, and padded like one.
        embed_source = hidden if a.weight_tying == "src_trg_softmax" else _plain(a.num_embed_source, self.embed_source)
        embed_target = hidden if a.weight_tying != "none" else _plain(a.num_embed_target, self.embed_target)
        attention = hidden if self._compares_states() else _plain(a.attention_hidden, self.attention)
        words = _plain(a.target_words, self.target_words)
        axes = {
            "embedding_target": [words, embed_target],
            "embedding_source": [_plain(a.source_words, self.source_words), embed_source],
            "attention_query": [attention, hidden],
            "attention_source": [hidden if a.rnn_attention_type == "bilinear" else attention, hidden],
            "attention_score": [attention],
            "hidden_weight": [hidden, _joined(hidden, hidden)],
            "hidden_bias": [hidden],
            "output_weight": [words, hidden],
            "output_bias": [words],
        }
        found = {}
        for name in shapes(a):
            if name in axes:
                found[name] = axes[name]
            elif name.startswith("initial"):
                found[name] = [hidden, hidden] if name.endswith("_weight") else [hidden]
            else:
                first = name.startswith(("encoder_forward", "encoder_backward"))
                cells = half if first else hidden
                inputs = embed_source if first else hidden
                if name.startswith("decoder0_"):
                    inputs = _joined(embed_target, hidden)
                elif name.startswith("decoder") and int(name[7 : name.index("_")]) > a.attention_layer:
                    inputs = _joined(hidden, hidden)
                columns = inputs if name.endswith("input_weight") else cells
                rows = _joined(*[cells] * a.gates)
                found[name] = [rows, columns] if name.endswith("_weight") else [rows]
        return found

    def _compares_states(self) -> bool:
        """Whether the attention's size is that of a state."""
        a = self.architecture
        return a.attention_hidden == a.rnn_num_hidden or a.rnn_attention_type not in ("mlp", "dot")


def tied(architecture: Architecture, arrays: dict[str, Floats]) -> dict[str, Floats]:
    """The arrays, also by the names of those that are others' because weights are tied."""
    shared = {}
    if architecture.weight_tying != "none":
        shared["output_weight"] = arrays["embedding_target"]
    if architecture.weight_tying == "src_trg_softmax":
        shared["embedding_source"] = arrays["embedding_target"]
    return arrays | shared


def _padded(size: int) -> int:
    return -(-size // _MULTIPLE) * _MULTIPLE


def _plain(size: int, padded: int) -> tuple[Indices, int]:
    return np.arange(size), padded


def _joined(*axes: tuple[Indices, int]) -> tuple[Indices, int]:
    """The places of several axes, one after the other."""
    ends = np.cumsum([0, *[size for _, size in axes]])
    return np.concatenate([places + end for (places, _), end in zip(axes, ends)]), int(ends[-1])
