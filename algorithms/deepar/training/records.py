"""The records of a channel's files: JSON Lines or Parquet, one after another."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np
import orjson

from forecastle.algorithms.deepar.series import MEMBERS
from forecastle.contract import quotation
from forecastle.contract.channel import Channel
from forecastle.contract.errors import InvalidData, UnsupportedMediaType
from forecastle.contract.media_type import JSON, JSON_LINES, MediaType
from forecastle.contract.place import At, Place, Source
from forecastle.formats import json_document
from forecastle.formats.json_members import may_repeat

PARQUET = frozenset({"application/x-parquet", "application/parquet", "application/vnd.apache.parquet"})
LINES = frozenset({JSON, JSON_LINES})

BYTES_PARSED = 5  # of memory, at most, for a byte of JSON while its line is read


def read_records(channel: Channel, budget: int) -> Iterator[tuple[Place, Any]]:
    """Each record with its place: its file and line, or row; Parquet's lists of numbers come as arrays.

    `budget` is the memory, in bytes, that reading may take in addition to what is kept. Raises `InvalidData` if a file,
    or a line of it, is malformed or too large, `UnsupportedMediaType` if a file's type is unknown.
    """
    for name, stream in channel.streams():
        try:
            if _is_parquet(name, channel):
                yield from _parquet(name, stream, budget)
            else:
                yield from _lines(name, stream, budget)
        except InvalidData as error:
            # An error of the stream, such as a damaged gzip file, has no place.
            raise error if error.place[:1] == (Source(name),) else error.within(name) from None


def _is_parquet(name: str, channel: Channel) -> bool:
    """Whether a file is Parquet, by its extension, else by the channel's ContentType."""
    ending = name.lower().removesuffix(".gz").removesuffix(".gzip")
    if ending.endswith((".json", ".jsonl")):
        return False
    if ending.endswith((".parquet", ".parq")):
        return True
    kind = channel.content_type
    if kind is None and channel.pipe:
        return False
    if kind is None or kind.essence not in PARQUET | LINES:
        raise _unknown(name, kind)
    return kind.essence in PARQUET


def _unknown(name: str, kind: MediaType | None) -> UnsupportedMediaType:
    got = "another extension, and no ContentType" if kind is None else f"ContentType {kind.essence:.40}"
    expected = f".json, .jsonl or .parquet, or a ContentType of {JSON_LINES} or application/x-parquet"
    return UnsupportedMediaType(place=(Source(name),), expected=expected, got=got)


def _lines(name: str, stream: BinaryIO, budget: int) -> Iterator[tuple[Place, Any]]:
    longest = max(1 << 16, budget // BYTES_PARSED)
    number = 0
    while line := stream.readline(longest):
        number += 1
        if len(line) == longest:
            raise InvalidData(
                place=(Source(name), At("line", number)),
                expected=f"at most {longest} bytes, a fraction of the memory",
                got="more",
                hint="use a machine with more memory, or fewer values",
            )
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if not line.isspace():
            yield (Source(name), At("line", number)), _parsed(line, name, number)


def _parsed(line: bytes, name: str, number: int) -> Any:
    try:
        record = orjson.loads(line)
        if not may_repeat(line, record, MEMBERS, 1):
            return record
    except orjson.JSONDecodeError:
        pass  # below: a bare NaN, which Python writes, is accepted; otherwise find the error and its place
    try:
        text = json_document.decode_text(line.rstrip())
        return json_document.parse(text, number, quotable=True)
    except InvalidData as error:
        place = (Source(name), At("line", number))
        inner = error.place[1:] if error.place[:1] == place[1:] else error.place
        raise _not_one_record(line, place) or error.at((*place, *inner)) from None


def _not_one_record(line: bytes, place: Place) -> InvalidData | None:
    """The error if a record takes several lines, or a line has several records; None if neither."""
    expected = "one record per line (JSON Lines)"
    try:
        json.loads(line.rstrip())
    except json.JSONDecodeError as error:
        if error.pos >= len(error.doc):
            return InvalidData(place=place, expected=expected, got="a line that ends within one")
        if error.msg == "Extra data":
            got = f"{quotation.of_text(error.doc[error.pos].encode())} after it"
            return InvalidData(place=(*place, At("column", error.colno)), expected=expected, got=got)
    except (RecursionError, UnicodeDecodeError):
        pass
    return None


def _parquet(name: str, stream: BinaryIO, budget: int) -> Iterator[tuple[Place, Mapping[str, Any]]]:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InvalidData(
            f"Parquet needs the package pyarrow ({error!s:.80}): write JSON Lines.", place=(Source(name),)
        ) from None
    content = stream.read(budget + 1)  # Parquet is read from its end
    if len(content) > budget:
        raise InvalidData(
            place=(Source(name),),
            expected=f"at most {budget} bytes, half of the free memory",
            got="more",
            hint="split the file",
        )
    try:
        file = parquet.ParquetFile(pyarrow.BufferReader(content))
        columns = [each for each in MEMBERS if each in file.schema_arrow.names]
        row = 0
        for batch in file.iter_batches(batch_size=1024, columns=columns):
            for index in range(len(batch)):
                row += 1
                record = {column: _value(batch.column(column)[index], pyarrow) for column in columns}
                yield (Source(name), At("row", row)), record
    except (pyarrow.ArrowException, OSError) as error:
        text = " ".join(str(error).split()).rstrip(".")
        raise InvalidData(place=(Source(name),), expected=f"Parquet ({text:.120})") from None


def _value(scalar: Any, pyarrow: Any) -> Any:
    """A cell: lists of numbers as arrays, with null as NaN; times to the second; everything else as Python objects."""
    kind = scalar.type
    if not scalar.is_valid:
        return None
    if pyarrow.types.is_timestamp(kind):
        return scalar.cast(pyarrow.timestamp("s", kind.tz), safe=False).as_py()
    if _is_list(kind, pyarrow):
        values = scalar.values
        if _is_list(kind.value_type, pyarrow):
            return [_value(each, pyarrow) for each in values]
        if pyarrow.types.is_floating(kind.value_type) or pyarrow.types.is_decimal(kind.value_type):
            return np.array(values.cast("float64").to_numpy(zero_copy_only=False))
    return scalar.as_py()


def _is_list(kind: Any, pyarrow: Any) -> bool:
    types = pyarrow.types
    return bool(types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind))
