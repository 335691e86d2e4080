"""A real browser for tests: `make test-browser` has one, `make test` skips what needs it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = shutil.which("chromium")
WANTED = bool(os.environ.get("PAIRSIFT_TEST_BROWSER"))
"""Whether what is missing is a failure instead of a reason to skip."""

GRAVE = ("serious", "critical")


@contextmanager
def open_browser() -> Iterator["Browser"]:
    """Open chromium without a window; skip the test where there is none and none is asked for."""
    if not WANTED:
        pytest.importorskip("playwright.sync_api", reason="needs playwright: make test-browser")
        pytest.importorskip("axe_playwright_python", reason="needs axe-playwright-python: make test-browser")
        if CHROMIUM is None:
            pytest.skip("needs the command chromium: make test-browser")
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - of the extra `browser`

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


def note_errors(page: "Page") -> list[str]:
    """Give a list into which everything goes that the page calls an error from now on."""
    errors: list[str] = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    return errors


def grave_issues(page: "Page") -> list[str]:
    """Name what axe-core finds serious or critical on the page as it stands, each with the element that has it."""
    from axe_playwright_python.sync_playwright import Axe  # noqa: PLC0415 - of the extra `browser`

    found = Axe().run(page).response["violations"]
    grave = [issue for issue in found if issue["impact"] in GRAVE]
    return [f"{issue['id']}: {node['html'][:200]}" for issue in grave for node in issue["nodes"]]
