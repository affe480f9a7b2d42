"""Metrics in a job's log lines, found by regular expressions."""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from forecastle.region.metrics.series import Metric, Series

NAMESPACE = "/aws/sagemaker/TrainingJobs"
QUALITY = r"#quality_metric: host=\S+, "
FOREST = {f"test:{name}": rf"{QUALITY}test {name} <score>=(\S+)" for name in ("accuracy", "precision", "recall", "f1")}
DEEPAR = {
    "train:loss": rf"{QUALITY}epoch=\S+, train loss <loss>=(\S+)",
    "train:loss:batch": rf"{QUALITY}epoch=\S+, batch=\S+ train loss <loss>=(\S+)",
    "train:final_loss": rf"{QUALITY}train final_loss <loss>=(\S+)",
    "test:RMSE": rf"{QUALITY}test RMSE <loss>=(\S+)",
    "test:mean_wQuantileLoss": rf"{QUALITY}test mean_wQuantileLoss <loss>=(\S+)",
    **{f"test:coverage[{band}]": rf"{QUALITY}test coverage\[{band}\] <score>=(\S+)" for band in (0.8, 0.6, 0.4, 0.2)},
}
SEQ2SEQ = {
    f"validation:{name}": rf"{QUALITY}(?:epoch=\S+, )?validation {name} <score>=(\S+)"
    for name in ("accuracy", "bleu", "perplexity")
}
SHARED = {
    "train:progress": r"#progress_metric: host=\S+, completed (\S+) %",
    "train:throughput": r"#throughput_metric: host=\S+, train throughput=(\S+) records/second",
}
BUILT_IN = {"random_cut_forest": SHARED | FOREST, "deepar": SHARED | DEEPAR, "seq2seq": SHARED | SEQ2SEQ}


def definitions(given: Sequence[dict[str, str]], algorithm: str | None) -> list[dict[str, str]]:
    """The metrics of a job: those of a built-in algorithm, as on SageMaker, and the given ones."""
    known = BUILT_IN.get(algorithm or "", {})
    named = {each["Name"]: each["Regex"] for each in given}
    return [{"Name": name, "Regex": regex} for name, regex in (known | named).items()]


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
