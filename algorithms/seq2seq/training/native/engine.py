"""A share of a batch through the whole network, forward and backward."""

from collections.abc import Mapping

import numpy as np

from forecastle.algorithms.seq2seq.architecture import START
from forecastle.algorithms.seq2seq.arrays import Floats, Indices, Words
from forecastle.algorithms.seq2seq.cells import squash
from forecastle.algorithms.seq2seq.encoder import encode
from forecastle.algorithms.seq2seq.layout import Layout
from forecastle.algorithms.seq2seq.packing import Steps, steps_of
from forecastle.algorithms.seq2seq.product import multiply
from forecastle.algorithms.seq2seq.training.learner import Batch, Outcome
from forecastle.algorithms.seq2seq.training.native.cells import add_at, add_sums, squash_backward
from forecastle.algorithms.seq2seq.training.native.decoder import Decoder, Source
from forecastle.algorithms.seq2seq.training.native.dropout import EMBED_SOURCE, EMBED_TARGET, Dropout
from forecastle.algorithms.seq2seq.training.native.encoder import encode_backward
from forecastle.algorithms.seq2seq.training.native.gradient import add_gradient, transposed
from forecastle.algorithms.seq2seq.training.native.loss import cross_entropy
from forecastle.algorithms.seq2seq.training.native.panels import Panels
from forecastle.kernels.lanes import aligned

_MOST_SCORES = 1 << 22  # at once: 16 MiB


def learn(
    layout: Layout,
    weights: Mapping[str, Floats],
    panels: Panels,
    batch: Batch,
    dropout: Dropout,
    smoothing: float,
    gradients: Mapping[str, Floats] | None,
) -> Outcome:
    """The outcome of a batch, and the gradients of its summed loss, added to `gradients` by name, unless None."""
    source, target = steps_of(batch.source_lengths), steps_of(batch.target_lengths)
    source_words = _by_step(_flat(batch.source, batch.source_lengths), source)
    targets = _flat(batch.target, batch.target_lengths)
    before = np.concatenate([[START], targets[:-1]])
    before[target.starts[:-1]] = START
    targets, before = _by_step(targets, target), _by_step(before, target)

    embedded = np.take(weights["embedding_source"], source_words, 0)
    dropout.apply(EMBED_SOURCE, embedded)
    passes, by_step = encode(layout, weights, panels.forward, embedded, source.rows)
    outputs = np.take(by_step, source.places, 0)
    keys = outputs
    if "attention_source" in weights:
        keys = aligned(len(outputs), len(weights["attention_source"]))
        multiply(outputs, 0, panels.forward["attention_source"], keys, 0, False)
    summary = _summary(layout, outputs, source.starts)
    names = _states(layout)
    firsts = {name: _first(layout, weights, panels, name, summary) for name in sorted({*names[0], *names[1]})}

    embedded_target = np.take(weights["embedding_target"], before, 0)
    dropout.apply(EMBED_TARGET, embedded_target)
    decoder = Decoder(
        layout,
        weights,
        target,
        Source(keys, outputs, source.starts, int(batch.source_lengths.max())),
        embedded_target,
        [firsts[name] for name in names[0]],
        [firsts[name] for name in names[1]],
        dropout,
    )
    attentional = decoder.forward(panels.forward)
    of_attentional = aligned(*attentional.shape)
    outcome = _score(layout, weights, panels, attentional, targets, smoothing, of_attentional, gradients)
    if gradients is None:
        return outcome

    of_outputs = np.zeros_like(outputs)
    of_keys = np.zeros_like(keys)
    of_embedded, *of_firsts = decoder.backward(panels.backward, of_attentional, of_keys, of_outputs, gradients)
    dropout.apply(EMBED_TARGET, of_embedded)
    add_at(of_embedded, before, gradients["embedding_target"])
    if "attention_source" in weights:
        add_gradient(transposed(of_keys), outputs, gradients["attention_source"])
        multiply(of_keys, 0, panels.backward["attention_source"], of_outputs, 0, True)
    elif layout.architecture.rnn_attention_type != "fixed":
        of_outputs += of_keys
    if layout.architecture.rnn_decoder_state_init != "zero":
        of_states = dict(zip([*names[1], *names[0]], [*of_firsts[1], *of_firsts[0]]))
        _first_backward(layout, panels, firsts, of_states, summary, source, of_outputs, gradients)
    by_step = np.empty_like(of_outputs)
    by_step[source.places] = of_outputs
    of_embedded = encode_backward(layout, panels.backward, passes, by_step, source.rows, gradients)
    dropout.apply(EMBED_SOURCE, of_embedded)
    add_at(of_embedded, source_words, gradients["embedding_source"])
    return outcome


def _flat(rows: Words, lengths: Indices) -> Indices:
    """The words of padded sentences, one sentence after the other."""
    return rows[np.arange(rows.shape[1]) < lengths[:, None]].astype(np.int64)


def _by_step(words: Indices, steps: Steps) -> Indices:
    ordered = np.empty_like(words)
    ordered[steps.places] = words
    return ordered


def _summary(layout: Layout, outputs: Floats, starts: Indices) -> Floats:
    """What the decoder's first states are computed from, (B, H)."""
    if layout.architecture.rnn_decoder_state_init == "avg":
        summary = np.add.reduceat(outputs, starts[:-1], 0)
        summary /= np.diff(starts)[:, None]
        return summary
    return np.take(outputs, starts[1:] - 1, 0)


def _states(layout: Layout) -> tuple[list[str], list[str]]:
    """The names of each layer's initial h, and of its state that a cell carries."""
    layers = range(layout.architecture.num_layers_decoder)
    state = "c" if layout.architecture.rnn_cell_type == "lstm" else "h"
    return [f"initial{layer}_h" for layer in layers], [f"initial{layer}_{state}" for layer in layers]


def _first(layout: Layout, weights: Mapping[str, Floats], panels: Panels, name: str, summary: Floats) -> Floats:
    """An initial state of all sentences, (B, H)."""
    state = aligned(*summary.shape)
    if layout.architecture.rnn_decoder_state_init == "zero":
        state[:] = 0.0
        return state
    multiply(summary, 0, panels.forward[f"{name}_weight"], state, 0, False)
    squash(state, weights[f"{name}_bias"], state)
    return state


def _first_backward(
    layout: Layout,
    panels: Panels,
    states: Mapping[str, Floats],
    of_states: Mapping[str, Floats],
    summary: Floats,
    source: Steps,
    of_outputs: Floats,
    gradients: Mapping[str, Floats],
) -> None:
    """From the gradients of initial states to those of the encoder's outputs and of weights, added."""
    of_summary = np.zeros_like(summary)
    for name, state in states.items():
        of_sums = aligned(*state.shape)
        squash_backward(of_states[name], state, of_sums)
        turned = transposed(of_sums)
        add_gradient(turned, summary, gradients[f"{name}_weight"])
        add_sums(turned, gradients[f"{name}_bias"])
        multiply(of_sums, 0, panels.backward[f"{name}_weight"], of_summary, 0, True)
    if layout.architecture.rnn_decoder_state_init == "last":
        of_outputs[source.starts[1:] - 1] += of_summary
    else:
        lengths = np.diff(source.starts)
        of_summary /= lengths[:, None]
        of_outputs += np.repeat(of_summary, lengths, 0)


def _score(
    layout: Layout,
    weights: Mapping[str, Floats],
    panels: Panels,
    attentional: Floats,
    targets: Indices,
    smoothing: float,
    of_attentional: Floats,
    gradients: Mapping[str, Floats] | None,
) -> Outcome:
    """The outcome of attentional states (N, H); their gradients are written, those of the output's weights added."""
    rows = len(attentional)
    losses, correct = np.empty(rows, np.float32), np.empty(rows, np.uint8)
    at_once = max(32, _MOST_SCORES // layout.target_words)
    for start in range(0, rows, at_once):
        some = slice(start, min(start + at_once, rows))
        scores = aligned(some.stop - start, layout.target_words)
        multiply(attentional[some], 0, panels.forward["output_weight"], scores, 0, False)
        cross_entropy(
            scores,
            weights["output_bias"],
            layout.architecture.target_words,
            targets[some],
            smoothing,
            losses[some],
            correct[some],
        )
        if gradients is not None:
            multiply(scores, 0, panels.backward["output_weight"], of_attentional[some], 0, False)
            turned = transposed(scores)
            add_gradient(turned, attentional[some], gradients["output_weight"])
            add_sums(turned, gradients["output_bias"])
    return Outcome(float(losses.sum(dtype=np.float64)), rows, int(correct.sum()))
