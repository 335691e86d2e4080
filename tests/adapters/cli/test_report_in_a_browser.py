"""The report in a real browser; `make test-browser` has one, `make test` skips what needs it."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from pairsift.core.overview import CopyGroup, Gallery, Overview
from pairsift.report.page import render_page
from tests.browser import grave_issues, note_errors
from tests.unit.test_report_page import CARD, COPY, HOSTILE, OVERVIEW

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

WHOLE = replace(
    OVERVIEW,
    reasons={**OVERVIEW.reasons, "exact_duplicate": 8},
    galleries=[
        *OVERVIEW.galleries,
        Gallery("blurry", "blurry", [replace(CARD, picture=None, unseen="blurry", verdict="drop", reason="blurry")]),
        Gallery("exact_duplicate", "exact_duplicate", groups=[CopyGroup(CARD, [COPY], 7)]),
    ],
)
"""A report with everything that a report can have."""


def written(overview: Overview, folder: Path) -> str:
    """Write the report, and give its address."""
    file = folder / "report.html"
    file.write_text(render_page(overview), encoding="utf-8")
    return file.as_uri()


@pytest.fixture
def page(browser: "Browser", tmp_path: Path) -> Iterator["Page"]:
    """The report with a hostile pair, opened on a phone's width; no error may reach the console."""
    card = replace(CARD, caption=HOSTILE, key=HOSTILE)
    hostile = replace(WHOLE, galleries=[Gallery("Best of the kept", None, [card]), *WHOLE.galleries[1:]])
    opened = browser.new_page(viewport={"width": 390, "height": 800})
    errors = note_errors(opened)
    opened.goto(written(hostile, tmp_path))
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
    assert 'alert("1")' in page.locator(".gallery p").first.inner_text()
    assert page.locator("img[src=x]").count() == 0


def test_nothing_is_wider_than_a_phone(page: "Page"):
    assert page.evaluate("document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_finds_nothing_grave(browser: "Browser", tmp_path: Path, colours: Literal["light", "dark"], width: int):
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=colours)
    page.goto(written(WHOLE, tmp_path))

    assert grave_issues(page) == []
    page.close()


def test_axe_would_find_what_is_grave(browser: "Browser"):
    page = browser.new_page()
    page.set_content('<html lang="en"><title>x</title><main><img src="data:,"><p style="color:#ccc">pale</p></main>')

    assert [issue.partition(":")[0] for issue in grave_issues(page)] == ["color-contrast", "image-alt"]
    page.close()


def test_the_other_signals_open_by_the_keyboard(page: "Page"):
    summary = page.locator("details.bare summary")
    summary.focus()

    page.keyboard.press("Enter")

    assert page.locator("details.bare figure").is_visible()


def test_in_print_all_is_shown_but_the_slider(browser: "Browser", tmp_path: Path):
    page = browser.new_page()
    page.emulate_media(media="print")
    page.goto(written(WHOLE, tmp_path))

    assert not page.locator("#cut-slider").is_visible()
    assert page.locator("details.bare figure").is_visible()
    assert page.locator("details pre").last.is_visible()
    page.close()


def test_without_script_the_page_stands_and_has_no_dead_slider(browser: "Browser", tmp_path: Path):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()

    page.goto(written(OVERVIEW, tmp_path))

    assert page.locator("svg.chart").count() == 3
    assert not page.locator("#cut-slider").is_visible()
    context.close()
