"""The report in a real browser; `make test-browser` has one, `make test` skips what needs it."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pairsift.report.page import render_page
from tests.unit.test_report_page import HOSTILE, OVERVIEW

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

BROWSER = shutil.which("chromium")
WANTED = bool(os.environ.get("PAIRSIFT_TEST_BROWSER"))

pytestmark = pytest.mark.browser
sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright: make test-browser")
if BROWSER is None and not WANTED:
    pytest.skip("needs the command chromium: make test-browser", allow_module_level=True)


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser: "Browser", tmp_path: Path) -> Iterator["Page"]:
    """The report with a hostile pair, opened on a phone's width; no error may reach the console."""
    card = replace(OVERVIEW.galleries[0].cards[0], caption=HOSTILE, key=HOSTILE)
    file = tmp_path / "report.html"
    file.write_text(render_page(replace(OVERVIEW, galleries=[replace(OVERVIEW.galleries[0], cards=[card])])))
    opened = browser.new_page(viewport={"width": 390, "height": 800})
    errors: list[str] = []
    opened.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    opened.close()
    assert errors == []


def test_the_slider_moves_the_cut_the_counts_and_the_bars(page: "Page"):
    slider = page.locator("#cut-slider")
    slider.focus()

    page.keyboard.press("End")

    assert page.locator("#cut-told").inner_text() == (
        "A cut at 1.00 keeps 5 of 8 survivors (62.5 %); of them about 1 (10.0 %) with an unrelated caption."
    )
    assert [bar.get_attribute("data-side") for bar in page.locator("[data-bin]").all()] == ["out", "kept"]
    page.keyboard.press("Home")
    assert "keeps 8 of 8" in page.locator("#cut-told").inner_text()


def test_hostile_text_is_shown_and_does_nothing(page: "Page"):
    assert 'alert("1")' in page.locator(".gallery p").inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_nothing_is_wider_than_a_phone(page: "Page"):
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_without_script_the_page_stands_and_has_no_dead_slider(browser: "Browser", tmp_path: Path):
    file = tmp_path / "report.html"
    file.write_text(render_page(OVERVIEW))
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(file.as_uri())

    assert page.locator("svg.chart").count() == 2
    assert not page.locator("#cut-slider").is_visible()
    context.close()
