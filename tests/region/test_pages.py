"""The pages that say how to use SageMaker's SDKs, run from top to bottom in a region: real jobs, real endpoints."""

import json
import math
import os
import re
from pathlib import Path

import pytest

from forecastle.algorithms import find
from forecastle.region.home import Home
from forecastle.region.variables import variables
from tests.region.running_region import ROOT, RunningRegion
from tests.region.test_commands import electricity
from tests.sagemaker.sdk import Sdk, made
from tests.sagemaker.snippets import page
from tests.sagemaker.test_snippets import HURRIED

EXAMPLE = find("random_cut_forest").example_folder / "input" / "data"
FEWER = {"max_jobs=20": "max_jobs=3", '"epochs": 100': '"epochs": 2'}  # of the same

pytestmark = pytest.mark.image  # no Docker, but minutes, and packages that nothing else needs


def sdk(major: int) -> Sdk:
    """The SDK, or one that is there already: SDK2_PYTHON and SDK3_PYTHON name its interpreter."""
    there = os.environ.get(f"SDK{major}_PYTHON")
    return Sdk(major, Path(there)) if there else made(major)


def fill(region: RunningRegion) -> None:
    """The objects that the pages speak of."""
    s3 = region.client("s3")
    for channel in ("train", "test"):
        s3.upload_file(str(EXAMPLE / channel / "taxi.csv"), "my-bucket", f"taxi/{channel}/taxi.csv")
    series = [[10 + phase + 5 * math.sin(hour / 24 * 2 * math.pi) for hour in range(240)] for phase in range(4)]
    lines = [json.dumps({"start": "2024-01-01 00:00:00", "target": target}) for target in series]
    s3.put_object(Bucket="my-bucket", Key="taxi/series/series.jsonl", Body="\n".join(lines).encode())
    s3.put_object(Bucket="my-bucket", Key="taxi/async/requests/rows.csv", Body=b"16083\n41250\n")


@pytest.mark.parametrize("major", [2, 3])
def test_a_page_runs_from_top_to_bottom(major: int, tmp_path: Path) -> None:
    text = page(major)
    for given, less in FEWER.items():
        assert given in text
        text = text.replace(given, less)
    (tmp_path / "page.py").write_text(text, "utf-8")
    (tmp_path / "sitecustomize.py").write_text(HURRIED)  # the region's runs the one that it hides
    with RunningRegion(tmp_path / "home", "--bucket", "my-bucket") as region:
        fill(region)
        environ = variables(Home(region.home), region.address, {"PYTHONPATH": str(tmp_path)})
        printed = sdk(major).run(tmp_path / "page.py", home=tmp_path, environ=environ)
        scores = [line for line in printed.splitlines() if "scores" in line and line.count("'score'") == 2]
        assert len(scores) == 4, printed
        sagemaker = region.client("sagemaker")
        assert sagemaker.list_endpoints()["Endpoints"] == []
        (transform,) = sagemaker.list_transform_jobs()["TransformJobSummaries"]
        assert transform["TransformJobStatus"] == "Completed"
        (tuning,) = sagemaker.list_hyper_parameter_tuning_jobs()["HyperParameterTuningJobSummaries"]
        assert tuning["TrainingJobStatusCounters"]["Completed"] == 3
        written = region.client("s3").get_object(Bucket="my-bucket", Key="taxi/scores/taxi.csv.out")["Body"].read()
        rows = (EXAMPLE / "test" / "taxi.csv").read_text().splitlines()
        assert len(written.splitlines()) == len(rows)
        assert all("score" in json.loads(line) for line in written.splitlines())


def test_sdk_2_attaches_measures_and_updates(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    with RunningRegion(tmp_path / "home", "--bucket", "my-bucket") as region:
        fill(region)
        environ = variables(Home(region.home), region.address, {"PYTHONPATH": str(tmp_path)})
        printed = sdk(2).run(Path(__file__).with_name("sdk2_flow.py"), home=tmp_path, environ=environ)
        (job,) = region.client("sagemaker").list_training_jobs()["TrainingJobSummaries"]
    assert "Random Cut Forest built" in printed  # attached.logs()
    assert json.loads(printed.splitlines()[-1]) == {
        "role": "arn:aws:iam::123456789012:role/forecastle",
        "bucket": "sagemaker-us-east-1-123456789012",
        "image": True,
        "model": f"s3://my-bucket/taxi/jobs/{job['TrainingJobName']}/output/model.tar.gz",
        "metrics": ["mine", "test:f1"],
        "values": 2,
        "same": True,
        "left": 0,
    }


def test_the_notebooks_stories_run_with_sdk_3(tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(HURRIED)
    data = tmp_path / "LD2011_2014.txt"
    assert electricity("--customers", "20", "--years", "2014", "--out", str(data)).returncode == 0
    with RunningRegion(tmp_path / "home") as region:
        environ = variables(Home(region.home), region.address, {"PYTHONPATH": str(tmp_path)})
        taxi = sdk(3).run(ROOT / "examples" / "taxi_sdk_3.py", home=tmp_path, environ=environ)
        deepar = ROOT / "examples" / "electricity_sdk_3.py"
        forecasts = sdk(3).run(deepar, str(data), "--epochs", "20", home=tmp_path, environ=environ)
        assert region.client("sagemaker").list_endpoints()["Endpoints"] == []
    assert "2014-11-02" in taxi  # the marathon's night
    shown = re.findall(r"MT_00\d: (\d+) % within the 80 % band, off by (\d+) % of the week", forecasts)
    assert len(shown) == 5
    assert all(int(inside) > 30 and int(off) < 40 for inside, off in shown), forecasts
