"""The decoder on known translations, forward and backward through all steps.

A step's rows are the sentences whose translations are that long, the longest first.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats, Indices
from forecastle.algorithms.seq2seq.attention import KINDS, attend, padded_words
from forecastle.algorithms.seq2seq.cells import CELLS, squash
from forecastle.algorithms.seq2seq.layout import Layout
from forecastle.algorithms.seq2seq.packing import Rows, Steps
from forecastle.algorithms.seq2seq.product import Packed, multiply
from forecastle.algorithms.seq2seq.training.native.attention import attend_backward
from forecastle.algorithms.seq2seq.training.native.cells import BACKWARD, add_sums, squash_backward
from forecastle.algorithms.seq2seq.training.native.dropout import HIDDEN, Dropout
from forecastle.algorithms.seq2seq.training.native.encoder import add_cell_gradients
from forecastle.algorithms.seq2seq.training.native.gradient import add_gradient, transposed
from forecastle.kernels.lanes import aligned

_NOTHING = np.zeros(0, np.float32)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Source:
    """What the decoder reads: a row for each word of all sentences."""

    keys: Floats  # (R, A)
    values: Floats  # (R, H)
    starts: Indices  # (B + 1,)
    longest: int


@dataclass(eq=False, repr=False)
class Decoder:
    """The decoder of a batch with N target words, and what its backward pass needs.

    Attributes
    ----------
    embedded : (N, E), of the words before.
    first_hidden, first_states : (B, H) of each layer, by sentence: h and c (of GRU cells, h again) at the beginning.
    sentences : (N,): the sentence of each row.
    """

    layout: Layout
    weights: Mapping[str, Floats]
    steps: Steps
    source: Source
    embedded: Floats
    first_hidden: list[Floats]
    first_states: list[Floats]
    dropout: Dropout

    def __post_init__(self) -> None:
        layout, rows = self.layout, len(self.embedded)
        architecture, hidden = layout.architecture, layout.hidden
        self.layers = range(architecture.num_layers_decoder)
        self.inputs = [aligned(rows, layout.decoder_inputs(layer)) for layer in self.layers]
        self.before = [aligned(rows, hidden) for _ in self.layers]
        self.gates = [aligned(rows, 4 * hidden) for _ in self.layers]
        self.states = [aligned(rows, hidden) for _ in self.layers]
        self.query_states = aligned(rows, hidden)
        self.queries = aligned(rows, layout.attention) if "attention_query" in self.weights else self.query_states
        self.attention = aligned(rows, padded_words(self.source.longest))
        self.context = aligned(rows, hidden)
        self.read = aligned(rows, 2 * hidden)
        self.attentional = aligned(rows, hidden)
        counts = [step.stop - step.start for step in self.steps.rows]
        self.sentences = np.concatenate([self.steps.order[:count] for count in counts])
        self.kind = KINDS[architecture.rnn_attention_type]

    def forward(self, panels: Mapping[str, Packed]) -> Floats:
        """The attentional states (N, H)."""
        layout, architecture = self.layout, self.layout.architecture
        gates = architecture.gates * layout.hidden
        order, count = self.steps.order, len(self.steps.order)
        embedded, others = aligned(len(self.embedded), gates), aligned(count, gates)
        products, hidden = aligned(count, gates), aligned(count, layout.hidden)
        multiply(self.embedded, 0, panels["decoder0_embedded"], embedded, 0, False)
        self.inputs[0][:count] = 0.0
        for layer in self.layers:
            self.before[layer][:count] = self.first_hidden[layer][order]
        last, following = slice(0, 0), [*self.steps.rows[1:], slice(0, 0)]
        for now, after in zip(self.steps.rows, following):
            count, next_count = now.stop - now.start, after.stop - after.start
            for layer in self.layers:
                name = f"decoder{layer}"
                sums = embedded[now] if layer == 0 else others[:count]
                multiply(self.inputs[layer][now], 0, panels[f"{name}_input_weight"], sums, 0, layer == 0)
                multiply(self.before[layer][now], 0, panels[f"{name}_hidden_weight"], products, 0, False)
                out = hidden[:count]
                CELLS[architecture.rnn_cell_type](
                    self.weights[f"{name}_input_bias"],
                    self.weights[f"{name}_hidden_bias"],
                    sums,
                    products[:count],
                    self._old_states(layer, now, last),
                    self.gates[layer][now],
                    self.states[layer][now],
                    out,
                    0,
                )
                self.before[layer][after] = out[:next_count]
                if architecture.residual(layer):
                    out += self.inputs[layer][now, : layout.hidden]
                if layer == architecture.attention_layer:
                    self.query_states[now] = out
                    self._attend(panels, now)
                if layer < self.layers[-1]:
                    self.inputs[layer + 1][now, : layout.hidden] = out
                    if layer >= architecture.attention_layer:
                        self.inputs[layer + 1][now, layout.hidden :] = self.context[now]
            self.read[now, : layout.hidden] = out
            self.read[now, layout.hidden :] = self.context[now]
            self.dropout.apply(HIDDEN, self.read[now], now.start)
            attentional = self.attentional[now]
            multiply(self.read[now], 0, panels["hidden_weight"], attentional, 0, False)
            squash(attentional, self.weights["hidden_bias"], attentional)
            self.inputs[0][after] = attentional[:next_count]
            last = now
        return self.attentional

    def _old_states(self, layer: int, now: Rows, last: Rows) -> Floats:
        """The states before a step."""
        if last.stop == 0:
            return self.first_states[layer][self.steps.order]
        return self.states[layer][last.start : last.start + now.stop - now.start]

    def _attend(self, panels: Mapping[str, Packed], now: Rows) -> None:
        if "attention_query" in panels:
            multiply(self.query_states[now], 0, panels["attention_query"], self.queries[now], 0, False)
        attend(
            self.kind,
            self.queries[now],
            self.source.keys,
            self.source.values,
            self.source.starts,
            self.sentences[now],
            self.weights.get("attention_score", _NOTHING),
            self.attention[now],
            self.context[now],
        )

    def backward(
        self,
        panels: Mapping[str, Packed],
        of_attentional: Floats,
        of_keys: Floats,
        of_values: Floats,
        gradients: Mapping[str, Floats],
    ) -> tuple[Floats, list[Floats], list[Floats]]:
        """From the gradients of the attentional states (N, H), to those of everything that the decoder has read.

        Returns those of `embedded`, `first_hidden` and `first_states`; adds to those of keys, values and weights.
        """
        layout, architecture = self.layout, self.layout.architecture
        rows, hidden, gates = len(self.embedded), layout.hidden, architecture.gates * layout.hidden
        most, kind = len(self.steps.order), architecture.rnn_cell_type
        of_hidden, of_read = aligned(rows, hidden), aligned(rows, 2 * hidden)
        of_sums = [aligned(rows, gates) for _ in self.layers]
        of_products = of_sums if kind == "lstm" else [aligned(rows, gates) for _ in self.layers]
        of_queries = aligned(*self.queries.shape)
        recurrent, carried = ([aligned(most, hidden) for _ in self.layers] for _ in range(2))
        of_inputs = [aligned(most, layout.decoder_inputs(layer)) for layer in self.layers]
        valid = 0
        for number, now in reversed(list(enumerate(self.steps.rows))):
            count = now.stop - now.start
            last = self.steps.rows[number - 1] if number else slice(0, 0)
            of_attentional[now.start : now.start + valid] += of_inputs[0][:valid]
            squash_backward(of_attentional[now], self.attentional[now], of_hidden[now])
            multiply(of_hidden[now], 0, panels["hidden_weight"], of_read[now], 0, False)
            self.dropout.apply(HIDDEN, of_read[now], now.start)
            of_out, of_context = (np.ascontiguousarray(half) for half in np.split(of_read[now], 2, axis=1))
            for layer in reversed(self.layers):
                if layer == architecture.attention_layer:
                    self._attend_backward(panels, now, of_context, of_queries, of_keys, of_values, of_out, gradients)
                BACKWARD[kind](
                    self.gates[layer][now],
                    self._old_states(layer, now, last),
                    self.states[layer][now],
                    of_out,
                    0,
                    recurrent[layer][:valid],
                    carried[layer][:valid],
                    of_sums[layer][now],
                    of_products[layer][now],
                    carried[layer][:count],
                )
                name = f"decoder{layer}"
                multiply(of_products[layer][now], 0, panels[f"{name}_hidden_weight"], recurrent[layer], 0, False)
                multiply(of_sums[layer][now], 0, panels[f"{name}_input_weight"], of_inputs[layer], 0, False)
                if layer > 0:
                    below = of_inputs[layer][:count, :hidden]
                    of_out = below + of_out if architecture.residual(layer) else np.ascontiguousarray(below)
                    if layer > architecture.attention_layer:
                        of_context += of_inputs[layer][:count, hidden:]
            valid = count
        self._add_gradients(of_hidden, of_sums, of_products, of_queries, gradients)
        of_embedded = aligned(rows, layout.embed_target)
        multiply(of_sums[0], 0, panels["decoder0_embedded"], of_embedded, 0, False)
        if kind == "gru":  # its states are its outputs
            recurrent = [first + second for first, second in zip(recurrent, carried)]
        ranks = np.argsort(self.steps.order)
        return of_embedded, [layer[ranks] for layer in recurrent], [layer[ranks] for layer in carried]

    def _attend_backward(
        self,
        panels: Mapping[str, Packed],
        now: Rows,
        of_context: Floats,
        of_queries: Floats,
        of_keys: Floats,
        of_values: Floats,
        of_out: Floats,
        gradients: Mapping[str, Floats],
    ) -> None:
        """The gradients of a step's attention, added to those of its query's output, keys and values."""
        attend_backward(
            self.kind,
            self.queries[now],
            self.source.keys,
            self.source.values,
            self.source.starts,
            self.sentences[now],
            self.weights.get("attention_score", _NOTHING),
            self.attention[now],
            of_context,
            of_queries[now],
            of_keys,
            of_values,
            gradients.get("attention_score", _NOTHING),
        )
        if "attention_query" in panels:
            multiply(of_queries[now], 0, panels["attention_query"], of_out, 0, True)
        elif self.layout.architecture.rnn_attention_type != "fixed":
            of_out += of_queries[now]

    def _add_gradients(
        self,
        of_hidden: Floats,
        of_sums: list[Floats],
        of_products: list[Floats],
        of_queries: Floats,
        gradients: Mapping[str, Floats],
    ) -> None:
        turned = transposed(of_hidden)
        add_gradient(turned, self.read, gradients["hidden_weight"])
        add_sums(turned, gradients["hidden_bias"])
        if "attention_query" in gradients:
            add_gradient(transposed(of_queries), self.query_states, gradients["attention_query"])
        for layer in self.layers:
            inputs = [(self.inputs[layer], 0)]
            if layer == 0:
                inputs = [(self.embedded, 0), (self.inputs[0], self.layout.embed_target)]
            add_cell_gradients(
                f"decoder{layer}", of_sums[layer], of_products[layer], inputs, self.before[layer], gradients
            )
