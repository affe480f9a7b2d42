"""DeepAR's page: what its controls ask for, and what is drawn."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page

from tests.page.conftest import Open, until
from tests.page.models import featured

PIXELS = "document.querySelector('canvas').toDataURL()"


def asked(page: Page, act: Callable[[], object]) -> Any:
    """The request that an act of the user leads to."""
    with page.expect_request(lambda request: request.url.endswith("/invoke")) as waiting:
        act()
    until(page, "document.querySelector('#asked b').textContent === '200'")
    return json.loads(waiting.value.post_data or "")


def slide(page: Page, name: str, value: float) -> None:
    page.locator(f"#{name}").evaluate(
        "(input, value) => { input.value = value; input.dispatchEvent(new Event('input', {bubbles: true})) }",
        str(value),
    )


def paste(page: Page, text: str) -> None:
    page.locator("#body").fill(text)


def test_a_moved_slider_asks_again_and_what_is_drawn_changes(open_page: Open) -> None:
    page = open_page("demand")
    before = page.evaluate(PIXELS)
    request = asked(page, lambda: slide(page, "confidence", 95))
    assert request["configuration"]["quantiles"] == ["0.025", "0.5", "0.975"]
    until(page, f"{PIXELS} !== {json.dumps(before)}")
    assert "2.5 % to 97.5 %" in page.locator("figcaption", has_text="median").inner_text()
    assert asked(page, lambda: slide(page, "samples", 250))["configuration"]["num_samples"] == 250
    target = asked(page, lambda: slide(page, "missing", 50))["instances"][0]["target"]
    assert 0.4 < target.count(None) / len(target) < 0.6
    page.locator("#confidence").focus()
    request = asked(page, lambda: page.keyboard.press("ArrowLeft"))
    assert request["configuration"]["quantiles"] == ["0.03", "0.5", "0.97"]


def test_the_newest_of_many_moves_is_what_stays(open_page: Open) -> None:
    page = open_page("demand")
    for value in range(60, 91):
        slide(page, "confidence", value)
    until(page, "document.querySelector('figcaption:has(.key)').textContent.includes('5 % to 95 %')")
    assert page.locator("#confidence").evaluate("input => input.value") == "90"


def test_history_and_paths_are_drawn_anew_without_a_request(open_page: Open) -> None:
    page = open_page("demand")
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if "invoke" in request.url else None)
    before = page.evaluate(PIXELS)
    slide(page, "history", 20)
    shorter = page.evaluate(PIXELS)
    page.get_by_label("sample paths").uncheck()
    assert len({before, shorter, page.evaluate(PIXELS)}) == 3
    assert sent == []


def test_a_series_and_its_category_are_chosen(open_page: Open) -> None:
    page = open_page("demand")
    request = asked(page, lambda: page.locator("#series").select_option("series 3"))
    other = request["instances"][0]["cat"][0]
    assert asked(page, lambda: page.locator("#category").select_option(str((other + 1) % 3)))["instances"][0][
        "cat"
    ] == [(other + 1) % 3]


def test_arrow_keys_read_the_values_and_the_table_has_them(open_page: Open) -> None:
    page = open_page("demand")
    page.get_by_role("img", name="Forecast of 36 steps").focus()
    page.keyboard.press("End")
    page.keyboard.press("Shift+ArrowLeft")
    page.keyboard.press("ArrowRight")
    read = page.locator(".readout", has_text="median").first.inner_text()
    assert "10–90 %" in read
    assert "actual" in read
    page.locator("details", has_text="The same as a table").first.evaluate("details => (details.open = true)")
    rows = page.locator("#view tbody tr")
    assert read.split(": ")[0] in rows.nth(144 + 36 - 10).inner_text() if rows.count() > 144 else rows.count() == 100


def test_every_dynamic_feature_is_drawn(open_page: Open) -> None:
    page = open_page("features")
    assert page.locator("figcaption strong", has_text="Dynamic feature").count() == 2


def test_a_wide_csv_is_a_series_a_column_and_held_out_values_are_compared(
    open_page: Open, picture: Callable[[Page, str], None]
) -> None:
    page = open_page("demand")
    lines = [f"2024-01-{1 + hour // 24:02}T{hour % 24:02}:00,{hour % 24},{100 + hour % 24}" for hour in range(480)]
    request = asked(page, lambda: paste(page, "\n".join(["time,north,south", *lines])))
    assert "values from north, south" in page.locator("#picked").inner_text()
    target = request["instances"][0]["target"]
    assert request["instances"][0]["start"] == "2024-01-01 00:00:00"
    assert target[:3] == [0.5, 2.5, 4.5]  # the means of two hours each
    assert len(target) == 240 - 36
    assert page.locator("#series").locator("option").all_inner_texts() == ["north", "south"]
    picture(page, "demand-pasted")
    whole = asked(page, lambda: page.get_by_label("hold out").uncheck())
    assert len(whole["instances"][0]["target"]) == 240


def test_a_long_csv_is_a_series_a_name(open_page: Open) -> None:
    page = open_page("demand")
    lines = [f"{name},2024-01-{1 + day:02} 00:00:00,{day}" for name in ("a", "b") for day in range(20)]
    request = asked(page, lambda: paste(page, "\n".join(["unique_id,ds,y", *lines])))
    assert page.locator("#series").locator("option").all_inner_texts() == ["a", "b"]
    target = request["instances"][0]["target"]
    assert target[:13] == [0, *[None] * 11, 1]
    again = asked(page, lambda: page.locator("#series-by").select_option("none"))
    assert again["instances"][0]["target"][12] == 1


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ds,y\n2024-01-01 01:00+01:00,1\n2024-01-01 02:00Z,2\n2024-01-01 04:00:00+0000,3\n", "times from ds"),
        ("ds;y\n2024-01-01 00:00;1,0\n2024-01-01 02:00;2,0\n2024-01-01 04:00;3,0\n", "values from y"),
        ("timestamp,y\n1704067200,1\n,9\n1704074400,2\n1704081600,3\n", "1 row without a time left out"),
        ("time,y\n2024-01-01 00:00,1\n2024-01-01 02:00,2\n,9\n2024-01-01 04:00,3\n", "1 row without a time left out"),
    ],
    ids=["offsets", "decimal comma", "a Unix time is missing", "a time is missing"],
)
def test_times_and_numbers_as_people_write_them(open_page: Open, text: str, said: str) -> None:
    page = open_page("demand")
    [instance] = asked(page, lambda: paste(page, text))["instances"]
    assert instance["start"] == "2024-01-01 00:00:00"
    assert instance["target"] == [1, 2, 3]
    assert said in page.locator("#picked").inner_text()


@pytest.mark.parametrize(
    ("text", "sentence", "marked"),
    [
        (
            "date,y\n31/01/2024 14:00,1\n31/01/2024 16:00,2\n",
            "Line 2, column date: expected a time",
            "31/01/2024 14:00",
        ),
        ("when,y\n2024-01-01,1\n2024-01-02,2\nlater,3\n", "Line 4, column when: expected a time", "later"),
        ("time;a;b\n2024-01-01;1;2\n2024-01-02;3;oops\n2024-01-03;4;5\n", "Line 3, column b", "oops"),
    ],
)
def test_a_fault_of_a_csv_is_shown_at_its_cell(open_page: Open, text: str, sentence: str, marked: str) -> None:
    page = open_page("demand")
    asked(page, lambda: paste(page, "1\n2\n3\n"))
    paste(page, text)
    page.wait_for_selector(".refusal mark")
    assert sentence in page.locator(".refusal").inner_text()
    assert page.locator(".refusal mark").inner_text() == marked
    assert page.locator("#picked").inner_text() == ""  # what was read of the data before


def test_the_newest_data_is_what_stays(open_page: Open) -> None:
    page = open_page("demand")
    series = {"start": "2024-01-01 00:00:00", "target": [*range(1000)], "cat": [0]}
    many, one = (json.dumps({"instances": [series] * count}) for count in (200, 1))
    page.evaluate(
        """texts => {
            for (const text of texts) {
                const data = new DataTransfer();
                data.setData("text/plain", text.padEnd(6000));
                const event = new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true});
                document.querySelector("#body").dispatchEvent(event);
            }
        }""",
        [many, one],
    )
    until(page, "document.querySelector('#picked').textContent.startsWith('1 series')")
    page.wait_for_timeout(2000)  # by when the answer to the first has come
    assert page.locator("#picked").inner_text().startswith("1 series")


def test_a_value_without_neighbours_is_drawn(open_page: Open) -> None:
    page = open_page("demand")
    page.get_by_label("sample paths").uncheck()
    target = [5.0 if step % 9 == 0 else None for step in range(1200)]
    asked(page, lambda: paste(page, json.dumps({"start": "2024-01-01", "target": target, "cat": [0]})))
    slide(page, "history", 1100)
    black = """() => {
        const canvas = document.querySelector("canvas");
        const {data, width} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
        const columns = new Set();
        for (let at = 0; at < data.length; at += 4)
            if (data[at + 3] > 200 && data[at] < 60 && data[at + 1] < 60 && data[at + 2] < 60)
                columns.add((at / 4) % width);
        return columns.size;
    }"""
    assert page.evaluate(black) > 100


def test_features_of_a_csv_reach_into_the_future(open_page: Open) -> None:
    page = open_page("features")
    series: Any = featured()[0]
    target, (holiday, price) = series["target"], series["dynamic_feat"]
    rows = [
        f"{number},{'' if number >= 286 else target[number]},{holiday[number]},{price[number]}" for number in range(300)
    ]
    request = asked(page, lambda: paste(page, "\n".join(["step,sales,holiday,price", *rows])))
    # A column of consecutive numbers is a column of numbers: the user picks the values.
    request = asked(page, lambda: page.locator("#values").select_option("sales"))
    assert len(request["instances"][0]["dynamic_feat"]) == 2


def test_json_and_json_lines_are_read(open_page: Open) -> None:
    page = open_page("demand")
    one = {"start": "2024-01-01 00:00:00", "target": [*range(100)], "cat": [1]}
    request = asked(page, lambda: paste(page, json.dumps({"instances": [one], "configuration": {"num_samples": 7}})))
    assert request["instances"][0]["cat"] == [1]
    lines = "\n".join(json.dumps(one | {"cat": [number]}) for number in range(3))
    page.locator("#body").fill(lines)
    until(page, "document.querySelector('#picked').textContent.startsWith('3 series')")


def test_a_refusal_is_shown_at_its_place(open_page: Open, picture: Callable[[Page, str], None]) -> None:
    page = open_page("demand")
    first = '{"start": "2024-01-01", "target": [1, 2], "cat": [0]}'
    second = '{"start": "2024-01-01", "target": [1, "x", 3], "cat": [0]}'
    paste(page, f'{{"instances": [\n{first},\n{second}]}}')
    page.wait_for_selector(".refusal mark")
    assert "instances[1].target[1]" in page.locator(".refusal").inner_text()
    assert page.locator(".refusal mark").inner_text() == '"x"'
    assert page.locator(".refusal .line").inner_text().startswith("3")
    page.get_by_role("button", name="Show it in the data").click()
    selected = "field => field.value.slice(field.selectionStart, field.selectionEnd)"
    assert page.locator("#body").evaluate(selected) == '"x"'
    picture(page, "demand-refused")
    page.get_by_role("button", name="Back to the example").click()
    until(page, "!document.querySelector('.refusal')")
