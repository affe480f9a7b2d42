"""DataProcessing: what of a record is sent, what comes back beside it, and what of both is written.

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
    """Records and filters do not fit each other; the sentence says how."""


@dataclass(frozen=True, slots=True)
class Processing:
    """The filters of a job and whether its output is joined with its input."""

    media_type: str
    select_input: Callable[[Any], Any] | None
    select_output: Callable[[Any], Any] | None
    join: bool

    @classmethod
    def of(cls, job: dict[str, Any]) -> "Processing":
        """Raises `ValueError` for a filter that is not understood, or a media type that cannot be filtered."""
        given = job.get("DataProcessing", {})
        paths = [given.get(name, "$") for name in ("InputFilter", "OutputFilter")]
        first, last = (None if path == "$" else selection(path) for path in paths)
        media_type = job["TransformInput"].get("ContentType", "").partition(";")[0].strip().lower()
        processing = cls(media_type, first, last, given.get("JoinSource", "None") == "Input")
        if (first or last or processing.join) and media_type not in (CSV, JSON, JSON_LINES):
            raise ValueError(
                f"DataProcessing is for {CSV}, {JSON} and {JSON_LINES}, not for {media_type or 'no'} content."
            )
        return processing

    @property
    def by_record(self) -> bool:
        """Whether output is looked at record by record."""
        return self.join or self.select_output is not None

    def sent(self, record: bytes) -> bytes:
        """What of a record the model gets."""
        return (
            record if self.select_input is None else self._dumped(self._select(self.select_input, self._parsed(record)))
        )

    def written(self, sent: Sequence[bytes], answer: bytes) -> bytes:
        """What is written of an answer to some records."""
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
                f"the model answered {count} records with {len(lines)} lines, so they cannot be joined or filtered."
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
            raise Unfit(f"a filter does not fit the record {str(record)[:80]} ({error!r}).") from None
