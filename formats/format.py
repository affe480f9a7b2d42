"""What a wire format is: a module of this package that has a `FORMAT` is one, and is found without a list."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from forecastle.contract.media_type import MediaType
from forecastle.formats.block import Block


class Decode(Protocol):
    """A request's body to its rows, without labels. Raises `InvalidData` and `PayloadTooLarge`."""

    def __call__(self, body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block: ...


class Read(Protocol):
    """A training file that comes in chunks to its rows, block by block; the first `label_size` columns are labels.

    `content_type` is None if none was given; its parameters take precedence over `label_size`. Raises `InvalidData`.
    """

    def __call__(
        self, chunks: Iterable[bytes], content_type: MediaType | None, *, label_size: int
    ) -> Iterator[Block]: ...


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Format:
    """A wire format for rows of numbers.

    Attributes
    ----------
    media_type : its essence, `text/csv`.
    decode, read : for requests, and for training files if they may be in it.
    magic : the first bytes of every body, if there are such; they identify a file without a content type.
    text : whether it is text, which must be in UTF-8.
    """

    media_type: str
    decode: Decode
    read: Read | None = None
    magic: bytes = b""
    text: bool = True
