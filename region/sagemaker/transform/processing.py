"""DataProcessing: filters for input and output, and joining output with input.

Source: "Associate Prediction Results with Input Records", AWS's developer guide.
"""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from forecastle.region.sagemaker.jobs import ClientFailure
from forecastle.region.sagemaker.transform.selection import selection

CSV, JSON, JSON_LINES = "text/csv", "application/json", "application/jsonlines"


class Unfit(ClientFailure):
    """A filter does not match a record, or records and results differ in number."""


@dataclass(frozen=True, slots=True)
class Processing:
    """The filters of a job and whether its output is joined with its input."""

    media_type: str
    select_input: Callable[[Any], Any] | None
    select_output: Callable[[Any], Any] | None
    join: bool

    @classmethod
    def of(cls, job: dict[str, Any]) -> "Processing":
        """Raises `ValueError` for an invalid filter, or a media type that cannot be filtered."""
        given = job.get("DataProcessing", {})
        paths = [given.get(name, "$") for name in ("InputFilter", "OutputFilter")]
        first, last = (None if path == "$" else selection(path) for path in paths)
        media_type = job["TransformInput"].get("ContentType", "").partition(";")[0].strip().lower()
        processing = cls(media_type, first, last, given.get("JoinSource", "None") == "Input")
        if (first or last or processing.join) and media_type not in (CSV, JSON, JSON_LINES):
            raise ValueError(
                f"DataProcessing needs ContentType {CSV}, {JSON} or {JSON_LINES}, got {media_type or 'none'}."
            )
        return processing

    @property
    def by_record(self) -> bool:
        """Whether output is processed record by record."""
        return self.join or self.select_output is not None

    def sent(self, record: bytes) -> bytes:
        """The part of a record that is sent to the model."""
        return (
            record if self.select_input is None else self._dumped(self._select(self.select_input, self._parsed(record)))
        )

    def written(self, sent: Sequence[bytes], answer: bytes) -> bytes:
        """The output for some records and the model's answer."""
        if not self.by_record:
            return answer
        outputs = self._answers(answer, len(sent))
        results: list[Any] = outputs
        if self.join:
            results = [self._joined(self._parsed(record), output) for record, output in zip(sent, outputs)]
        if self.select_output is not None:
            results = [self._select(self.select_output, result) for result in results]
        return b"".join(map(self._dumped, results))

    def _answers(self, answer: bytes, count: int) -> list[Any]:
        if self.media_type == JSON and count == 1:
            return [self._parsed(answer)]
        lines = [line for line in answer.splitlines() if line.strip()]
        if len(lines) != count:
            raise Unfit(
                f"the model answered {count} records with {len(lines)} lines, which cannot be joined or filtered."
            )
        return [self._parsed(line) for line in lines]

    def _parsed(self, record: bytes) -> Any:
        try:
            if self.media_type == CSV:
                return next(csv.reader([record.decode()]), [])
            return json.loads(record)
        except (ValueError, csv.Error) as error:
            raise Unfit(f"{record[:80]!r} is not {self.media_type} ({error}).") from None

    def _dumped(self, value: Any) -> bytes:
        if self.media_type != CSV:
            return json.dumps(value, separators=(",", ":")).encode() + b"\n"
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerow(value if isinstance(value, list) else [value])
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
            raise Unfit(f"a filter does not match the record {str(record)[:80]} ({error!r}).") from None
