"""The hyperparameters of `forecastle train seq2seq --data FILE` that are not given.

SageMaker's defaults are a network of 121 million parameters, for days on GPUs. These are a network of about two
million, trained for about twenty minutes on two cores, whatever the size of the data. They are the best of those
that `benchmarks/seq2seq_tatoeba.py` compared on 16,000 pairs; see docs/seq2seq.md.
"""

from collections.abc import Mapping

from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.training.corpus import read_corpus
from forecastle.contract.channel import Channel

CELLS = 256
BARE = 0.2  # of the pairs, also without their full stop
SECONDS = 1200
TOKENS_PER_SECOND = 6000  # of the target, as `_size` counts them: measured on two of sixteen busy cores
TOKENS_PER_WORD = 1.4
FEWEST_EPOCHS, MOST_EPOCHS = 1, 60
VALIDATIONS = 20  # at the least, if there are as many batches
SUBWORDS, MOST_CHARACTERS = 2000, 500  # texts of more characters, such as Chinese, take the default of jobs


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
        "batch_size": "32",
        "bucket_width": "2",
        "learning_rate": "0.002",
        "seed": "1",
    }
    ours = {"max_num_epochs", "max_num_batches"}.isdisjoint(given)  # the end
    if ours or given.get("max_num_epochs") or given.get("max_num_batches", "-1") not in ("-1", ""):
        fixed["lr_scheduler_type"] = "cosine"
    wanted = {**fixed, **given}
    batches, tokens, characters = _size(train, wanted | ({"max_num_epochs": str(MOST_EPOCHS)} if ours else {}))
    if "vocabulary_size" not in given and characters <= MOST_CHARACTERS:
        wanted["vocabulary_size"] = str(SUBWORDS)
    if ours:
        epochs = round(SECONDS * TOKENS_PER_SECOND / tokens)
        wanted["max_num_epochs"] = str(min(max(epochs, FEWEST_EPOCHS), MOST_EPOCHS))
    if "checkpoint_frequency_num_batches" not in given:
        every = batches * int(wanted.get("max_num_epochs", "1")) // VALIDATIONS
        wanted["checkpoint_frequency_num_batches"] = str(min(max(every, 50), 1000))
    return {name: value for name, value in wanted.items() if name not in given}


def _size(train: Channel, wanted: Mapping[str, str]) -> tuple[int, float, int]:
    """The batches and, roughly, the target tokens of an epoch, and the number of different characters."""
    given = Seq2SeqHyperparameters.parse(wanted)
    texts = read_corpus(train, None, lambda: False)
    pairs = getattr(texts, "pairs", [])
    copies = 1 + given.without_final_stop
    words = sum(len(target.split()) + 2 for _, target in pairs)
    characters = len({character for pair in pairs for text in pair for character in text})
    return round(copies * len(pairs)) // given.batch_size + 1, copies * TOKENS_PER_WORD * max(words, 1), characters
