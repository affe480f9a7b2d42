"""The last request as a program, the raw request, and the choice of a model."""

import os
import subprocess
from pathlib import Path

from tests.page.conftest import FORECASTLE, Open
from tests.page.test_anomalies import rows_said
from tests.page.test_forecasts import paste

PYTHON = str(Path(FORECASTLE).parent / "python")


def test_the_programs_run(open_page: Open) -> None:
    page = open_page("sensors")
    paste(page, "20,1000,60\n21,1200,60\n")
    rows_said(page, "2")
    page.get_by_role("tab", name="curl").click()
    curl = page.locator("#snippet").inner_text()
    scores = subprocess.run(["bash", "-c", curl], check=True, capture_output=True, text=True).stdout
    assert len(scores.split()) == 2
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="boto3").get_attribute("aria-selected") == "true"
    program = page.locator("#snippet").inner_text()
    environ = os.environ | {"NO_PROXY": "127.0.0.1"}
    answer = subprocess.run([PYTHON, "-c", program], check=True, capture_output=True, text=True, env=environ).stdout
    assert answer.split() == scores.split()
    page.get_by_role("tab", name="forecastle").click()
    assert "forecastle.RandomCutForestPredictor(" in page.locator("#snippet").inner_text()
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("button", name="Copy", exact=True).click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#snippet").inner_text()


def test_a_long_body_is_downloaded(open_page: Open, tmp_path: Path) -> None:
    page = open_page("demand")
    assert "@request.json" in page.locator("#snippet").inner_text()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download its body").click()
    waiting.value.save_as(tmp_path / "request.json")
    curl = page.locator("#snippet").inner_text()
    answer = subprocess.run(["bash", "-c", curl], check=True, capture_output=True, text=True, cwd=tmp_path).stdout
    assert answer.startswith('{"predictions":')
    page.get_by_role("tab", name="forecastle").click()
    program = page.locator("#snippet").inner_text()
    assert "forecastle.DeepARPredictor(" in program
    compile(program, "snippet", "exec")


def test_a_raw_request_is_sent_as_it_is(open_page: Open) -> None:
    page = open_page("sensors")
    page.locator("#raw summary").click()
    raw = page.locator("#raw")
    raw.get_by_label("Body").fill("20,1000,60\n")
    raw.get_by_label("Content-Type").select_option("text/csv")
    raw.get_by_label("Accept").select_option("application/json")
    raw.get_by_label("X-Amzn").fill("attribution=true")
    raw.get_by_role("button", name="Send").click()
    raw.locator("pre", has_text="attribution").wait_for()
    raw.get_by_label("Body").fill("20\n")
    raw.get_by_label("Body").press("Control+Enter")
    raw.locator(".refusal", has_text="400").wait_for()


def test_a_model_is_chosen(open_page: Open) -> None:
    page = open_page("demand")
    page.locator("#names").select_option("taxi")
    page.wait_for_url("**/?model=taxi")
    page.get_by_role("heading", name="Random Cut Forest").wait_for()
    page.wait_for_selector("#summary")


def test_an_algorithm_without_a_page_gets_the_text_box(open_page: Open) -> None:
    page = open_page("plain")
    page.get_by_label("Body").fill("1\n2\n3\n")
    page.get_by_role("button", name="Send").click()
    page.locator("pre", has_text='"mean": 3').wait_for()
