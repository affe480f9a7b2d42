"""A language's tokens: sentencepiece splits and joins the text, and the model's vocabulary has the ids."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from forecastle.contract.errors import InvalidData
from forecastle.formats.translation.tokens import Ids

KNOWN_SHARE = 0.5  # of the subwords that must be in the vocabulary: with fewer it belongs to another model


class Pieces:
    """Subwords of sentencepiece with the ids of a vocabulary."""

    are_subwords = True

    def __init__(self, processor: Any, words: Sequence[str], unknown: str) -> None:
        self._processor, self._words = processor, words
        self._ids = {word: number for number, word in enumerate(words)}
        self._unknown = self._ids[unknown]

    @classmethod
    def of(cls, content: bytes, words: Sequence[str], unknown: str, vocabulary: str) -> "Pieces":
        """The tokens of a model of sentencepiece, which is data, and of the vocabulary in the file of that name.

        Raises `InvalidData` if they do not fit.
        """
        from sentencepiece import SentencePieceProcessor

        try:
            processor = SentencePieceProcessor(model_proto=content)
            pieces = [processor.id_to_piece(number) for number in range(processor.get_piece_size())]
        except (RuntimeError, ValueError):
            pieces = []
        if not pieces:
            raise InvalidData(expected="a model of sentencepiece", got="other bytes")
        known = len(set(words) & set(pieces))
        if known < KNOWN_SHARE * min(len(pieces), len(words)):
            got = f"{known} of its {len(pieces)} in there"
            raise InvalidData(expected=f"the subwords of {vocabulary}", got=got, hint="is it from another model?")
        return cls(processor, words, unknown)

    @property
    def size(self) -> int:
        return len(self._words)

    def encode(self, text: str) -> Ids:
        pieces = self._processor.encode(text, out_type=str)
        return np.array([self._ids.get(piece, self._unknown) for piece in pieces], np.int32)

    def decode(self, ids: Ids) -> str:
        return str(self._processor.decode(self.pieces(ids)))

    def pieces(self, ids: Ids) -> list[str]:
        return [self._words[number] for number in ids]

    def ids(self, pieces: Sequence[str]) -> Ids:
        """The ids of tokens of the vocabulary."""
        return np.array([self._ids.get(piece, self._unknown) for piece in pieces], np.int32)

    def __contains__(self, piece: str) -> bool:
        return piece in self._ids
