"""Make the golden arrays: losses, gradients and translations of small networks, from PyTorch in float64.

    python -m tests.algorithms.seq2seq.golden.make

Run by hand from the repository's root, where torch 2.13 and numpy are installed. Each file of `networks/` contains
`parameters` and `weight …` of a network; a batch (`source`, `source_lengths`, `target`, `target_lengths`); its
`negative_log_likelihood`, `correct` words and `gradient …` of its summed loss with label smoothing, by autograd; and
the `translations` of its sources by beam search. PyTorch's network is `benchmarks.seq2seq_torch`, which shares nothing
with ours.
"""

import json
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from benchmarks.seq2seq_torch import Translator, translate
from forecastle.algorithms.seq2seq.architecture import Architecture
from forecastle.algorithms.seq2seq.network import Initialization, Network

FOLDER = Path(__file__).parent / "networks"
SMOOTHING, BEAM, ALPHA, LONGEST = 0.1, 4, 0.7, 12
SOURCE_WORDS, TARGET_WORDS, HIDDEN = 11, 13, 6


def case(cell: str, attention: str, layers: tuple[int, int], **others: object) -> Architecture:
    return Architecture(
        **{
            "source_words": SOURCE_WORDS,
            "target_words": TARGET_WORDS,
            "rnn_cell_type": cell,
            "rnn_attention_type": attention,
            "num_layers_encoder": layers[0],
            "num_layers_decoder": layers[1],
            "rnn_num_hidden": HIDDEN,
            "num_embed_source": 5,
            "num_embed_target": 6,
        }
        | others  # type: ignore[arg-type]
    )


TIED = {"num_embed_source": HIDDEN, "num_embed_target": HIDDEN}
CASES = {
    "lstm_mlp": case("lstm", "mlp", (1, 1)),
    "lstm_mlp_deep": case("lstm", "mlp", (2, 3), rnn_residual_connections=True, rnn_decoder_state_init="avg"),
    "lstm_dot": case("lstm", "dot", (1, 2), rnn_attention_num_hidden=4, rnn_attention_in_upper_layers=False),
    "lstm_bilinear": case("lstm", "bilinear", (3, 1), rnn_residual_connections=True, rnn_first_residual_layer=3),
    "lstm_fixed": case("lstm", "fixed", (1, 2), rnn_decoder_state_init="zero"),
    "gru_mlp": case("gru", "mlp", (1, 1), rnn_attention_num_hidden=4, weight_tying="trg_softmax", **TIED),
    "gru_mlp_deep": case("gru", "mlp", (2, 2), rnn_residual_connections=True, rnn_decoder_state_init="zero"),
    "gru_dot": case("gru", "dot", (1, 1), source_words=TARGET_WORDS, weight_tying="src_trg_softmax", **TIED),
    "gru_bilinear": case("gru", "bilinear", (2, 2), rnn_decoder_state_init="avg"),
    "gru_fixed": case("gru", "fixed", (1, 1)),
}


def make(name: str, architecture: Architecture, seed: int) -> None:
    rng = np.random.default_rng(seed)
    network = Network.initial(architecture, seed, Initialization("uniform", 0.7))
    weights = {
        each: (rng.uniform(-0.7, 0.7, array.shape).astype(np.float32) if each.endswith("_bias") else array)
        for each, array in network.arrays().items()
    }
    source_lengths, target_lengths = np.array([4, 7, 1, 3, 7]), np.array([5, 2, 1, 8, 6])
    source = np.zeros((5, 7), np.int32)
    target = np.zeros((5, 8), np.int32)
    for row in range(5):
        source[row, : source_lengths[row]] = rng.integers(4, architecture.source_words, source_lengths[row])
        target[row, : target_lengths[row]] = rng.integers(4, architecture.target_words, target_lengths[row])
        target[row, target_lengths[row] - 1] = 3
    module = Translator(network.parameters(), weights, torch.float64)
    targets = torch.tensor(target).long()
    scores = module(torch.tensor(source).long(), torch.tensor(source_lengths), targets)
    there = torch.arange(8) < torch.tensor(target_lengths)[:, None]
    loss = functional.cross_entropy(scores[there], targets[there], reduction="sum", label_smoothing=SMOOTHING)
    loss.backward()
    likelihood = functional.cross_entropy(scores[there], targets[there], reduction="sum")
    gradients = {
        each: np.zeros(parameter.shape) if parameter.grad is None else parameter.grad.numpy()
        for each, parameter in module.named.items()
    }
    sentences = [source[row, : source_lengths[row]] for row in range(5)]
    found = translate(module, sentences, BEAM, ALPHA, LONGEST)
    content = dict(
        parameters=json.dumps(network.parameters()),
        source=source,
        source_lengths=source_lengths,
        target=target,
        target_lengths=target_lengths,
        negative_log_likelihood=likelihood.item(),
        correct=int((scores[there].argmax(1) == targets[there]).sum()),
        translations=json.dumps(found),
        **{f"weight {each}": array for each, array in weights.items()},
        **{f"gradient {each}": array.astype(np.float32) for each, array in gradients.items()},
    )
    np.savez_compressed(FOLDER / f"{name}.npz", **content)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for number, (name, architecture) in enumerate(CASES.items()):
        make(name, architecture, number)
