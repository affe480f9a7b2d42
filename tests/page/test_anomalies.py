"""Random Cut Forest's page: the line, the zoom, attributions, episodes, and every kind of data."""

import csv
import json
import random
import struct
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Open, until
from tests.page.models import ROOT
from tests.page.test_forecasts import paste, slide

TAXI = ROOT / "algorithms" / "random_cut_forest" / "example" / "input" / "data" / "train" / "taxi.csv"


def rows_said(page: Page, count: str) -> str:
    until(page, f"document.querySelector('#summary').textContent.startsWith('{count} rows')")
    return str(page.locator("#summary").inner_text())


def episodes(page: Page) -> list[str]:
    found = page.get_by_role("region", name="Episodes").locator("tbody tr td:nth-child(4)").all_inner_texts()
    return [str(text) for text in found]


def test_the_slider_moves_the_line_and_the_episodes(open_page: Open) -> None:
    page = open_page("taxi")
    many = episodes(page)
    slide(page, "sigmas", 6)
    few = episodes(page)
    assert 0 < len(few) < len(many)
    assert "+ 6.0 ×" in page.locator("#summary").inner_text()
    assert few == many[: len(few)]  # the highest first


def test_dragging_zooms_and_buttons_and_keys_do(open_page: Open) -> None:
    page = open_page("taxi")
    table = page.locator("figure details")
    table.evaluate("details => (details.open = true)")
    caption = table.locator("p.note")
    whole = caption.inner_text()
    box = page.locator(".u-over").bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 100, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 100, steps=5)
    page.mouse.up()
    until(page, "before => document.querySelector('figure details p.note').textContent !== before", whole)
    zoomed = caption.inner_text()
    page.locator("#zoom-in").click()
    until(page, "before => document.querySelector('figure details p.note').textContent !== before", zoomed)
    page.locator("#zoom-whole").click()
    until(page, "before => document.querySelector('figure details p.note').textContent === before", whole)
    page.locator(".plot").focus()
    page.keyboard.press("+")
    until(page, "before => document.querySelector('figure details p.note').textContent !== before", whole)
    page.locator("#zoom-out").click()
    until(page, "before => document.querySelector('figure details p.note').textContent === before", whole)


def test_the_row_under_the_cursor_is_explained(open_page: Open) -> None:
    page = open_page("sensors")
    page.locator("#why", has_text="row").wait_for()
    first = page.locator("#why").inner_text()
    assert page.locator(".bars > span:nth-child(1)").inner_text() == "column 2"  # 20 % too high
    page.locator(".plot").hover()
    until(page, "before => document.querySelector('#why').textContent !== before", first)
    assert page.locator(".bars svg").count() == 3
    page.locator(".plot").focus()
    hovered = page.locator("#why").inner_text()
    page.keyboard.press("ArrowRight")
    until(page, "before => document.querySelector('#why').textContent !== before", hovered)


def test_columns_are_shown_and_hidden(open_page: Open) -> None:
    page = open_page("sensors")
    before = page.evaluate("document.querySelector('canvas').toDataURL()")
    page.get_by_label("column 2").uncheck()
    assert page.evaluate("document.querySelector('canvas').toDataURL()") != before
    assert "column 2" not in page.locator("figcaption").inner_text()


def test_episodes_are_sorted_downloaded_and_shown(open_page: Open, tmp_path: Path) -> None:
    page = open_page("taxi")
    scores = [float(score) for score in episodes(page)]
    assert scores == sorted(scores, reverse=True)
    page.get_by_role("button", name="highest score").click()
    assert [float(score) for score in episodes(page)] == sorted(scores)
    assert page.locator("th[aria-sort=ascending]").inner_text() == "highest score ↑"
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Download as CSV").click()
    waiting.value.save_as(tmp_path / "episodes.csv")
    rows = list(csv.DictReader((tmp_path / "episodes.csv").read_text().splitlines()))
    assert list(rows[0]) == ["from", "to", "rows above", "highest score", "value there"]
    assert [float(row["highest score"]) for row in rows] == pytest.approx(sorted(scores), rel=1e-3)
    last = page.get_by_role("region", name="Episodes").locator("tbody button").last
    last.click()
    assert "an anomaly" in page.locator(".readout").inner_text()


def test_ten_thousand_rows_with_times_are_picked_from_a_csv(
    open_page: Open, picture: Callable[[Page, str], None]
) -> None:
    page = open_page("taxi")
    lines = [
        f"{datetime(2014, 7, 1) + timedelta(minutes=30 * number)},{rides}"
        for number, rides in enumerate(TAXI.read_text().split()[:7000])
    ]
    text = "\n".join(["timestamp,value", *lines])
    page.locator("input[type=file]").set_input_files(
        {"name": "nyc_taxi.csv", "mimeType": "text/csv", "buffer": text.encode()}
    )
    rows_said(page, "7,000")
    assert "values from value; times from timestamp" in page.locator("#picked").inner_text()
    assert "2014-" in page.locator(".readout").inner_text()
    picture(page, "taxi-file")
    page.locator("#body").evaluate(
        """(field, text) => {
            const data = new DataTransfer();
            data.setData("text/plain", text);
            field.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
        }""",
        TAXI.read_text(),
    )
    rows_said(page, "10,320")
    assert "as pasted" in page.locator("#input").inner_text()


def test_the_columns_of_a_csv_are_picked_and_changed(open_page: Open, picture: Callable[[Page, str], None]) -> None:
    page = open_page("sensors")
    rows = [f"s{number},{20 + number % 3},{1000 + number % 5},{60 + number % 7},{number}" for number in range(200)]
    paste(page, "\n".join(["sensor,temperature,pressure,humidity,serial", *rows, "s,,1,1,1"]))
    rows_said(page, "200")
    said = page.locator("#picked").inner_text()
    assert "values from temperature, pressure, humidity" in said
    assert "1 row with missing values left out" in said
    picture(page, "sensors-picked")
    page.locator("#picks").get_by_role("checkbox", name="serial").check()
    page.wait_for_selector(".refusal")
    assert "Expected 3 columns, as the model has, got 4." in page.locator(".refusal").inner_text()
    page.locator("#picks").get_by_role("checkbox", name="humidity").uncheck()
    until(page, "document.querySelector('#picked').textContent.includes('temperature, pressure, serial')")


@pytest.mark.parametrize(
    "text", ["1;2;3\n4;5;6\n", "1,0;2,0;3,0\n4,0;5,0;6,0\n", "1\t2\t3\n4\t5\t6\n", "\n1,2,3\n\n4,5,6\n"]
)
def test_other_separators_become_commas(open_page: Open, text: str) -> None:
    page = open_page("sensors")
    with page.expect_request(lambda request: request.url.endswith("/invoke")) as waiting:
        paste(page, text)
    assert waiting.value.post_data == "1,2,3\n4,5,6\n"
    rows_said(page, "2")


def recordio(rows: list[list[float]]) -> bytes:
    """Dense records of float32."""

    def field(number: int, content: bytes) -> bytes:
        return bytes([number << 3 | 2, len(content)]) + content

    found = b""
    for row in rows:
        values = struct.pack(f"<{len(row)}f", *row)
        record = field(1, field(1, b"values") + field(2, field(2, field(1, values))))
        found += struct.pack("<II", 0xCED7230A, len(record)) + record + bytes(-len(record) % 4)
    return found


def test_json_json_lines_recordio_and_dropped_files_are_read(open_page: Open) -> None:
    page = open_page("sensors")
    some = random.Random(3)
    rows = [[round(some.gauss(20, 1), 2), 1000.0, 60.0] for _ in range(64)]
    paste(page, json.dumps({"instances": [{"features": row} for row in rows[:40]]}))
    rows_said(page, "40")
    sparse = {"data": {"features": {"keys": [0, 2], "shape": [3], "values": [20.0, 60.0]}}}
    paste(page, "\n".join([json.dumps({"features": row}) for row in rows[:41]] + [json.dumps(sparse)]))
    rows_said(page, "42")
    page.locator("input[type=file]").set_input_files(
        {"name": "rows.rec", "mimeType": "application/octet-stream", "buffer": recordio(rows)}
    )
    rows_said(page, "64")
    assert f"column 1 {rows[0][0]:.4g}" in read_first(page)
    page.evaluate(
        """text => {
            const data = new DataTransfer();
            data.items.add(new File([text], "dropped.csv", {type: "text/csv"}));
            for (const kind of ["dragenter", "dragover", "drop"])
                document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
        }""",
        "\n".join(",".join(map(str, row)) for row in rows[:50]),
    )
    rows_said(page, "50")
    assert "dropped.csv" in page.locator("#input").inner_text()
    assert page.locator("#drop").is_hidden()


def read_first(page: Page) -> str:
    page.locator(".plot").focus()
    page.keyboard.press("Home")
    return str(page.locator(".readout").inner_text())


@pytest.mark.parametrize(
    ("text", "sentence", "marked", "line"),
    [
        ("1,2,3\n4,x,6\n", "row 2, column 2: expected a number", "x", "2"),
        ("time,a,b,c\n2024-01-01,1,2,3\n2024-01-02,4,oops,6\n2024-01-03,1,2,3\n", "Line 3, column b", "oops", "3"),
        ("a;b;c\n1;2;3\n4;oops;6\n7;8;9\n", "Line 3, column b", "oops", "3"),
        ("1;2;3\n4;oops;6\n7;8;9\n", "Line 2, column 2: expected a number", "oops", "2"),
        ('a,b,c\n"1,5",2,3\n4,5,6\n7,8,9\n', "Line 2, column a", '"1,5"', "2"),
        ("1,2,3\n4,5\n", "row 2", "4,5", "2"),
        ('{"features": [1, 2, 3]}\n{"features": [1, "x", 3]}\n', "line 2", '"x"', "2"),
    ],
)
def test_a_refusal_is_shown_at_its_place(open_page: Open, text: str, sentence: str, marked: str, line: str) -> None:
    page = open_page("sensors")
    paste(page, text)
    page.wait_for_selector(".refusal mark")
    assert sentence in page.locator(".refusal").inner_text()
    assert page.locator(".refusal mark").inner_text() == marked
    assert page.locator(".refusal .line").inner_text().strip(" │") == line


def test_markup_in_data_stays_text(open_page: Open) -> None:
    page = open_page("sensors")
    name = "<img src=x onerror=alert(1)>"
    paste(page, f"{name},b,c\n1,2,3\n4,5,6\n7,8,9\n")
    rows_said(page, "3")
    assert page.locator("img[src=x]").count() == 0
    assert name in page.locator("#columns").inner_text()
