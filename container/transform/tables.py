"""Parquet: rows sent as text, and answers as columns beside them."""

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pyarrow
from pyarrow import csv, ipc, json, parquet

from forecastle.container.transform.requests import Outcome
from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import CSV, JSON_LINES
from forecastle.contract.place import Source
from forecastle.contract.transform.packs import Position
from forecastle.contract.transform.selection import selection
from forecastle.contract.whole_file import write_whole

NUMBER_BYTES = 20  # of a number as text, at most
MOST_ROWS = 2**16  # of a request
GROUP_ROWS = 2**17  # of a row group that is written
ANSWER = "answer"  # the column of an answer without names


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """Consecutive rows of a table, sent as text: see `Records`.

    Attributes
    ----------
    columns : the names of those that are sent; None: all.
    """

    batch: pyarrow.RecordBatch
    media_type: str
    begin: Position
    columns: tuple[str, ...] | None = None

    noun = "row"

    @property
    def count(self) -> int:
        return int(self.batch.num_rows)

    @property
    def end(self) -> Position:
        return Position(self.begin.offset + self.count, self.begin.number + self.count)

    @cached_property
    def body(self) -> bytes:
        return b"".join(self._lines()) if self.media_type == JSON_LINES else _csv(self._sent)

    def records(self) -> list[tuple[int, bytes]]:
        if self.media_type == JSON_LINES:
            lines = [*self._lines()]
        else:
            lines = [_csv(self._sent.slice(row, 1)) for row in range(self.count)]
        return [*enumerate(lines, self.begin.number)]

    @cached_property
    def _sent(self) -> pyarrow.RecordBatch:
        return self.batch if self.columns is None else self.batch.select(self.columns)

    def _lines(self) -> Iterator[bytes]:
        for row in self._sent.to_pylist():
            members = {name: value for name, value in row.items() if value is not None}
            yield orjson.dumps(members, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME) + b"\n"


def _csv(batch: pyarrow.RecordBatch) -> bytes:
    text = io.BytesIO()
    csv.write_csv(batch, text, csv.WriteOptions(include_header=False, quoting_style="needed"))
    return text.getvalue()


def media_type_of(schema: pyarrow.Schema, reads: Callable[[str], bool]) -> str:
    """How rows are sent: as CSV if they are flat and the target reads it, as JSON Lines otherwise."""
    flat = not any(pyarrow.types.is_nested(column.type) for column in schema)
    return CSV if flat and reads(CSV) else JSON_LINES


def columns_of(schema: pyarrow.Schema, input_filter: str) -> tuple[str, ...] | None:
    """The columns that a filter selects from each row as CSV; None: all. Raises `InvalidJob`."""
    if input_filter == "$":
        return None
    try:
        selected = selection(input_filter)([*schema.names])
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InvalidJob(f"the filter {input_filter} does not fit {len(schema)} columns ({error}).") from None
    return (selected,) if isinstance(selected, str) else tuple(selected)


@dataclass(frozen=True, slots=True)
class Table:
    """A Parquet file as input."""

    file: parquet.ParquetFile

    @classmethod
    def opened(cls, path: Path) -> "Table":
        """Raises `InvalidData` if it is no Parquet file."""
        try:
            return cls(parquet.ParquetFile(path, buffer_size=2**20, pre_buffer=False))
        except (pyarrow.ArrowException, OSError) as error:
            raise InvalidData(
                f"is no Parquet file that can be read ({_first_line(error)}).", place=(Source(str(path)),)
            ) from None

    def packs(self, begin: Position, media_type: str, size: int, columns: tuple[str, ...] | None) -> Iterator[Rows]:
        """The rows from a position on, as many at a time as take about `size` bytes of text; these columns are sent."""
        metadata = self.file.metadata
        width = max(1, metadata.num_rows) and sum(
            metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups)
        ) / max(1, metadata.num_rows)
        rows = max(1, min(MOST_ROWS, int(size / max(NUMBER_BYTES * metadata.num_columns, 2 * width))))
        position = Position()
        for group in range(metadata.num_row_groups):
            count = metadata.row_group(group).num_rows
            if position.offset + count <= begin.offset:
                position = Position(position.offset + count, position.number + count)
                continue
            for batch in self.file.iter_batches(rows, row_groups=[group]):
                found = Rows(batch, media_type, position, columns)
                position = found.end
                if found.begin.offset >= begin.offset:
                    yield found


def in_columns(rows: Rows, outcome: Outcome, media_type: str) -> Outcome:
    """The outcome with its answer as a stream of Arrow's: the answered rows with the answer's columns."""
    batch = rows.batch if outcome.kept is None else rows.batch.take(pyarrow.array(outcome.kept, pyarrow.int64()))
    if batch.num_rows == 0:
        return replace(outcome, answer=b"")
    return replace(outcome, answer=_stream(with_answers(batch, outcome.answer, media_type)))


def with_answers(batch: pyarrow.RecordBatch, answer: bytes, media_type: str) -> pyarrow.Table:
    """A batch with the members or columns of an answer of one record a line; its numbers are float64.

    A name that the batch has already gets `_answer` at its end. Raises `InvalidData` if the numbers of rows differ.
    """
    found = _read(answer, media_type)
    if found.num_rows != batch.num_rows:
        raise InvalidData(f"the model answered {batch.num_rows} rows with {found.num_rows} records.")
    table = pyarrow.Table.from_batches([batch])
    for column, values in zip(found.schema, found.columns):
        name = column.name
        while name in table.column_names:
            name += f"_{ANSWER}"
        table = table.append_column(name, values.cast(_as_floats(column.type)))
    return table.combine_chunks()


def _read(answer: bytes, media_type: str) -> pyarrow.Table:
    block = max(2**20, len(answer) + 1)  # one block, so that types are inferred from all of it
    try:
        if media_type == JSON_LINES:
            return json.read_json(io.BytesIO(answer), json.ReadOptions(use_threads=False, block_size=block))
        if media_type == CSV:
            options = csv.ReadOptions(use_threads=False, block_size=block, autogenerate_column_names=True)
            table = csv.read_csv(io.BytesIO(answer), options)
            several = table.num_columns > 1
            return table.rename_columns([f"{ANSWER}_{n}" if several else ANSWER for n in range(table.num_columns)])
    except pyarrow.ArrowInvalid as error:
        raise InvalidData(f"the model's answer is no table ({_first_line(error)}).") from None
    raise InvalidJob(f"Answers become columns if they are {JSON_LINES} or {CSV}, got {media_type}: set --accept.")


def _as_floats(kind: pyarrow.DataType) -> pyarrow.DataType:
    """The type with float64 for numbers, and for what is always null, so that all parts of a file have one type."""
    if pyarrow.types.is_list(kind):
        return pyarrow.list_(_as_floats(kind.value_type))
    if pyarrow.types.is_struct(kind):
        return pyarrow.struct([(member.name, _as_floats(member.type)) for member in kind])
    return pyarrow.float64() if pyarrow.types.is_integer(kind) or pyarrow.types.is_null(kind) else kind


def _stream(table: pyarrow.Table) -> bytes:
    text = io.BytesIO()
    with ipc.new_stream(text, table.schema) as writer:
        writer.write_table(table)
    return text.getvalue()


def assemble(part: Path, path: Path, source: Path) -> None:
    """Write the streams in `part` as one Parquet file, with the columns of `source` alone if there are none.

    Raises `InvalidData` if their columns differ.
    """

    def write(file: Any) -> None:
        writer, count = None, 0
        waiting: list[pyarrow.Table] = []
        for table in _streams(part):
            if waiting and table.schema != waiting[0].schema:
                raise InvalidData("the model's answers differ in their columns.", place=(Source(str(path)),))
            if writer is None:
                writer = parquet.ParquetWriter(file, table.schema)
            waiting.append(table)
            count += table.num_rows
            if count >= GROUP_ROWS:
                writer.write_table(pyarrow.concat_tables(waiting))
                waiting, count = waiting[:1], 0
                waiting[0] = waiting[0].slice(0, 0)
        if writer is None:
            writer = parquet.ParquetWriter(file, parquet.read_schema(source))
        elif count:
            writer.write_table(pyarrow.concat_tables(waiting))
        writer.close()

    write_whole(path, write)


def _streams(part: Path) -> Iterator[pyarrow.Table]:
    with pyarrow.OSFile(str(part)) if part.stat().st_size else pyarrow.BufferReader(b"") as file:
        while file.tell() < file.size():
            yield ipc.open_stream(file).read_all()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
