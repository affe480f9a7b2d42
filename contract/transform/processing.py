"""Filters for input and output, and joining output with input.

Source: "Associate Prediction Results with Input Records", AWS's developer guide.
"""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from forecastle.contract.errors import InvalidData, InvalidJob
from forecastle.contract.media_type import CSV, JSON, JSON_LINES
from forecastle.contract.transform.selection import selection

QUOTED = re.compile(rb'["\r\x0b\x0c\x1c-\x1e\x85]')  # what makes a line of CSV more than fields between commas


class Unfit(InvalidData):
    """A filter did not match a record, or records and results differed in number."""


@dataclass(frozen=True, slots=True)
class Processing:
    """The filters of a job and whether its output is joined with its input.

    Attributes
    ----------
    media_type : that of the input, without parameters.
    """

    media_type: str
    select_input: Callable[[Any], Any] | None = None
    select_output: Callable[[Any], Any] | None = None
    join: bool = False

    @classmethod
    def of(cls, media_type: str, input_filter: str = "$", output_filter: str = "$", join: bool = False) -> "Processing":
        """Raises `InvalidJob` for an invalid filter, or a media type that cannot be filtered."""
        try:
            first, last = (None if path == "$" else selection(path) for path in (input_filter, output_filter))
        except ValueError as error:
            raise InvalidJob(str(error)) from None
        if (first or last or join) and media_type not in (CSV, JSON, JSON_LINES):
            raise InvalidJob(
                f"Filters and joins need {CSV}, {JSON} or {JSON_LINES}, got {media_type or 'no content type'}."
            )
        return cls(media_type, first, last, join)

    @property
    def by_record(self) -> bool:
        """Whether output is processed record by record."""
        return self.join or self.select_output is not None

    def sent(self, body: bytes, count: int | None) -> bytes:
        """The part of a body of so many records that is sent to the model; None: of a file that was not split."""
        if self.select_input is None:
            return body
        select = self.select_input
        records = self._parsed(body, 1) if count is None else self._records(body, count)
        return self._dumped(self._select(select, record) for record in records)

    def written(self, body: bytes, count: int, answer: bytes) -> bytes:
        """The output for a body of so many records and the model's answer."""
        if not self.by_record:
            return answer
        if self.media_type == CSV and self.select_output is None and not QUOTED.search(body + answer):
            return self._lines_joined(body, answer, count)
        results = self._answers(answer, count)
        if self.join:
            results = [self._joined(record, output) for record, output in zip(self._records(body, count), results)]
        if self.select_output is not None:
            select = self.select_output
            results = [self._select(select, result) for result in results]
        return self._dumped(results)

    def _lines_joined(self, body: bytes, answer: bytes, count: int) -> bytes:
        """The lines of a body and of its answer, side by side."""
        lines, answers = body.splitlines(), [line for line in answer.splitlines() if line]
        self._require(count, len(answers))
        return b"\n".join(map(b",".join, zip(lines, answers))) + b"\n"

    def _answers(self, answer: bytes, count: int) -> Sequence[Any]:
        found = self._parsed(answer, count)
        self._require(count, len(found))
        return found

    def _require(self, count: int, answers: int) -> None:
        if answers != count:
            raise Unfit(f"the model answered {count} records with {answers} lines, which cannot be joined or filtered.")

    def _records(self, body: bytes, count: int) -> list[Any]:
        found = self._parsed(body, count)
        if len(found) != count:
            raise Unfit(f"a carriage return ends a row: {len(found)} rows were read, and {count} expected.")
        return found

    def _parsed(self, body: bytes, count: int) -> list[Any]:
        """The records of a body: rows of fields, or values of JSON, one a line if there are several."""
        try:
            if self.media_type == CSV:
                csv.field_size_limit(max(csv.field_size_limit(), len(body)))
                return [row for row in csv.reader(io.StringIO(body.decode("utf-8-sig"), newline="")) if row]
            if self.media_type == JSON and count == 1:
                return [json.loads(body)]
            return [json.loads(line) for line in body.split(b"\n") if line.strip()]
        except (ValueError, csv.Error, RecursionError) as error:
            raise Unfit(f"{body[:80]!r} is not {self.media_type} ({error}).") from None

    def _dumped(self, values: Iterable[Any]) -> bytes:
        if self.media_type != CSV:
            return b"".join(json.dumps(value, separators=(",", ":")).encode() + b"\n" for value in values)
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(
            value if isinstance(value, list) else [value] for value in values
        )
        return text.getvalue().encode()

    def _joined(self, record: Any, output: Any) -> Any:
        if self.media_type == CSV:
            return [*record, *output]
        if isinstance(record, dict):
            return record | {"SageMakerOutput": output}
        return {"SageMakerInput": record, "SageMakerOutput": output}

    def _select(self, select: Callable[[Any], Any], record: Any) -> Any:
        try:
            return select(record)
        except (KeyError, IndexError, TypeError) as error:
            raise Unfit(f"a filter does not match the record {str(record)[:80]}: {_unmatched(error)}.") from None


def _unmatched(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error.args[0]!r}"
    return "it has too few elements" if isinstance(error, IndexError) else "it is not of that kind"
