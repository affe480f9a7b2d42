"""Every page in both themes on a desktop and on a phone: nothing fails, overflows or is out of reach."""

import json
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.page.conftest import DESKTOP, PHONE, PICTURES, Open

LARGEST_PAGE = 150_000  # bytes that are sent, with the example
NAMES = ("demand", "features", "taxi", "sensors", "translator", "plain")
SERIOUS = ("serious", "critical")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", NAMES)
def test_a_page_opens_with_its_example_answered(
    open_page: Open, picture: Callable[[Page, str], None], name: str, scheme: str, size: tuple[int, int]
) -> None:
    page = open_page(name, size, scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    picture(page, f"{name}-{scheme}-{'desktop' if size == DESKTOP else 'phone'}")
    if (scheme, size) == ("dark", PHONE):
        return  # its colours are the dark desktop's, its layout the light phone's
    page.evaluate("document.querySelectorAll('details').forEach(each => (each.open = true))")
    found = Axe().run(page).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found if each["impact"] in SERIOUS] == []
    if name not in ("translator", "plain"):  # which have no charts
        assert page.locator("canvas").count() >= 1
        assert page.locator("figure tbody tr").count() > 10
        labels = page.locator("[role=img].plot").evaluate_all("nodes => nodes.map(node => node.ariaLabel)")
        assert all(len(label) > 30 for label in labels)


def test_motion_that_is_not_wanted_is_left_out(open_page: Open) -> None:
    page = open_page("demand", reduced_motion="reduce")
    assert page.evaluate("getComputedStyle(document.getElementById('status'), '::before').transitionDuration") == "0s"


def test_the_page_is_light_and_asks_this_server_alone(open_page: Open, alone: str) -> None:
    """What it weighs, and when it first painted, is written beside the screenshots."""
    page = open_page("", url=alone)
    sizes = page.evaluate(
        "[...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')]"
        ".map(entry => [entry.name, entry.transferSize, entry.initiatorType])"
    )
    assert all(name.startswith(alone) for name, _, _ in sizes)
    loaded = sum(size for name, size, _ in sizes if not name.endswith(("/ping", "/invocations")))
    assert loaded < LARGEST_PAGE
    paint = page.evaluate("performance.getEntriesByType('paint').map(entry => [entry.name, entry.startTime])")
    PICTURES.mkdir(parents=True, exist_ok=True)
    report = {"bytes": loaded, "milliseconds": dict(paint)}
    (PICTURES / "figures.json").write_text(json.dumps(report, indent=2) + "\n")
