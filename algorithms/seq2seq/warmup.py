"""A run of every kernel, on tiny networks."""

import itertools
from typing import Any

import numpy as np

from forecastle.algorithms.interface import Algorithm
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.model import Seq2SeqModel
from forecastle.algorithms.seq2seq.network import Network
from forecastle.algorithms.seq2seq.tokens import SPECIAL, Words
from forecastle.algorithms.seq2seq.training.batches import Batches
from forecastle.algorithms.seq2seq.training.learner import Pairs
from forecastle.algorithms.seq2seq.training.plan import Plan

CELLS, ATTENTIONS = ("lstm", "gru"), ("mlp", "dot", "bilinear", "fixed")
OPTIMIZERS = ("adam", "sgd", "rmsprop")
WORDS = Words([*SPECIAL, "a", "b", "c"])


def compile_kernels(algorithm: Algorithm[Any]) -> None:
    """Train a step, and answer every kind of request, with every cell, attention and optimizer."""
    for (cell, attention), optimizer in zip(itertools.product(CELLS, ATTENTIONS), itertools.cycle(OPTIMIZERS)):
        given = Seq2SeqHyperparameters.parse(
            {
                "rnn_cell_type": cell,
                "rnn_attention_type": attention,
                "optimizer_type": optimizer,
                "rnn_num_hidden": 8,
                "num_embed_source": 8,
                "num_embed_target": 8,
                "num_layers_encoder": 2,
                "num_layers_decoder": 2,
                "embed_dropout_source": 0.5,
                "embed_dropout_target": 0.5,
                "rnn_decoder_hidden_dropout": 0.5,
                "max_seq_len_target": 4,
            }
        )
        _answer(algorithm, _train(given))


def _train(given: Seq2SeqHyperparameters) -> Network:
    """The network after a step."""
    words, ends = np.array([4, 5, 6], np.int32), np.array([2, 3])
    learner = Plan(given, WORDS.size, WORDS.size, data="", seed=0).learner(threads=1)
    (batch,) = Batches(Pairs(words, ends, words, ends), given).in_order()
    learner.step(batch, rate=0.0, seed=0)
    learner.evaluate(batch)
    return learner.network()


def _answer(algorithm: Algorithm[Any], network: Network) -> None:
    model = Seq2SeqModel(network, WORDS, WORDS, beam_size=2, length_penalty=1.0)
    for payload in model.sample_requests():
        (prediction,) = model.predict([model.decode(payload)], threads=1)
        for response_type in algorithm.response_types[: 3 if payload is model.sample_request() else 2]:
            model.encode(prediction, response_type)
