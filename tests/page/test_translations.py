"""Sequence to Sequence's page: the box, the translations, the heat map, and every kind of data."""

import json

from playwright.sync_api import Page

from tests.page.conftest import Open, until
from tests.page.test_forecasts import paste, slide


def translations(page: Page, count: int) -> list[str]:
    until(page, f"document.querySelectorAll('#translations li').length === {count}")
    return [str(text) for text in page.locator("#translations li").all_inner_texts()]


def test_what_is_typed_is_translated_and_its_attention_shown(open_page: Open) -> None:
    page = open_page("translator")
    page.locator("#sentences").fill("I love you.\nTom is here.")
    first, second = translations(page, 2)
    assert first
    assert second
    page.locator("#translations button").nth(1).click()
    assert page.locator("#translations button").nth(1).get_attribute("aria-pressed") == "true"
    heads = page.locator("#attention thead th").all_inner_texts()
    assert "".join(heads) == "Tomishere."
    rows = page.locator("#attention tbody tr")
    for row in range(rows.count()):
        percents = [int(text) for text in rows.nth(row).locator("td").all_inner_texts()]
        assert len(percents) == len(heads)
        assert abs(sum(percents) - 100) <= len(percents)
    assert page.locator("#others li").count() == 4
    slide(page, "beam", 2)
    until(page, "document.querySelectorAll('#others li').length === 1")


def test_a_request_and_lines_of_text_are_read_and_a_refusal_is_shown(open_page: Open) -> None:
    page = open_page("translator")
    paste(page, json.dumps({"instances": [{"data": "You are late."}]}))
    until(page, "document.querySelector('#sentences').value === 'You are late.'")
    paste(page, "I am here.\nYou are here.\nTom is late.\n")
    assert len(translations(page, 3)) == 3
    page.locator("#sentences").fill("word " * 2000)
    until(page, "document.querySelector('#sentence-refusal').textContent.includes('at most 1000 tokens')")
    page.locator("#sentences").fill("I am late.")
    translations(page, 1)
    assert page.locator("#sentence-refusal").inner_text() == ""
    paste(page, '{"instances": [{"dat": "x"}]}')
    until(page, "document.querySelector('#input [role=alert]').textContent.includes('did you mean data?')")
