"""The interface of a wire format: a module of this package that defines `FORMAT`; the modules are found by search."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

from forecastle.contract.media_type import MediaType
from forecastle.formats.block import Block


class Decode(Protocol):
    """Decode a request's body to rows, without labels. Raises `InvalidData` and `PayloadTooLarge`."""

    def __call__(self, body: bytes, content_type: MediaType, *, width: int | None, max_bytes: int) -> Block: ...


class Read(Protocol):
    """Decode a training file that comes in chunks to rows, block by block; the first `label_size` columns are labels.

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
    decode, read : for requests, and for training files; None if these cannot have the format.
    magic : the first bytes of every body, which identify a file without a content type; may be empty.
    text : whether it is text, always in UTF-8.
    """

    media_type: str
    decode: Decode
    read: Read | None = None
    magic: bytes = b""
    text: bool = True
