"""The translation lab as a whole: a job, its endpoint, the unchanged function, and an API that calls it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.region.running_region import ROOT, RunningRegion
from tests.region.test_region import forecastle

NOTEBOOK = ROOT.parent / "shared" / "notebooks" / "translation_lab.ipynb"
STAND_IN = """
def handler(event, context):
    return {"translated": [each["query"].upper() for each in event["sentences"]]}
"""


def environ(region: RunningRegion) -> dict[str, str]:
    printed = forecastle("env", "--shell", "dotenv", home=region.home).stdout if region.address else ""
    return {"PATH": os.environ["PATH"]} | dict(line.split("=", 1) for line in printed.splitlines())


def cells() -> list[str]:
    code = [cell for cell in json.loads(NOTEBOOK.read_text())["cells"] if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in code]


def example(folder: Path) -> Path:
    """The example's job, of few batches: no good translator."""
    source = ROOT / "algorithms" / "seq2seq" / "example"
    shutil.copytree(source / "input", folder)
    file = folder / "config" / "hyperparameters.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | json.loads((source / "quick.json").read_text())))
    return folder


@pytest.mark.skipif(not NOTEBOOK.exists(), reason=f"the lab's notebook {NOTEBOOK} is not here")
def test_the_labs_function_is_called_through_the_labs_api(region: RunningRegion, tmp_path: Path) -> None:
    source, event = cells()
    (tmp_path / "lambda_function.py").write_text(source)
    script, job = str(ROOT / "examples/translation_lab.py"), example(tmp_path / "job")

    def run(*arguments: str) -> str:
        command = [sys.executable, script, str(tmp_path / "lambda_function.py"), *arguments]
        done = subprocess.run(command, env=environ(region), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    run("--train", str(job))
    (found,) = region.client("sagemaker").list_endpoints(NameContains="translate-")["Endpoints"]
    url = run("--endpoint", found["EndpointName"])  # again, with the role and the function that exist
    with httpx.Client(trust_env=False, timeout=60) as client:
        allowed = client.options(url, headers={"Origin": "https://page.example"})
        answer = client.post(url, content=event.encode(), headers={"Content-Type": "application/json"})
    assert (allowed.status_code, allowed.headers["access-control-allow-methods"]) == (200, "OPTIONS,POST")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert [list(each) for each in answer.json()["predictions"]] == [["target"], ["target"]]
    region.client("sagemaker").delete_endpoint(EndpointName=found["EndpointName"])


def test_a_function_and_an_api_are_created_from_the_command_line(region: RunningRegion, tmp_path: Path) -> None:
    file = tmp_path / "translate.py"
    file.write_text(STAND_IN)
    assert region.address
    for _ in range(2):  # the second time gives it new code
        done = forecastle(
            "lambda",
            "create",
            "lab",
            "--file",
            str(file),
            "--handler",
            "translate.handler",
            home=region.home,
        )
        assert done.stdout == "arn:aws:lambda:us-east-1:123456789012:function:lab\n", done.stderr
    done = forecastle("api", "create", "lab", "--post", "/v1/translate=lab", "--cors", "*", home=region.home)
    url = done.stdout.strip()
    assert url.endswith("/prod/_user_request_/v1/translate"), done.stderr
    with httpx.Client(trust_env=False, timeout=60) as client:
        answer = client.post(
            url, json={"sentences": [{"query": "I love you"}]}, headers={"Origin": "https://a.example"}
        )
        allowed = client.options(url, headers={"Origin": "https://a.example"})
    assert (answer.status_code, answer.json()) == (200, {"translated": ["I LOVE YOU"]})
    assert answer.headers["access-control-allow-origin"] == allowed.headers["access-control-allow-origin"] == "*"


def test_commands_need_a_running_region(tmp_path: Path) -> None:
    done = forecastle("api", "create", "lab", "--post", "/a=b", home=tmp_path / "home")
    assert done.returncode == 3
    assert done.stderr == (f"forecastle: No region runs in {tmp_path}/home: start one with `forecastle region up`.\n")
