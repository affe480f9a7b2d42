"""Chromium, and servers of real models whose page it opens: `make test-page`, in an environment of its own."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.page.models import ROOT, write_models

FORECASTLE = os.environ.get("FORECASTLE", str(ROOT / ".venv" / "bin" / "forecastle"))
PICTURES = ROOT / "build" / "page"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser") or ""
PATIENCE_SECONDS = 120
DESKTOP, PHONE = (1280, 900), (360, 740)

Open = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM:
        pytest.skip("Chromium is not installed: apt-get install chromium, or name one with CHROMIUM=…")
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of trained models by name."""
    return write_models(FORECASTLE, tmp_path_factory.mktemp("models"))


@contextmanager
def serving(environ: dict[str, str], log: Path) -> Iterator[str]:
    """The address of a server that is ready."""
    environ = os.environ | {"SAGEMAKER_BIND_TO_PORT": "0"} | environ
    with (
        log.open("wb") as lines,
        subprocess.Popen([FORECASTLE, "serve"], env=environ, stdout=lines, stderr=subprocess.STDOUT) as process,
    ):
        try:
            yield _ready(process, log)
        finally:
            process.kill()


def _ready(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        starts = [line for line in map(_parsed, log.read_text().splitlines()) if line.get("event") == "start"]
        if starts:
            url = f"http://127.0.0.1:{starts[0]['port']}"
            try:
                with urllib.request.urlopen(f"{url}/ping", timeout=5) as response:
                    if response.status == 200:
                        return url
            except urllib.error.HTTPError:
                pass
        time.sleep(0.1)
    raise AssertionError(f"not ready: {log.read_text()}")


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@pytest.fixture(scope="session")
def several(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with all of the models."""
    base = tmp_path_factory.mktemp("several")
    environ = {
        "SAGEMAKER_BASE_DIR": str(base),
        "SAGEMAKER_MULTI_MODEL": "true",
        "FORECASTLE_ALGORITHMS": str(ROOT / "tests" / "training" / "tiny_algorithm" / "algorithms"),
    }
    with serving(environ, base / "log") as url:
        for name, folder in models.items():
            body = json.dumps({"model_name": name, "url": str(folder)}).encode()
            headers = {"Content-Type": "application/json"}
            with urllib.request.urlopen(urllib.request.Request(f"{url}/models", body, headers)) as response:
                assert response.status == 200
        yield url


@pytest.fixture(scope="session")
def alone(models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server of the model of electricity demand."""
    base = tmp_path_factory.mktemp("alone")
    shutil.copytree(models["demand"], base / "model")
    with serving({"SAGEMAKER_BASE_DIR": str(base)}, base / "log") as url:
        yield url


@pytest.fixture
def open_page(browser: Browser, several: str) -> Iterator[Open]:
    """Open the page of a model and wait for its answer; no page may write to the console or fail."""
    complaints: list[str] = []
    with ExitStack() as stack:

        def open_page(
            model: str, size: tuple[int, int] = DESKTOP, scheme: Any = "light", url: str = several, **more: Any
        ) -> Page:
            width, height = size
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=scheme, accept_downloads=True, **more
            )
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(30_000)
            page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            page.goto(f"{url}/?model={model}")
            page.wait_for_selector("#asked b, #view pre")
            return page

        yield open_page
    # A refused request is reported by the browser itself.
    assert [each for each in complaints if "status of 400" not in each] == []


def until(page: Page, expression: str, argument: object = None) -> None:
    """Wait until an expression is true; Playwright's own way evaluates strings in the page, as its policy forbids."""
    deadline = time.monotonic() + PATIENCE_SECONDS / 4
    while not page.evaluate(expression, argument):
        assert time.monotonic() < deadline, expression
        page.wait_for_timeout(20)


@pytest.fixture
def picture() -> Callable[[Page, str], None]:
    """Keep a screenshot where a person can look at it."""
    PICTURES.mkdir(parents=True, exist_ok=True)

    def keep(page: Page, name: str) -> None:
        page.screenshot(path=PICTURES / f"{name}.png", full_page=True)

    return keep
