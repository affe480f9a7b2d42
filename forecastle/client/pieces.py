"""Splitting what is too large for one request."""

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from forecastle.client.errors import RequestTooLarge

Answer = TypeVar("Answer")


def in_pieces(
    parts: Sequence[bytes], most_bytes: int, ask: Callable[[Sequence[bytes]], Sequence[Answer]]
) -> list[Answer]:
    """The answers to encoded series or rows, in their order, asked for in as few requests as possible.

    A piece that is refused for its size is halved, down to a single part. Raises `PredictorError`.
    """
    answers: list[Answer] = []
    for piece in _packed(parts, most_bytes):
        answers += _asked(piece, ask)
    return answers


def _packed(parts: Sequence[bytes], most_bytes: int) -> Iterator[Sequence[bytes]]:
    first = size = 0
    for index, part in enumerate(parts):
        if index > first and size + len(part) > most_bytes:
            yield parts[first:index]
            first, size = index, 0
        size += len(part) + 1  # with its separator
    if first < len(parts):
        yield parts[first:]


def _asked(piece: Sequence[bytes], ask: Callable[[Sequence[bytes]], Sequence[Answer]]) -> list[Answer]:
    try:
        return list(ask(piece))
    except RequestTooLarge:
        if len(piece) < 2:
            raise
    middle = len(piece) // 2
    return _asked(piece[:middle], ask) + _asked(piece[middle:], ask)
