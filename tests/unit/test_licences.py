"""Every licence of what is installed is known and allowed, and the page tells it."""

import importlib.util
import sys
from email.message import Message
from importlib.metadata import Distribution
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "licences.py"


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = importlib.util.spec_from_file_location("licences", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["licences"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def saying(name: str, **facts: str) -> Any:
    """A package that says this of itself."""
    message = Message()
    message["Name"] = name
    for key, value in facts.items():
        message[key.replace("_", "-")] = value

    class Said(Distribution):
        metadata = message  # type: ignore[assignment] # the old type of metadata

        def read_text(self, filename: str) -> str | None:  # noqa: ARG002 - it has no files
            return None

        def locate_file(self, path: Any) -> Any:
            return path

    return Said()


def test_the_page_is_up_to_date_and_all_is_allowed(licences: ModuleType, capsys: pytest.CaptureFixture[str]):
    code = licences.main(["--check"])

    assert (code, capsys.readouterr().out.split(" ", 1)[1]) == (0, "packages, all licences known and allowed\n")


@pytest.mark.parametrize(
    ("facts", "licence", "allowed"),
    [
        ({"License_Expression": "MIT AND PSF-2.0"}, "MIT AND PSF-2.0", True),
        ({"License_Expression": "MPL-2.0 AND (Apache-2.0 OR MIT)"}, "MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ({"License_Expression": "GPL-3.0-only", "License": "MIT"}, "GPL-3.0-only", False),
        ({"Classifier": "License :: OSI Approved :: MIT License"}, "MIT", True),
        ({"License": "Apache 2.0"}, "Apache-2.0", True),
        ({"License": "UNKNOWN"}, "UNKNOWN", False),
        ({}, "", False),
    ],
)
def test_a_package_is_allowed_by_what_it_says(
    licences: ModuleType, facts: dict[str, str], licence: str, *, allowed: bool
):
    package = licences.licence_of(saying("some.package", **facts))

    assert (package.name, package.licence) == ("some-package", licence)
    assert licences.allowed(package) is allowed


def test_a_page_that_is_out_of_date_is_told(
    licences: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(licences, "PAGE", tmp_path / "licences.md")
    licences.PAGE.write_text("old")
    monkeypatch.setattr(licences, "is_told_platform", lambda: True)
    here = licences.main(["--check"])
    monkeypatch.setattr(licences, "is_told_platform", lambda: False)
    elsewhere = licences.main(["--check"])

    assert (here, elsewhere) == (1, 0)
    assert "docs/licences.md is out of date" in capsys.readouterr().out
