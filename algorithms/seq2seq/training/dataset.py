"""What a job trains and validates on: pairs as ids, the tokens of both languages, and sentences to show."""

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecastle.algorithms.interface import Job
from forecastle.algorithms.seq2seq.arrays import Indices, Words
from forecastle.algorithms.seq2seq.hyperparameters import Seq2SeqHyperparameters
from forecastle.algorithms.seq2seq.tokens import Subwords, Tokens
from forecastle.algorithms.seq2seq.training.corpus import (
    Records,
    Texts,
    Vocabulary,
    read_corpus,
    read_vocabulary,
)
from forecastle.algorithms.seq2seq.training.learner import Pairs
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.place import Source
from forecastle.formats.sequences import Sequences

STOPS = (".", "。", "।")
HELD_OUT_FROM = 1000  # pairs of text without a validation channel; fewer are validated on themselves
HELD_OUT = 0.02  # of the sources
MOST_VALIDATED = 500  # of them
EXAMPLES, EXAMPLE_CHARACTERS = 5, 60  # sentences for the model's page, and the length of one


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Dataset:
    """Pairs to train on and to validate with.

    Attributes
    ----------
    references : the target text of each pair of the validation, for BLEU.
    examples : short source texts of the validation.
    cut_off : how many pairs to train on were longer.
    note : how the validation pairs were chosen, if they are no channel; else empty.
    """

    train: Pairs
    validation: Pairs
    references: list[str]
    source: Tokens
    target: Tokens
    examples: list[str]
    cut_off: int
    note: str = ""

    @property
    def is_text(self) -> bool:
        """Whether BLEU splits punctuation off, as it must in texts that are not split into tokens."""
        return isinstance(self.target, Subwords)

    def fingerprint(self) -> str:
        """A digest of everything that training depends on."""
        digest = hashlib.sha256()
        for pairs in (self.train, self.validation):
            for array in pairs:
                digest.update(np.ascontiguousarray(array).data)
        digest.update(self.source.content() + self.target.content())
        return digest.hexdigest()


def read_dataset(job: Job[Seq2SeqHyperparameters]) -> Dataset:
    """Read and check the channels. Raises `InvalidData` with its place, `InvalidJob` for a missing one, `Stopped`."""
    channels, given = job.channels, job.hyperparameters
    vocabulary = read_vocabulary(channels["vocab"]) if "vocab" in channels else None
    joint = given.weight_tying == "src_trg_softmax"
    if joint and vocabulary is not None and vocabulary[0].content() != vocabulary[1].content():
        raise InvalidJob(
            "Hyperparameter weight_tying src_trg_softmax needs the same vocabulary for both languages, "
            "but vocab.src.json and vocab.trg.json differ."
        )
    train = read_corpus(channels["train"], vocabulary, job.stopping)
    validation, note = None, ""
    if "validation" in channels:
        validation = read_corpus(channels["validation"], vocabulary, job.stopping)
        if type(validation) is not type(train):
            kinds = {Texts: "text", Records: "RecordIO"}
            place = (Source("Channel validation"),)
            raise InvalidJob(
                f"expected {kinds[type(train)]}, as the train channel is, got {kinds[type(validation)]}.", place=place
            )
    elif isinstance(train, Records):
        raise InvalidJob(
            "Channel validation is required, as the train channel is RecordIO: it must contain records of that kind."
        )
    if isinstance(train, Texts):
        if validation is None:
            train, validation, note = held_out(train)
        assert isinstance(validation, Texts)
        return _of_texts(train, validation, vocabulary, given, note)
    assert isinstance(validation, Records)
    assert vocabulary is not None
    return _of_records(train, validation, vocabulary, given)


def held_out(texts: Texts) -> tuple[Texts, Texts, str]:
    """Texts to train on and others to validate with; which ones depends only on the sources."""
    chosen = [len(texts) >= HELD_OUT_FROM and _hash(source) >= 1 - HELD_OUT for source, _ in texts.pairs]
    validation = [pair for pair, out in zip(texts.pairs, chosen, strict=True) if out][:MOST_VALIDATED]
    if not validation:  # there are few pairs, or the same few sources
        validation = texts.pairs[:MOST_VALIDATED]
        note = f"Channel validation is missing: the model is validated on {len(validation)} pairs that it learns from."
        return texts, Texts(validation), note
    train = Texts([pair for pair, out in zip(texts.pairs, chosen, strict=True) if not out])
    note = (
        f"Channel validation is missing: {len(validation)} of the pairs are held out for it, "
        f"{len(train)} are trained on."
    )
    return train, Texts(validation), note


def _of_texts(
    train: Texts, validation: Texts, vocabulary: Vocabulary | None, given: Seq2SeqHyperparameters, note: str
) -> Dataset:
    pairs = train.pairs
    chosen = [pair for pair in pairs if _hash(pair[0]) < given.without_final_stop]
    pairs = pairs + [bare for pair in chosen if (bare := without_stop(pair)) is not None]
    source, target = _learned(pairs, given) if vocabulary is None else vocabulary
    learned, encoded = _encoded(source, target, pairs), _encoded(source, target, validation.pairs)
    return Dataset(
        train=_pairs(learned, given, "train"),
        validation=_pairs(encoded, given, "validation"),
        references=[text for (_, text), kept in zip(validation.pairs, _kept(encoded), strict=True) if kept],
        source=source,
        target=target,
        examples=_examples([text for text, _ in validation.pairs]),
        cut_off=_cut_off(learned, given),
        note=note,
    )


def _of_records(train: Records, validation: Records, vocabulary: Vocabulary, given: Seq2SeqHyperparameters) -> Dataset:
    source, target = vocabulary
    few = range(min(len(validation), 200))
    return Dataset(
        train=_pairs((train.source, train.target), given, "train"),
        validation=_pairs((validation.source, validation.target), given, "validation"),
        references=[target.decode(validation.target[row]) for row in range(len(validation))],
        source=source,
        target=target,
        examples=_examples([source.decode(validation.source[row]) for row in few]),
        cut_off=_cut_off((train.source, train.target), given),
    )


def without_stop(pair: tuple[str, str]) -> tuple[str, str] | None:
    """The pair without the full stops at its ends; None if only one side or none has one."""
    source, target = (text.rstrip() for text in pair)
    if not (source.endswith(STOPS) and target.endswith(STOPS)) or source[-2:-1] in STOPS:
        return None
    bare = source[:-1].rstrip(), target[:-1].rstrip()
    return bare if all(bare) else None


def _hash(text: str) -> float:
    """A number in [0, 1) that depends on the text alone."""
    return zlib.crc32(text.encode()) / 2**32


def _learned(pairs: Sequence[tuple[str, str]], given: Seq2SeqHyperparameters) -> Vocabulary:
    """Subwords of each language, or of both together if the network has one vocabulary."""
    if given.weight_tying == "src_trg_softmax":
        texts = [text for pair in pairs for text in pair]
        both = Subwords.learn(texts, given.subwords, given.vocabulary_size, "source and target")
        return both, both
    source, target = (
        Subwords.learn([pair[side] for pair in pairs], given.subwords, given.vocabulary_size, language)
        for side, language in enumerate(("source", "target"))
    )
    return source, target


def _encoded(source: Tokens, target: Tokens, pairs: Sequence[tuple[str, str]]) -> tuple[Sequences, Sequences]:
    return (
        Sequences.of([source.encode(text) for text, _ in pairs]),
        Sequences.of([target.encode(text) for _, text in pairs]),
    )


def _pairs(both: tuple[Sequences, Sequences], given: Seq2SeqHyperparameters, channel: str) -> Pairs:
    """The pairs as training takes them: cut off, and without those of which one side has no token."""
    source, target = both
    kept = _kept(both)
    if not kept.any():
        raise InvalidData(place=(Source(f"Channel {channel}"),), expected="pairs with tokens", got="none")
    return Pairs(*_cut(source, kept, given.max_seq_len_source), *_cut(target, kept, given.max_seq_len_target))


def _cut_off(both: tuple[Sequences, Sequences], given: Seq2SeqHyperparameters) -> int:
    """The number of pairs of which a side has more tokens than training takes."""
    source, target = both
    longer = (source.lengths > given.max_seq_len_source) | (target.lengths > given.max_seq_len_target)
    return int(np.count_nonzero(longer))


def _kept(both: tuple[Sequences, Sequences]) -> NDArray[np.bool_]:
    """Whether both sides of a pair have tokens: a text of, for example, a zero-width space has none."""
    return (both[0].lengths > 0) & (both[1].lengths > 0)


def _cut(found: Sequences, kept: NDArray[np.bool_], most: int) -> tuple[Words, Indices]:
    """The first `most` tokens of each sequence that is kept."""
    starts = found.ends - found.lengths
    position = np.arange(len(found.values)) - np.repeat(starts, found.lengths)
    chosen = (position < most) & np.repeat(kept, found.lengths)
    return found.values[chosen], np.cumsum(np.minimum(found.lengths, most)[kept])


def _examples(texts: Sequence[str]) -> list[str]:
    short = list(dict.fromkeys(text for text in texts if len(text) <= EXAMPLE_CHARACTERS))
    return (short or [text[:EXAMPLE_CHARACTERS] for text in texts])[:EXAMPLES]
