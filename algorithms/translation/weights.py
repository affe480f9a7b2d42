"""The variables of a model.bin of CTranslate2: their names and shapes, without their values.

    version, name of the specification, revision, count; then for each variable
    name, rank, lengths, type, size in bytes, values

Numbers are little-endian, names end with a zero byte, which their length counts. Source: `ModelSpec` of CTranslate2's
package, binary version 6; the types are written since version 4.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass

from forecastle.contract.errors import InvalidData

OLDEST, NEWEST = 4, 6
_NAME = 100  # characters of a specification's name, at most
_MOST_RANK = 8

Shape = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """A model's specification, such as TransformerSpec, and the shapes of its variables.

    `aliases` are the names of variables that are others, such as a projection that is the embeddings.
    """

    specification: str
    shapes: Mapping[str, Shape]
    aliases: frozenset[str]

    @property
    def size(self) -> int:
        """The number of weights."""
        names = [name for name in self.shapes if name not in self.aliases and "position_encodings" not in name]
        return sum(math.prod(self.shapes[name]) for name in names if self.shapes[name])

    def products(self, side: str) -> int:
        """The multiplications for a token in the encoder or the decoder, without those of its attention."""
        return sum(
            math.prod(shape)
            for name, shape in self.shapes.items()
            if name.startswith(f"{side}/") and name.endswith("/weight") and "embeddings" not in name
        )

    def first(self, *names: str) -> Shape | None:
        """The shape of the first of these variables that the model has."""
        return next((self.shapes[name] for name in names if name in self.shapes), None)

    def layers(self, side: str) -> int:
        """The layers of the encoder or the decoder."""
        parts = [name.split("/") for name in self.shapes]
        return len({each[1] for each in parts if each[0] == side and each[1].startswith("layer_") and len(each) > 3})


def is_model(start: bytes) -> bool:
    """Whether a file with this start, of at least 200 bytes, is CTranslate2's and not of the same name by chance."""
    try:
        version, length = struct.unpack_from("<IH", start)
    except struct.error:
        return False
    name = start[6 : 6 + length]
    return version < 1000 and 1 < length <= _NAME and name.endswith(b"Spec\0") and name[:-1].isalnum()


def read(content: bytes) -> Weights:
    """The names and shapes in a model.bin. Raises `InvalidData`."""
    if not is_model(content[:200]):
        raise InvalidData(expected="a model of CTranslate2", got="other bytes" if content else "an empty file")
    reader = _Reader(content)
    try:
        version = reader.number("I")
        if not OLDEST <= version <= NEWEST:
            expected = f"CTranslate2's format in version {OLDEST} to {NEWEST}"
            raise InvalidData(expected=expected, got=str(version), hint="convert the model again")
        specification = reader.text()
        reader.number("I")  # revision
        shapes = {}
        for _ in range(reader.number("I")):
            name = reader.text()
            rank = reader.number("B")
            if rank > _MOST_RANK:
                raise struct.error
            shapes[name] = tuple(reader.number("I") for _ in range(rank))
            reader.number("B")  # type
            reader.skip(reader.number("I"))
        aliases = {reader.text(): reader.text() for _ in range(reader.number("I"))}
    except (struct.error, UnicodeDecodeError):
        raise InvalidData(expected="a complete model of CTranslate2", got="a part of one, or a damaged one") from None
    shapes |= {alias: shapes[name] for alias, name in aliases.items() if name in shapes}
    return Weights(specification, shapes, frozenset(aliases))


@dataclass(slots=True, eq=False, repr=False)
class _Reader:
    content: bytes
    at: int = 0

    def number(self, kind: str) -> int:
        (value,) = struct.unpack_from(f"<{kind}", self.content, self.at)
        self.at += struct.calcsize(f"<{kind}")
        return int(value)

    def text(self) -> str:
        length = self.number("H")
        start = self.at
        self.skip(length)
        return self.content[start : self.at].rstrip(b"\0").decode()

    def skip(self, length: int) -> None:
        self.at += length
        if self.at > len(self.content):
            raise struct.error
