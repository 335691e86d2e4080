"""Take the README's pictures, in docs/pictures/: the sample, curated on a real Prefect server, as chromium shows it.

All of it happens in a folder of its own that is gone afterwards. Nothing but the loopback address is loaded: a page
that asks for anything else does without, and what it asked for is printed.
"""

import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image
from playwright.sync_api import Route, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "pictures"
SHARDS = ROOT / "examples" / "sample" / "shards"
COMMANDS = Path(sys.executable).parent
CHROMIUM = shutil.which("chromium")

MOST_BYTES = 200_000
QUALITIES = (90, 80, 70, 60, 50)
START_S, END_S = 120, 30
SETTLE_MS = 2_000
"""The run graph moves into place for a second after it is there."""


@dataclass(frozen=True, slots=True)
class Curated:
    """The sample as it was curated: its Prefect server's page, its flow run, its report and its review page."""

    server: str
    flow_run: str
    report: Path
    review: str


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture of the README: of a page in a window of this size (px), or of the one part of it that is named.

    `ready` is what the page has when it can be taken.
    """

    name: str
    address: Callable[[Curated], str]
    ready: str
    width: int
    height: int
    part: str | None = None


def prefect_page(made: Curated) -> str:
    """Give the address of the run's page in Prefect's UI."""
    return f"{made.server}/runs/flow-run/{made.flow_run}"


def report_page(made: Curated) -> str:
    """Give the address of the run's report."""
    return made.report.as_uri()


def review_page(made: Curated) -> str:
    """Give the address of the pairs on either side of the cut."""
    return f"{made.review}/?sort=z+of+pair.alignment&after=0.9"


PICTURES = (
    Picture("prefect-run", prefect_page, "canvas", 1280, 512),
    Picture("report", report_page, "svg.chart", 1120, 1330),
    Picture("report-pairs", report_page, "svg.chart", 1120, 900, part="section:has(#lowest-scores-left-out)"),
    Picture("review", review_page, "[data-pair]", 1120, 900),
)


def main() -> None:
    """Curate the sample and take every picture."""
    if CHROMIUM is None:
        raise SystemExit("the command chromium is needed: apt install chromium")
    with (
        tempfile.TemporaryDirectory(prefix="pairsift-screenshots-") as name,
        prefect_server(Path(name)) as server,
        curated(Path(name), server) as made,
    ):
        for picture, data in taken(made, PICTURES):
            target = FOLDER / f"{picture.name}.webp"
            target.write_bytes(data)
            print(f"{target.relative_to(ROOT)}: {len(data):,} bytes")


@contextmanager
def prefect_server(folder: Path) -> Iterator[str]:
    """Run a Prefect server with a database of its own; give its address."""
    port = free_port()
    server = f"http://127.0.0.1:{port}"
    command = [str(COMMANDS / "prefect"), "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with serving(command, _variables(folder, server), folder / "server.log", f"{server}/api/health"):
        yield server


@contextmanager
def serving(command: Sequence[str], variables: Mapping[str, str], log: Path, address: str) -> Iterator[None]:
    """Run a command until this is left, once an address of it answers."""
    with log.open("wb") as output:
        running = subprocess.Popen(command, env=variables, stdout=output, stderr=output, start_new_session=True)
    try:
        _wait_for(running, address, log)
        yield
    finally:
        os.killpg(running.pid, signal.SIGTERM)
        try:
            running.wait(END_S)
        except subprocess.TimeoutExpired:
            os.killpg(running.pid, signal.SIGKILL)


def free_port() -> int:
    """Find a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def curated(folder: Path, server: str) -> Iterator[Curated]:
    """Curate the sample by the command that everyone types, and have it reviewed until this is left."""
    command = [str(COMMANDS / "pairsift"), "run", str(SHARDS), "--dataset", "sample", "--json"]
    done = subprocess.run(command, env=_variables(folder, server), cwd=folder, stdout=subprocess.PIPE, check=True)
    told: dict[str, Any] = json.loads(done.stdout)
    port = str(free_port())
    review = [str(COMMANDS / "pairsift"), "review", "sample", "--write", "--reviewer", "ada", "--port", port]
    address = f"http://127.0.0.1:{port}"
    with serving(review, _variables(folder, server), folder / "review.log", address):
        yield Curated(server, told["run"], Path(told["report"]), address)


def taken(made: Curated, pictures: Sequence[Picture]) -> Iterator[tuple[Picture, bytes]]:
    """Open every page in a browser of 1:1 pixels and light colours, and give its picture as a WebP file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for picture in pictures:
            page = browser.new_page(viewport={"width": picture.width, "height": picture.height}, color_scheme="light")
            page.route("**/*", _only_loopback)
            page.goto(picture.address(made))
            page.locator(picture.ready).first.wait_for()
            page.wait_for_timeout(SETTLE_MS)
            shown = page.screenshot() if picture.part is None else page.locator(picture.part).screenshot()
            yield picture, _encoded(shown)
            page.close()
        browser.close()


def _variables(folder: Path, server: str) -> dict[str, str]:
    """Give the environment without what it says of Prefect and Pairsift, and with what is to be used."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "PAIRSIFT_"))}
    return inherited | {
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": f"{server}/api",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PAIRSIFT_STORAGE": str(folder / "pairsift-data"),
    }


def _wait_for(running: subprocess.Popen[bytes], address: str, log: Path) -> None:
    deadline = time.monotonic() + START_S
    while running.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(address, timeout=5).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.5)
    raise SystemExit(f"{address} does not answer:\n{log.read_text(errors='replace')}")


def _only_loopback(route: Route) -> None:
    if urlsplit(route.request.url).hostname in (None, "127.0.0.1"):
        route.continue_()
        return
    print(f"not loaded: {route.request.url}")
    route.abort()


def _encoded(png: bytes) -> bytes:
    """Encode a screenshot at the best quality that fits."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in QUALITIES:
        encoded = io.BytesIO()
        picture.save(encoded, "WEBP", quality=quality, method=6)
        if len(encoded.getvalue()) <= MOST_BYTES:
            break
    return encoded.getvalue()


if __name__ == "__main__":
    main()
