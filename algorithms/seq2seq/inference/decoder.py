"""The decoder, one step at a time: from hypotheses' last words and states to those after them, and to words' scores."""

from typing import NamedTuple

import numpy as np

from forecastle.algorithms.seq2seq.arrays import Floats, Indices, Words
from forecastle.algorithms.seq2seq.attention import KINDS, attend, padded_words
from forecastle.algorithms.seq2seq.cells import CELLS, squash
from forecastle.algorithms.seq2seq.encoder import encode
from forecastle.algorithms.seq2seq.inference.weights import Weights
from forecastle.algorithms.seq2seq.packing import steps_of
from forecastle.algorithms.seq2seq.product import multiply
from forecastle.kernels.lanes import aligned

_NONE = np.empty((0, 0), np.float32)
_NOTHING = np.empty(0, np.float32)


class Memory(NamedTuple):
    """What the attention compares and reads: a row for each source word of all sentences."""

    keys: Floats  # (R, A)
    values: Floats  # (R, H)
    starts: Indices  # (sentences + 1,)
    longest: int


class State(NamedTuple):
    """The states of hypotheses, a row for each."""

    attentional: Floats  # (n, H)
    hidden: list[Floats]  # (n, H) of each layer
    cells: list[Floats]  # (n, H) of each layer of LSTM cells; of others none

    def of(self, rows: Indices) -> "State":
        """The states of some rows."""
        return State(
            np.take(self.attentional, rows, 0),
            [np.take(layer, rows, 0) for layer in self.hidden],
            [np.take(layer, rows, 0) for layer in self.cells],
        )


def read(weights: Weights, sentences: list[Words]) -> tuple[Memory, State]:
    """Encode sentences, and begin a hypothesis for each."""
    layout, panels = weights.layout, weights.panels
    lengths = np.array([len(sentence) for sentence in sentences])
    steps = steps_of(lengths)
    words = np.empty(steps.starts[-1], np.int64)
    words[steps.places] = np.concatenate(sentences)
    embedded = np.take(weights.padded["embedding_source"], words, 0)
    _, outputs = encode(layout, weights.padded, panels, embedded, steps.rows)
    outputs = np.take(outputs, steps.places, 0)
    keys = values = outputs
    if "attention_source" in panels:
        keys = aligned(len(outputs), panels["attention_source"].shape[0] * 16)
        multiply(outputs, 0, panels["attention_source"], keys, 0, False)
    if weights.reads_projected:
        values = aligned(len(outputs), layout.hidden)
        multiply(outputs, 0, panels["hidden_context"], values, 0, False)
    return Memory(keys, values, steps.starts, int(lengths.max())), _initial(weights, outputs, steps.starts)


def _initial(weights: Weights, outputs: Floats, starts: Indices) -> State:
    """The states before the first word."""
    architecture, hidden = weights.layout.architecture, weights.layout.hidden
    count = len(starts) - 1
    summary: Floats = np.zeros((count, hidden), np.float32)
    if architecture.rnn_decoder_state_init == "last":
        summary = np.take(outputs, starts[1:] - 1, 0)
    elif architecture.rnn_decoder_state_init == "avg":
        summary = np.add.reduceat(outputs, starts[:-1], 0)
        summary /= np.diff(starts)[:, None]

    def state(name: str) -> Floats:
        if f"{name}_weight" not in weights.panels:
            return np.zeros((count, hidden), np.float32)
        sums = aligned(count, hidden)
        multiply(summary, 0, weights.panels[f"{name}_weight"], sums, 0, False)
        squash(sums, weights.padded[f"{name}_bias"], sums)
        return sums

    layers = range(architecture.num_layers_decoder)
    lstm = architecture.rnn_cell_type == "lstm"
    return State(
        np.zeros((count, hidden), np.float32),
        [state(f"initial{layer}_h") for layer in layers],
        [state(f"initial{layer}_c") for layer in layers] if lstm else [],
    )


def advance(weights: Weights, memory: Memory, sentences: Indices, words: Words, state: State) -> tuple[State, Floats]:
    """A step of all hypotheses.

    Parameters
    ----------
    sentences : (n,): the sentence of each hypothesis.
    words : (n,): its last word.

    Returns
    -------
    The new state, and the attention's weights (n, longest source, padded).
    """
    layout, panels = weights.layout, weights.panels
    architecture, count = layout.architecture, len(words)
    cell, gates = CELLS[architecture.rnn_cell_type], architecture.gates * layout.hidden
    if len(weights.table):
        sums = np.take(weights.table, words, 0)
    else:
        sums = aligned(count, gates)
        embedded = np.take(weights.padded["embedding_target"], words, 0)
        multiply(embedded, 0, weights.embedding, sums, 0, False)
    products, scratch = aligned(count, gates), aligned(count, 4 * layout.hidden)
    inputs, hidden, cells = state.attentional, [], []
    attention, context = _NONE, _NONE
    for layer in range(architecture.num_layers_decoder):
        name = f"decoder{layer}"
        multiply(inputs, 0, panels[f"{name}_input_weight"], sums, 0, layer == 0)
        multiply(state.hidden[layer], 0, panels[f"{name}_hidden_weight"], products, 0, False)
        old = (state.cells or state.hidden)[layer]
        new, out = aligned(count, layout.hidden), aligned(count, layout.hidden)
        biases = weights.padded[f"{name}_input_bias"], weights.padded[f"{name}_hidden_bias"]
        cell(*biases, sums, products, old, scratch, new, out, 0)
        hidden.append(out)
        cells.append(new)
        if architecture.residual(layer):
            out = out + inputs[:, : layout.hidden]
        if layer == architecture.attention_layer:
            attention, context = _attend(weights, memory, sentences, out)
        inputs = out
        if architecture.attention_layer <= layer < architecture.num_layers_decoder - 1:
            inputs = np.concatenate([out, context], axis=1)
    attentional = context
    if not weights.reads_projected:
        attentional = aligned(count, layout.hidden)
        multiply(context, 0, panels["hidden_context"], attentional, 0, False)
    multiply(out, 0, panels["hidden_state"], attentional, 0, True)
    squash(attentional, weights.padded["hidden_bias"], attentional)
    return State(attentional, hidden, cells if state.cells else []), attention


def score(weights: Weights, attentional: Floats, out: Floats) -> None:
    """Write the scores of all words (n, words, padded), before their bias, after hypotheses with a state (n, H)."""
    multiply(attentional, 0, weights.panels["output_weight"], out, 0, False)


def _attend(weights: Weights, memory: Memory, sentences: Indices, query: Floats) -> tuple[Floats, Floats]:
    """The attention's weights and what it reads, for the outputs (n, H) of the decoder's layer."""
    count, architecture = len(query), weights.layout.architecture
    if "attention_query" in weights.panels:
        queries = aligned(count, weights.layout.attention)
        multiply(query, 0, weights.panels["attention_query"], queries, 0, False)
    else:
        queries = query
    attention, context = aligned(count, padded_words(memory.longest)), aligned(count, weights.layout.hidden)
    score = weights.padded.get("attention_score", _NOTHING)
    kind = KINDS[architecture.rnn_attention_type]
    attend(kind, queries, memory.keys, memory.values, memory.starts, sentences, score, attention, context)
    return attention, context
