"""The channels of a job as they are read: pairs of texts, or records with the ids of tokens."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from forecastle.algorithms.seq2seq.tokens import Tokens, Words
from forecastle.algorithms.seq2seq.training.text import MEMBERS, read_texts
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, InvalidJob, Stopped
from forecastle.contract.place import At, Source
from forecastle.formats import recordio, sequences
from forecastle.formats.sequences import Sequences

CHUNK_BYTES = 1 << 22
VOCABULARIES = {"source": "vocab.src.json", "target": "vocab.trg.json"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Texts:
    """Pairs of source and target texts."""

    pairs: list[tuple[str, str]]

    def __len__(self) -> int:
        return len(self.pairs)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Records:
    """Source and target ids, the same number of each."""

    source: Sequences
    target: Sequences

    def __len__(self) -> int:
        return len(self.source)


Corpus = Texts | Records
Vocabulary = tuple[Tokens, Tokens]


def read_vocabulary(channel: Channel) -> Vocabulary:
    """The words of both languages, from the channel `vocab`. Raises `InvalidData` with file and word."""
    found: dict[str, Words] = {}
    for name, stream in channel.streams():
        for language, file in VOCABULARIES.items():
            if name.rpartition("/")[2].removesuffix(".gz") == file:
                try:
                    found[language] = Words.parse(stream.read())
                except InvalidData as error:
                    raise error.within(name) from None
    for language, file in VOCABULARIES.items():
        if language not in found:
            place = (Source(f"Channel {channel.name}"),)
            raise InvalidData(place=place, expected=f"{file}, the {language} language's words and ids", got="none")
    return found["source"], found["target"]


def read_corpus(channel: Channel, vocabulary: Vocabulary | None, stopping: Callable[[], bool]) -> Corpus:
    """The pairs of a channel, text or RecordIO, of which every id is in the vocabulary.

    Raises `InvalidData` with the place of an error, `InvalidJob` if records come without a vocabulary, `Stopped`.
    """
    texts: list[tuple[str, str]] = []
    blocks: list[tuple[Sequences, ...]] = []
    for name, stream in channel.streams():
        try:
            if _is_recordio(stream):
                if vocabulary is None:
                    raise InvalidJob(
                        f"Channel vocab is required, as {name} is RecordIO: it must contain "
                        f"{' and '.join(VOCABULARIES.values())}, the words of the ids."
                    )
                blocks += _read_records(stream, vocabulary, stopping)
            else:
                for place, source, target in read_texts(stream):
                    texts.append((source, target))
                    if len(texts) % 1000 == 0 and stopping():
                        raise Stopped("stopped by SIGTERM before all pairs were read; there is no model.", place=place)
        except (InvalidData, Stopped) as error:
            # An error of the stream, such as a damaged gzip file, has no place.
            raise error if error.place[:1] == (Source(name),) else error.within(name) from None
        if texts and blocks:
            expected = "the format of the channel's other files, text or RecordIO"
            raise InvalidData(place=(Source(name),), expected=expected, got="the other one")
    if blocks:
        return Records(*sequences.joined(blocks))
    if not texts:
        raise InvalidData(place=(Source(f"Channel {channel.name}"),), expected="pairs of texts", got="none")
    return Texts(texts)


def _is_recordio(stream: BinaryIO) -> bool:
    peek: Callable[[int], bytes] = getattr(stream, "peek")  # noqa: B009 - of io.BufferedReader, which all streams are
    return peek(4)[:4] == recordio.MAGIC


def _read_records(
    stream: BinaryIO, vocabulary: Vocabulary, stopping: Callable[[], bool]
) -> Iterator[tuple[Sequences, ...]]:
    before, sizes = 0, dict(zip(MEMBERS, (tokens.size for tokens in vocabulary), strict=True))
    for block in sequences.read(iter(lambda: stream.read(CHUNK_BYTES), b""), MEMBERS):
        if stopping():
            raise Stopped("stopped by SIGTERM before all pairs were read; there is no model.")
        for language, each in zip(MEMBERS, block, strict=True):
            _require_ids(each, before, language, sizes)
        before += len(block[0])
        yield block


def _require_ids(found: Sequences, before: int, language: str, sizes: Mapping[str, int]) -> None:
    """Raise `InvalidData` for an empty sequence and for an id that the vocabulary does not have."""
    empty = np.flatnonzero(found.lengths == 0)
    if len(empty):
        place = (At("record", before + int(empty[0]) + 1), language)
        raise InvalidData(place=place, expected="at least one id", got="none")
    odd = np.flatnonzero((found.values < 0) | (found.values >= sizes[language]))
    if len(odd):
        record = int(np.searchsorted(found.ends, odd[0], side="right"))
        index = int(odd[0]) - (int(found.ends[record - 1]) if record else 0)
        raise InvalidData(
            place=(At("record", before + record + 1), language, index),
            expected=f"an id from 0 to {sizes[language] - 1}, as {VOCABULARIES[language]} has {sizes[language]} words",
            got=str(found.values[odd[0]]),
        )
