"""Small jobs of Sequence to Sequence: a language of a few words, as text and as RecordIO."""

import io
import json
import random
from collections.abc import Mapping
from pathlib import Path

from forecastle.algorithms.seq2seq.tokens import SPECIAL
from forecastle.contract.opt_ml import OptMl
from forecastle.formats import sequences
from forecastle.formats.sequences import Sequences
from forecastle.training.job import train
from tests.training.tree import write_job

NUMBERS = {"one": "eins", "two": "zwei", "three": "drei", "four": "vier", "five": "fünf", "six": "sechs"}
SMALL = {
    "rnn_num_hidden": "16",
    "num_embed_source": "16",
    "num_embed_target": "16",
    "rnn_cell_type": "gru",
    "vocabulary_size": "60",
    "batch_size": "8",
    "learning_rate": "0.01",
    "max_num_epochs": "2",
    "checkpoint_frequency_num_batches": "5",
    "beam_size": "2",
    "seed": "7",
}


def pairs(count: int = 60) -> list[tuple[str, str]]:
    """Sentences of one to five numbers, and their translations."""
    drawn = random.Random(1)
    sentences = [[drawn.choice([*NUMBERS]) for _ in range(drawn.randint(1, 5))] for _ in range(count)]
    return [(" ".join(words) + ".", " ".join(NUMBERS[word] for word in words) + ".") for words in sentences]


def json_lines(given: list[tuple[str, str]]) -> str:
    return "".join(json.dumps({"source": source, "target": target}) + "\n" for source, target in given)


def vocabulary(words: list[str]) -> dict[str, int]:
    return {word: number for number, word in enumerate([*SPECIAL, *words])}


SOURCE, TARGET = vocabulary([".", *NUMBERS]), vocabulary([".", *NUMBERS.values()])
VOCABULARIES: dict[str, str | bytes] = {
    "vocab/vocab.src.json": json.dumps(SOURCE),
    "vocab/vocab.trg.json": json.dumps(TARGET),
}


def records(given: list[tuple[str, str]]) -> bytes:
    """The pairs as SageMaker's script writes them."""

    def ids(text: str, words: Mapping[str, int]) -> list[int]:
        return [words[word] for word in text.replace(".", " .").split()]

    return sequences.write(
        source=Sequences.of([ids(source, SOURCE) for source, _ in given]),
        target=Sequences.of([ids(target, TARGET) for _, target in given]),
    )


def of_text(folder: Path, more: Mapping[str, str] | None = None) -> OptMl:
    """The tree of a job on text."""
    data: dict[str, str | bytes] = {
        "train/pairs.jsonl": json_lines(pairs()),
        "validation/pairs.jsonl": json_lines(pairs(10)),
    }
    return write_job(folder, SMALL | dict(more or {}), data)


def of_records(folder: Path, more: Mapping[str, str] | None = None) -> OptMl:
    """The tree of a job on RecordIO."""
    data = {"train/train.rec": records(pairs()), "validation/val.rec": records(pairs(10)), **VOCABULARIES}
    return write_job(folder, SMALL | dict(more or {}), data)


def log_of(tree: OptMl, **environ: str) -> str:
    """Run a job; its log."""
    stream = io.StringIO()
    train({"SAGEMAKER_BASE_DIR": str(tree.base), "FORECASTLE_ALGORITHM": "seq2seq"} | environ, stream)
    return stream.getvalue()
