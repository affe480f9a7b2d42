"""Tokens: text to ids and back, by a vocabulary of words or by subwords, each stored in the artifact as a file."""

import io
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from forecastle.algorithms.seq2seq.architecture import END, PAD, START, UNKNOWN
from forecastle.contract import quotation
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.place import Key
from forecastle.formats import json_document
from forecastle.formats.translation import tokens as translation
from forecastle.formats.translation.tokens import Ids

SPECIAL = {"<pad>": PAD, "<unk>": UNKNOWN, "<s>": START, "</s>": END}
MOST_WORDS = 1_000_000


class Tokens(translation.Tokens, Protocol):
    """A language's tokens, of which `<pad>`, `<unk>`, `<s>` and `</s>` have the ids 0 to 3."""

    @property
    def suffix(self) -> str:
        """The end of its file's name in the artifact."""

    def content(self) -> bytes:
        """Its file in the artifact."""


class Words:
    """Words between white space, with SageMaker's vocabulary: `{"<pad>": 0, "<unk>": 1, "<s>": 2, "</s>": 3, …}`."""

    suffix = "json"
    are_subwords = False

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self._ids = {word: number for number, word in enumerate(words)}

    @classmethod
    def parse(cls, content: bytes) -> "Words":
        """A vocabulary from JSON. Raises `InvalidData` with the place of the error."""
        document = json_document.parse(json_document.decode_text(content))
        if not isinstance(document, dict):
            raise InvalidData(expected="an object of words and their ids", got=quotation.of_json(document))
        for word, number in SPECIAL.items():
            if document.get(word) != number:
                got = "none" if word not in document else quotation.of_json(document[word])
                raise InvalidData(place=(Key(word),), expected=str(number), got=got)
        words = [""] * len(document)
        taken: dict[int, str] = {}
        for word, number in document.items():
            if type(number) is not int or not 0 <= number < len(words):
                expected = f"an id from 0 to {len(words) - 1}, as there are {len(words)} words"
                raise InvalidData(place=(Key(word),), expected=expected, got=quotation.of_json(number))
            if number in taken:
                expected = f"an id of its own, not that of {quotation.of_json(taken[number])}"
                raise InvalidData(place=(Key(word),), expected=expected, got=str(number))
            if word.encode("utf-8", "replace").decode() != word:
                expected = "a word of Unicode characters"
                raise InvalidData(place=(Key(word),), expected=expected, got="half of a surrogate pair")
            taken[number] = words[number] = word
        if len(words) <= len(SPECIAL):
            raise InvalidData(expected="words in addition to the four special ones", got="none")
        if len(words) > MOST_WORDS:
            raise InvalidData(expected=f"at most {MOST_WORDS} words", got=str(len(words)))
        return cls(words)

    @property
    def size(self) -> int:
        return len(self._words)

    def content(self) -> bytes:
        return json.dumps(self._ids, ensure_ascii=False).encode() + b"\n"

    def encode(self, text: str) -> Ids:
        return np.array([self._ids.get(word, UNKNOWN) for word in text.split()], np.int32)

    def decode(self, ids: Ids) -> str:
        return " ".join(self.pieces(ids))

    def pieces(self, ids: Ids) -> list[str]:
        return [self._words[number] for number in ids]


class Subwords:
    """Subwords of sentencepiece, which also splits off punctuation and joins a text again."""

    suffix = "model"
    are_subwords = True

    def __init__(self, processor: Any, content: bytes) -> None:
        self._processor, self._content = processor, content

    @classmethod
    def parse(cls, content: bytes) -> "Subwords":
        """A model of sentencepiece, which is data: nothing in it is executed. Raises `InvalidData`."""
        from sentencepiece import SentencePieceProcessor

        try:
            processor = SentencePieceProcessor(model_proto=content)
            special = [processor.pad_id(), processor.unk_id(), processor.bos_id(), processor.eos_id()]
        except (RuntimeError, ValueError):
            raise InvalidData(expected="a model of sentencepiece", got="other bytes") from None
        if special != list(SPECIAL.values()):
            raise InvalidData(expected="the ids 0 to 3 of <pad>, <unk>, <s> and </s>", got=str(special))
        return cls(processor, content)

    @classmethod
    def learn(cls, texts: Iterable[str], kind: str, size: int, language: str) -> "Subwords":
        """At most `size` subwords, learned from texts; the same texts give the same ones.

        Raises `InvalidJob` if the texts have too many characters for so few.
        """
        from sentencepiece import SentencePieceTrainer

        texts = list(texts)
        characters = len(set().union(*texts))
        written = io.BytesIO()
        try:
            SentencePieceTrainer.train(
                sentence_iterator=iter(texts),
                model_writer=written,
                model_type=kind,
                vocab_size=size,
                hard_vocab_limit=False,  # a small text has fewer
                # Writing systems with thousands of characters: the rarest become <unk>.
                character_coverage=1.0 if characters < size // 4 else 0.9995,
                pad_id=PAD,
                unk_id=UNKNOWN,
                bos_id=START,
                eos_id=END,
                unk_surface="<unk>",
                max_sentence_length=1 << 16,
                minloglevel=2,
            )
        except (RuntimeError, ValueError):
            raise InvalidJob(
                f"Hyperparameter vocabulary_size must be larger: the {language} texts have {characters} different "
                f"characters, and {size} subwords are too few for them."
            ) from None
        return cls.parse(written.getvalue())

    @property
    def size(self) -> int:
        return int(self._processor.get_piece_size())

    def content(self) -> bytes:
        return self._content

    def encode(self, text: str) -> Ids:
        return np.array(self._processor.encode(text), np.int32)

    def decode(self, ids: Ids) -> str:
        return str(self._processor.decode(ids.tolist()))

    def pieces(self, ids: Ids) -> list[str]:
        return [self._processor.id_to_piece(int(number)) for number in ids]


def from_files(files: Mapping[str, bytes], name: str) -> Tokens:
    """The tokens of the language `name`, source or target, in an artifact's files. Raises `InvalidData`."""
    for kind in (Words, Subwords):
        file = f"{name}.{kind.suffix}"
        if file in files:
            try:
                tokens: Tokens = kind.parse(files[file])
            except InvalidData as error:
                raise error.within(file) from None
            return tokens
    raise InvalidData(place=("files",), expected=f"{name}.json or {name}.model", got="neither")


def to_files(source: Tokens, target: Tokens) -> dict[str, bytes]:
    """Both languages' tokens as an artifact's files."""
    return {f"{name}.{tokens.suffix}": tokens.content() for name, tokens in (("source", source), ("target", target))}
