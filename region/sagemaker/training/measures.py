"""Metrics in a job's log lines, found by regular expressions."""

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from forecastle.region.metrics.series import Metric, Series

NAMESPACE = "/aws/sagemaker/TrainingJobs"


def definitions(given: Sequence[dict[str, str]], declared: Mapping[str, str]) -> list[dict[str, str]]:
    """The metrics of a job: those that its algorithm has `declared`, as on SageMaker, and the given ones."""
    named = {each["Name"]: each["Regex"] for each in given}
    return [{"Name": name, "Regex": regex} for name, regex in {**declared, **named}.items()]


@dataclass(slots=True)
class Measures:
    """The metrics found in the log lines of a job."""

    job: str
    series: Series
    regexes: dict[str, re.Pattern[str]]
    final: dict[str, tuple[float, float]] = field(default_factory=dict)  # the last value of each, and its time

    @classmethod
    def of(cls, job: str, defined: Sequence[dict[str, str]], series: Series) -> "Measures":
        """Raises `re.error` for an invalid expression."""
        return cls(job, series, {each["Name"]: re.compile(each["Regex"]) for each in defined})

    def read(self, lines: Sequence[str]) -> None:
        """Store the values in `lines`."""
        for line in lines:
            for name, regex in self.regexes.items():
                found = regex.search(line)
                value = _number(found[1] if regex.groups else found[0]) if found else None
                if value is not None:
                    now = time.time()
                    self.final[name] = (value, now)
                    self.series.add(Metric(NAMESPACE, name, {"TrainingJobName": self.job}), [value], now)

    def final_list(self) -> list[dict[str, Any]]:
        """FinalMetricDataList."""
        return [{"MetricName": name, "Value": v, "Timestamp": at} for name, (v, at) in self.final.items()]


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip(",;"))
    except ValueError:
        return None
