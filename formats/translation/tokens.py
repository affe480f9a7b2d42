"""Tokens of a language: text to ids and back."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from forecastle.contract.errors import InvalidData
from forecastle.contract.place import Place

Ids = NDArray[np.int32]


class Tokens(Protocol):
    """A language's tokens, which are words between white space or subwords."""

    @property
    def size(self) -> int:
        """The number of tokens, the special ones included."""

    @property
    def are_subwords(self) -> bool:
        """Whether they are parts of words, so that answers list them with an attention matrix."""

    def encode(self, text: str) -> Ids:
        """The ids of a text, without those of its start and end; unknown parts have the id of unknown ones."""

    def decode(self, ids: Ids) -> str:
        """The text of ids."""

    def pieces(self, ids: Ids) -> list[str]:
        """Each id's own text, for showing it."""


def require_unicode(text: str, place: Place) -> None:
    """Raise `InvalidData` for half of a surrogate pair, which JSON can spell but is no character."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as error:
            expected = f"characters of Unicode, not half of a surrogate pair (character {error.start + 1})"
            raise InvalidData(place=place, expected=expected, got=f"\\u{ord(text[error.start]):04x}") from None
