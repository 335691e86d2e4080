"""What tests of several folders share: a storage of their own, and the command line."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pairsift.cli import main
from tasks import workplace
from tests.browser import open_browser
from tests.command_line import Command

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from tests.int8_clip import Int8Clip
    from tests.object_store import Store


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the process a storage folder of its own; the database in it comes with the first run."""
    folder = tmp_path / "storage"
    monkeypatch.delenv("PAIRSIFT_DATABASE_URL", raising=False)
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(folder))
    yield folder
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(folder))
    workplace.store().dispose()


@pytest.fixture(scope="session")
def int8_clip(tmp_path_factory: pytest.TempPathFactory) -> "Int8Clip":
    """Quantise a tiny model of open_clip on the sample: some seconds, once."""
    from tests.int8_clip import make_int8  # noqa: PLC0415 - torch, which most tests need not

    return make_int8(tmp_path_factory.mktemp("int8"))


@pytest.fixture(scope="session")
def object_store() -> Iterator["Store"]:
    """Start an S3 server with a proxy before it: some seconds, once."""
    from tests.object_store import open_store  # noqa: PLC0415 - moto, which most tests need not

    with open_store() as store:
        yield store


@pytest.fixture
def bucket(object_store: "Store") -> Iterator["Store"]:
    """Give the test an empty bucket, `s3://bucket`."""
    from tests.object_store import emptied  # noqa: PLC0415 - see object_store

    with emptied(object_store) as store:
        yield store


@pytest.fixture
def pairsift(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command in this process; return its exit code, standard output and standard error."""

    def command(*arguments: Any) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pairsift", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    return command


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Open a browser once a module: Playwright's event loop would be in the way of other tests."""
    with open_browser() as opened:
        yield opened
