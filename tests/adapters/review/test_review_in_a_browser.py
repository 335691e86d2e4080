"""The review in a real browser; `make test-browser` has one, `make test` skips what needs it."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING, Literal

import pytest
import uvicorn
from sqlalchemy import Engine, select

from pairsift.adapters.browsed import Browsed
from pairsift.adapters.policies import find_policy
from pairsift.adapters.store.tables import label
from pairsift.core.policy_versions import knob_of
from pairsift.review.access import open_access
from pairsift.review.app import make_app
from pairsift.review.desk import Desk
from pairsift.review.serving import listen
from tests.adapters.review.stored import uid_of
from tests.browser import grave_issues, note_errors

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser


@contextmanager
def served(engine: Engine) -> Iterator[str]:
    """Serve a review that may write, at a free port of this machine; give its address."""
    desk = Desk(Browsed(engine, "cats"), open_access("127.0.0.1", [], None, write=True, reviewer="ada"))
    listening, address = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(make_app(desk), lifespan="off", log_level="warning"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield address.rstrip("/")
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture
def page(browser: "Browser", engine: Engine) -> Iterator["Page"]:
    """A page of a running review; no error may reach the console."""
    with served(engine) as address:
        opened = browser.new_page(base_url=address, viewport={"width": 1200, "height": 900})
        opened.set_default_timeout(10_000)
        errors = note_errors(opened)
        yield opened
        opened.close()
        assert errors == []


def said(engine: Engine) -> list[tuple[bool, bool]]:
    with engine.connect() as connection:
        rows = connection.execute(select(label.c.good, label.c.drawn).order_by(label.c.id))
        return [(row.good, row.drawn) for row in rows]


def test_filters_and_pages_change_the_pairs_and_the_address(page: "Page"):
    page.goto("/")
    page.get_by_label("Sorted by").select_option("pair.alignment")
    page.wait_for_url("**sort=pair.alignment**")
    page.get_by_label("Text in key or caption").fill("of b")
    page.locator("#told", has_text="40 of 80 pairs, here 1 to 24").wait_for()

    page.get_by_role("link", name="Later").click()
    page.locator("#told", has_text="40 of 80 pairs, here 25 to 40").wait_for()

    assert page.locator(".caption").first.inner_text() == "A picture no. 15 of b"
    assert page.evaluate("document.activeElement.id") == "told"
    page.locator("#status", has_text="40 of 80 pairs, here 25 to 40").wait_for()
    page.go_back()
    page.locator("#told", has_text="here 1 to 24").wait_for()
    page.reload()
    assert page.get_by_label("Text in key or caption").input_value() == "of b"


def test_one_key_labels_and_others_move(page: "Page", engine: Engine):
    page.goto("/")
    page.locator("[data-open]").first.focus()
    page.keyboard.press("g")
    page.locator("[data-pair]").first.get_by_text("good", exact=True).wait_for()

    page.keyboard.press("j")
    page.keyboard.press("b")
    page.locator("[data-pair]").nth(1).get_by_text("bad", exact=True).wait_for()
    page.locator("#status", has_text="bad").wait_for()
    page.keyboard.press("k")
    page.keyboard.press("Enter")
    page.wait_for_url("**/pairs/**")

    assert said(engine) == [(True, False), (False, False)]
    assert "key-00" in page.locator("h1").inner_text()


def test_a_drawn_sample_is_labelled_key_after_key(page: "Page", engine: Engine):
    page.goto("/label")
    for number, key in enumerate("ggb", start=1):
        page.keyboard.press(key)
        page.locator("#queue").get_by_text(f"{number} of 56 are labelled").wait_for()

    assert said(engine) == [(True, True), (True, True), (False, True)]
    assert "66.7 % good" in page.locator("#precision").inner_text()


def test_typing_in_a_field_labels_nothing(page: "Page", engine: Engine):
    page.goto("/")
    page.get_by_label("Text in key or caption").press_sequentially("bg")
    page.locator("#told", has_text="0 of 80 pairs").wait_for()

    assert said(engine) == []


def test_the_slider_tells_counts_and_moves_what_would_be_saved(page: "Page", engine: Engine):
    page.goto("/cut")
    page.locator("#cut-slider").focus()
    page.keyboard.press("Home")

    assert "keeps 76 of 76 survivors (100.0 %)" in page.locator("#cut-told").inner_text()
    assert "with an unrelated caption" in page.locator("#cut-told").inner_text()
    page.get_by_label("Note: why").fill("more")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="Saved as my-default@1").wait_for()
    knob = knob_of(find_policy(engine, "my-default@1"))
    assert knob is not None
    assert knob.value > 0.05


def test_the_slider_leads_to_the_pairs_below_it(page: "Page"):
    page.goto("/cut")
    page.locator("#cut-slider").focus()
    page.keyboard.press("End")
    page.locator("#cut-look").click()

    page.locator("#told").wait_for()
    assert page.locator(".caption").first.inner_text() == "A picture no. 37 of a"


def test_hostile_text_is_shown_and_does_nothing(page: "Page"):
    page.goto("/?sort=z+of+pair.alignment")

    assert 'alert("1")' in page.locator(".caption").first.inner_text()
    assert page.locator("img[src=x]").count() == 0
    page.locator("[data-open]").first.click()
    assert "\\u{202e}" in page.locator(".caption").inner_text()


PAGES = ["/", "/cut", "/compare", "/label", "/policy", f"/pairs/{uid_of(1, 30)}"]


@pytest.mark.parametrize("path", [*PAGES, "/login", "/policies"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_grave(page: "Page", path: str, scheme: Literal["light", "dark"]):
    page.emulate_media(color_scheme=scheme)
    if path == "/policies":
        page.goto("/cut")
        page.get_by_label("Note: why").fill("more")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("heading", name="Saved as").wait_for()
    else:
        page.goto(path, wait_until="networkidle")

    assert grave_issues(page) == []


@pytest.mark.parametrize("path", PAGES)
def test_nothing_is_wider_than_a_phone_and_every_picture_is_there(page: "Page", path: str):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(path, wait_until="networkidle")

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    seen = "[...document.images].filter((image) => image.complete)"
    assert page.evaluate(f"{seen}.every((image) => image.naturalWidth > 0 && image.alt && image.width > 0)")


def test_nothing_moves_when_pictures_arrive(page: "Page"):
    page.add_init_script(
        "window.moved = 0; new PerformanceObserver((list) => { for (const entry of list.getEntries()) "
        "window.moved += entry.value; }).observe({type: 'layout-shift', buffered: true});"
    )
    for path in ("/", "/label"):
        page.goto(path, wait_until="networkidle")

        assert page.evaluate("window.moved") < 0.01


def test_all_but_the_slider_works_without_script(browser: "Browser", engine: Engine):
    with served(engine) as address:
        context = browser.new_context(java_script_enabled=False, base_url=address)
        page = context.new_page()

        page.goto("/")
        page.get_by_label("Reason").select_option("blurry")
        page.get_by_role("button", name="Show").click()
        assert page.locator("#told").inner_text() == "2 of 80 pairs, here 1 to 2"
        page.get_by_role("button", name="Bad").first.click()
        assert page.locator("#told").inner_text() == "2 of 80 pairs, here 1 to 2"
        page.goto("/cut")
        assert not page.locator("#cut-slider").is_visible()
        page.get_by_label("alpha").fill("0.2")
        page.get_by_label("Note: why").fill("more")
        page.get_by_role("button", name="Save").click()
        assert page.locator("h1").inner_text() == "Saved as my-default@1"
        context.close()

    assert said(engine) == [(False, False)]
