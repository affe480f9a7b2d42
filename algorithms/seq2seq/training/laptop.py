"""The hyperparameters of `forecastle train seq2seq --data FILE` that are not given.

SageMaker's defaults are a network of 121 million parameters, for days on GPUs. These are a network of about four
million, trained for about twenty minutes on two cores of a laptop, whatever the size of the data.
"""

from collections.abc import Mapping

from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.training.corpus import read_corpus
from forecastle.contract.channel import Channel

CELLS = 256
BARE = 0.2  # of the pairs, also without their full stop
SECONDS = 1200
TOKENS_PER_SECOND = 8000  # of the target, on two cores: 5,000 a second on one were measured
TOKENS_PER_WORD = 1.4
FEWEST_EPOCHS, MOST_EPOCHS = 1, 60
VALIDATIONS = 20  # at the least, if there are as many batches


def hyperparameters(given: Mapping[str, str], train: Channel) -> dict[str, str]:
    """Those that are not `given`. Raises `InvalidData` for an error in the data."""
    cells = given.get("rnn_num_hidden", str(CELLS))
    fixed = {
        "rnn_num_hidden": cells,
        "num_embed_source": cells,
        "num_embed_target": cells,
        "rnn_cell_type": "gru",
        "weight_tying": "src_trg_softmax" if {"num_embed_source", "num_embed_target"}.isdisjoint(given) else "none",
        "without_final_stop": str(BARE),
        "embed_dropout_source": "0.2",
        "embed_dropout_target": "0.2",
        "rnn_decoder_hidden_dropout": "0.2",
        "label_smoothing": "0.1",
        "batch_size": "64",
        "bucket_width": "2",
        "learning_rate": "0.002",
        "plateau_reduce_lr_threshold": "1",
        "plateau_reduce_lr_factor": "0.7",
        "seed": "1",
    }
    wanted = {**fixed, **given}
    endless = "max_num_epochs" not in given and "max_num_batches" not in given
    batches, tokens = _size(train, wanted | ({"max_num_epochs": str(MOST_EPOCHS)} if endless else {}))
    if endless:
        epochs = round(SECONDS * TOKENS_PER_SECOND / tokens)
        wanted["max_num_epochs"] = str(min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS))
    if "checkpoint_frequency_num_batches" not in given:
        every = batches * int(wanted.get("max_num_epochs", "1")) // VALIDATIONS
        wanted["checkpoint_frequency_num_batches"] = str(min(max(every, 50), 1000))
    return {name: value for name, value in wanted.items() if name not in given}


def _size(train: Channel, wanted: Mapping[str, str]) -> tuple[int, float]:
    """The batches and, roughly, the target tokens of an epoch."""
    given = Seq2SeqHyperparameters.parse(wanted)
    texts = read_corpus(train, None, lambda: False)
    pairs = getattr(texts, "pairs", [])
    copies = 1 + given.without_final_stop
    words = sum(len(target.split()) + 2 for _, target in pairs)
    return round(copies * len(pairs)) // given.batch_size + 1, copies * TOKENS_PER_WORD * max(words, 1)
