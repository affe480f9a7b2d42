"""The documented metric definitions against the logs of jobs."""

import re
from pathlib import Path

import botocore.session
import pytest

from forecastle.algorithms.deepar.inference.calibration import LOWER, Calibration
from forecastle.algorithms.deepar.model import DeepARModel
from forecastle.algorithms.deepar.training.evaluation import evaluate
from tests.algorithms.deepar.networks import random_network
from tests.algorithms.deepar.training.test_evaluation import job, walk
from tests.sagemaker.fake_aws import faults
from tests.sagemaker.snippets import metric_definitions

TESTS = Path(__file__).parents[1]
FORESTS = [TESTS / "training" / "golden" / f"random_cut_forest{name}.log" for name in ("", "_with_test")]
DEEPAR = TESTS / "algorithms" / "deepar" / "golden" / "training.log"
REGEXES = metric_definitions()
METRIC = re.compile(r"#(quality|throughput|progress)_metric: |#test_score ")
# What both kinds of lines have: one of them is found.
TOLD_TWICE = re.compile(r"#test_score \(\S+, (RMSE|\w*mean_wQuantileLoss)\)|#quality_metric: \S+ test \w*coverage")
WITHOUT = re.compile(r"#test_score \(\S+, calibrated_(mean_absolute_|w)QuantileLoss")  # with them, it would be 40


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The output of jobs of both algorithms; the golden logs have N for numbers that differ between runs."""
    golden = "\n".join(log.read_text("utf-8") for log in (*FORESTS, DEEPAR))
    folder = tmp_path_factory.mktemp("test")
    records = [{"start": "2024-01-01 00:00:00", "target": walk(seed, 40)} for seed in range(2)]
    scored, log = job(folder, records)
    calibration = Calibration.of(sorted(LOWER))
    evaluate(DeepARModel(random_network(prediction_length=4), calibration=calibration), scored)
    return re.sub(r"=N(?=\s|$)", "=12.5", golden, flags=re.MULTILINE).splitlines() + log.lines


@pytest.mark.parametrize("name", REGEXES)
def test_each_definition_finds_its_metric_in_the_log_of_a_job(name: str, lines: list[str]) -> None:
    found = [match[1] for line in lines if (match := re.search(REGEXES[name], line))]
    assert found, f"no line holds {name}"
    assert all(float(number) >= 0 for number in found)


def test_each_line_of_a_metric_is_found_by_one_definition(lines: list[str]) -> None:
    metric_lines = [
        line for line in lines if METRIC.search(line) and not (TOLD_TWICE.search(line) or WITHOUT.search(line))
    ]
    assert len(metric_lines) > len(REGEXES)
    for line in metric_lines:
        assert len([name for name, regex in REGEXES.items() if re.search(regex, line)]) == 1, line


def test_sagemaker_accepts_the_definitions() -> None:
    shape = botocore.session.get_session().get_service_model("sagemaker").shape_for("MetricDefinitionList")
    assert faults(shape, [{"Name": name, "Regex": regex} for name, regex in REGEXES.items()]) == []
