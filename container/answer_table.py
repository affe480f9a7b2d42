"""An answer as a table, whatever the algorithm: a row for each record, or for each step of each record.

    {"scores": [{"score": 0.7}, {"score": 4.9}]}                       →  columns record, score
    {"predictions": [{"mean": [1, 2], "quantiles": {"0.9": [3, 4]}}]}  →  columns record, step, mean, quantiles.0.9

Lists beside a number, such as the shares of an attribution, get a column for each item.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecastle.contract.errors import InvalidData

DIGITS = 6  # significant ones, in a table for people


@dataclass(frozen=True, slots=True)
class Table:
    """Names of columns, and rows of numbers, texts or None."""

    columns: list[str]
    rows: list[list[Any]]

    def text(self) -> str:
        """Columns below each other, numbers to the right."""
        cells = [[_shown(value) for value in row] for row in self.rows]
        widths = [max(map(len, (name, *column))) for name, column in zip(self.columns, zip(*cells))]
        if not cells:
            widths = [len(name) for name in self.columns]
        lines = [self.columns, *cells]
        return "".join("  ".join(f"{each:>{width}}" for each, width in zip(line, widths)) + "\n" for line in lines)

    def csv(self) -> str:
        """CSV with a header, and every digit."""
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(self.columns)
        writer.writerows(self.rows)
        return stream.getvalue()


def table_of(body: bytes) -> Table:
    """The table of a JSON answer. Raises `InvalidData` if it has no form of one."""
    try:
        document = json.loads(body)
    except ValueError:
        raise InvalidData("The answer is no JSON, of which a table could be made.") from None
    records = _records(document)
    flat = [dict(_flattened(record)) for record in records]
    if any(not isinstance(value, list) for record in flat for value in record.values()):
        flat = [dict(_spread(record)) for record in flat]
    steps = {len(value) for record in flat for value in record.values() if isinstance(value, list)}
    if not flat or len(steps) > 1:
        raise InvalidData("The answer has no form of a table: ask for --output json.")
    names = list(dict.fromkeys(name for record in flat for name in record))
    if not steps:
        return Table(["record", *names], [[n, *(r.get(name) for name in names)] for n, r in enumerate(flat)])
    (count,) = steps
    rows = [
        [number, step, *(_at(record.get(name), step) for name in names)]
        for number, record in enumerate(flat)
        for step in range(count)
    ]
    return Table(["record", "step", *names], rows)


def _records(document: Any) -> Sequence[Any]:
    """The one list of an answer's object, or the list that it is."""
    if isinstance(document, Mapping):
        lists = [value for value in document.values() if isinstance(value, list)]
        document = lists[0] if len(lists) == 1 and len(document) == 1 else [document]
    return document if isinstance(document, list) else [document]


def _flattened(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Scalars and lists of scalars by their path, such as `quantiles.0.9` or `samples.3`."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flattened(inner, f"{name}.{key}" if name else str(key))
    elif isinstance(value, list) and any(isinstance(each, list | Mapping) for each in value):
        for number, inner in enumerate(value):
            yield from _flattened(inner, f"{name}.{number}" if name else str(number))
    else:
        yield name or "value", value


def _spread(record: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in record.items():
        if isinstance(value, list):
            yield from ((f"{name}.{number}", each) for number, each in enumerate(value))
        else:
            yield name, value


def _at(value: Any, step: int) -> Any:
    return value[step] if isinstance(value, list) else value


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else str(value)
