"""OpenTelemetry's zero-code instrumentation, as docs/operations.md shows it, with spans on the server's stdout.

Its packages are in a folder of their own, made by pip from the lock beside this file and kept until that changes.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.serving.running_server import RunningServer, write_model

REPOSITORY = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("opentelemetry.lock")
PAGE = REPOSITORY / "docs" / "operations.md"


@pytest.fixture(scope="module")
def packages() -> Path:
    """The folder of OpenTelemetry's packages; the tests are skipped if they cannot be had."""
    digest = hashlib.sha256(LOCK.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = REPOSITORY / f".venv-opentelemetry-{digest}"
    if (folder / ".complete").exists():
        return folder
    for outdated in REPOSITORY.glob(".venv-opentelemetry-*"):
        shutil.rmtree(outdated)
    maker = folder / "maker"
    subprocess.run([sys.executable, "-m", "venv", str(maker)], check=True, stdout=subprocess.DEVNULL)
    options = ("--quiet", "--disable-pip-version-check", "--require-hashes", "--no-deps", "--target", str(folder))
    done = subprocess.run(
        [str(maker / "bin" / "python"), "-m", "pip", "install", *options, "-r", str(LOCK)],
        capture_output=True,
        text=True,
    )
    if done.returncode and "Retrying (" in done.stderr:
        pytest.skip(f"{LOCK.name} cannot be installed: pip reaches no package index from here")
    assert done.returncode == 0, done.stderr
    shutil.rmtree(maker)
    (folder / ".complete").touch()
    return folder


class TracedServer(RunningServer):
    """A server whose stdout has spans, too."""

    printed: list[str]

    def _read_lines(self) -> None:
        self.printed = []
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(b'{"'):
                self._lines.append(json.loads(line))
            else:
                self.printed.append(line.decode())


def spans(lines: str) -> list[dict[str, Any]]:
    """The objects of several lines that the console exporter prints between a server's lines of JSON."""
    return [json.loads(text) for text in re.findall(r"^\{\n.*?^\}$", lines, re.MULTILINE | re.DOTALL)]


def test_a_request_is_a_span_with_its_route_and_status(packages: Path, tmp_path: Path) -> None:
    text = PAGE.read_text()
    variables = dict(re.findall(r"\b(OTEL_\w+)=(\S+)", re.findall(r"^OTEL_SERVICE_NAME=.*?$", text, re.MULTILINE)[0]))
    assert variables["OTEL_TRACES_EXPORTER"] == "console"
    assert re.search(r"^ +opentelemetry-instrument forecastle serve", text, re.MULTILINE)
    path = f"{packages}{os.pathsep}{REPOSITORY}"
    environ = {**variables, "PYTHONPATH": path, "OTEL_BSP_SCHEDULE_DELAY": "100"}
    instrument = (sys.executable, str(packages / "bin" / "opentelemetry-instrument"))
    with TracedServer(write_model(tmp_path), environ, instrument) as server:
        server.await_ready()
        trace = "0af7651916cd43dd8448eb211c80319c"
        headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        assert server.post("/invocations", b"1,2\n", headers=headers).status_code == 200
        assert server.post("/invocations", b"x").status_code == 400
        server.signal()
        assert server.await_end() == 0
        printed = "".join(server.printed)
    found = [each for each in spans(printed) if each["kind"] == "SpanKind.SERVER" and "invocations" in each["name"]]
    assert [each["attributes"]["http.status_code"] for each in found] == [200, 400]
    assert {each["name"] for each in found} == {"POST /invocations"}
    assert {each["resource"]["attributes"]["service.name"] for each in found} == {"taxi"}
    assert found[0]["context"]["trace_id"] == f"0x{trace}"  # the caller's
