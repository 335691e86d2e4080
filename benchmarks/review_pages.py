"""How fast the review page answers ten people at once, over a million stored pairs.

`python -m benchmarks.review_pages`: pairs are put into SQLite as `benchmarks.decide_million` does, decided twice, and
all have one photograph of the sample as their picture, so that every picture that is asked for costs what it costs.
Then `pairsift review` runs in a process of its own, on 127.0.0.1 alone, and users ask it for one page after the other
without a pause. `--folder FOLDER` keeps the database and takes it again.
"""

import argparse
import hashlib
import json
import os
import random
import re
import subprocess
import sys
import tarfile
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import httpx
import numpy as np
import psutil
from sqlalchemy import update

from benchmarks.decide_million import DATASET, SEED, decide_in_a_process, fill, sqlite_in
from pairsift.adapters.store.engine import open_engine, writing
from pairsift.adapters.store.tables import pair

SHARD = Path(__file__).parents[1] / "examples" / "sample" / "shards" / "00000.tar"
SORTS = ("", "z of pair.alignment", "pair.alignment", "image.sharpness", "image.width", "text.words")
OTHERS = ("/cut", "/compare?a=1&b=active", "/policy", "/?set=1&against=2&change=newly_kept")
WORDS = ("number 12", "beach", "000001", "sun, number 99", "no such text")


def main() -> None:
    """Fill, start, ask, and print one line a kind of page."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--users", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pairsift-review-", ignore_cleanup_errors=True) as temporary:
        folder = asked.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        with sqlite_in(folder) as url:
            if not (folder / "million.db").exists():
                prepare(url, folder, asked.pairs)
            with review(url, folder) as (address, server):
                meet(address)
                before = used_by(server)["cpu_s"]
                pages = measure(address, asked.users, asked.seconds)
                used = used_by(server)
                show("server", {"cpu_ms_a_page": 1000 * (used["cpu_s"] - before) / pages, "mb": used["mb"]})


def prepare(url: str, folder: Path, pairs: int) -> None:
    """Fill the store, decide it again by the default policy, and give every pair a picture that is there."""
    fill(url, pairs)
    decide_in_a_process(url, folder, ["--policy", "default"])
    with tarfile.open(SHARD) as tar:
        picture = next(member for member in tar if member.name.endswith(".jpg"))
    data = SHARD.read_bytes()[picture.offset_data : picture.offset_data + picture.size]
    place = {"source_uri": str(SHARD), "byte_offset": picture.offset_data, "byte_size": picture.size}
    engine = open_engine(url)
    with writing(engine) as connection:
        connection.execute(update(pair).values(**place, image_sha256=hashlib.sha256(data).hexdigest()))
    engine.dispose()


@contextmanager
def review(url: str, folder: Path) -> Iterator[tuple[str, psutil.Process]]:
    """Run the command, and end it; give its address and process."""
    environment = {**os.environ, "PAIRSIFT_DATABASE_URL": url, "PAIRSIFT_STORAGE": str(folder)}
    command = [sys.executable, "-c", "from pairsift.cli import main; main()"]
    options = ["review", DATASET, "--write", "--port", "0", "--json"]
    started = time.perf_counter()
    server = subprocess.Popen([*command, *options], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        told = json.loads(server.stdout.readline() if server.stdout else "{}")
        process = psutil.Process(server.pid)
        show("start", {"seconds": time.perf_counter() - started, **used_by(process)})
        yield told["address"].rstrip("/"), process
    finally:
        server.terminate()
        server.wait()


def used_by(process: psutil.Process) -> dict[str, float]:
    """Tell what a process has used: CPU seconds, and MB of memory now."""
    times = process.cpu_times()
    return {"cpu_s": times.user + times.system, "mb": process.memory_info().rss / 1e6}


@dataclass
class User:
    """Someone who goes from page to page; `seconds` are the answers' by kind of page."""

    client: httpx.Client
    chance: random.Random
    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    seen: str = ""

    def get(self, kind: str, address: str) -> str:
        """Ask for a page and wait for the whole of it."""
        started = time.perf_counter()
        answer = self.client.get(address)
        self.seconds[kind].append(time.perf_counter() - started)
        answer.raise_for_status()
        return answer.text

    def look(self) -> None:
        """Look at pairs in some order, some of them, and often at the page behind it."""
        asked = {"sort": self.chance.choice(SORTS), "verdict": self.chance.choice(("", "keep", "drop"))}
        asked |= {"reason": self.chance.choice(("", "", "blurry")), "direction": self.chance.choice(("up", "down"))}
        self.seen = self.get("pairs", "/?" + str(httpx.QueryParams(asked)))
        for _ in range(self.chance.randrange(3)):
            later = re.search(r'href="([^"]+)" data-turn="n"', self.seen)
            if later:
                self.seen = self.get("pairs, later", later[1].replace("&amp;", "&"))

    def search(self) -> None:
        """Look for a text."""
        self.get("pairs with a text", "/?" + str(httpx.QueryParams({"text": self.chance.choice(WORDS)})))

    def picture(self) -> None:
        """Fetch a picture of the last page."""
        pictures = re.findall(r'src="(/pictures/[^"]+)"', self.seen)
        if pictures:
            self.get("a picture", self.chance.choice(pictures))

    def pair(self) -> None:
        """Open a pair of the last page."""
        pairs = re.findall(r'href="(/pairs/[^"]+)"', self.seen)
        if pairs:
            self.get("one pair", self.chance.choice(pairs).replace("&amp;", "&"))

    def label(self) -> None:
        """Label the next pair of the sample."""
        page = self.get("the next to label", "/label")
        fields = dict(re.findall(r'name="(csrf|uid|next|drawn|set)" value="([^"]*)"', page))
        started = time.perf_counter()
        self.client.post("/labels", data={**fields, "good": "1"}).raise_for_status()
        self.seconds["a label, and the next"].append(time.perf_counter() - started)

    def others(self) -> None:
        """Look at one of the other pages."""
        path = self.chance.choice(OTHERS)
        self.get(path, path)


def meet(address: str) -> None:
    """Ask for every kind of page once, alone: what is remembered afterwards is made then."""
    first = made_user(address, 0)
    for do in steps(first):
        do()
    for path in OTHERS:
        first.get(path, path)
    for word in WORDS:
        first.get(f"a new text, {word!r}", "/?" + str(httpx.QueryParams({"text": word})))
    for name in SORTS[1:]:
        first.get(f"another order, {name}", "/?" + str(httpx.QueryParams({"sort": name, "direction": "up"})))
    for kind, took in first.seconds.items():
        show(f"first: {kind}", {"ms": 1000 * took[0]})


def measure(address: str, users: int, seconds: float) -> int:
    """Let all users ask for `seconds`; return how many pages they got."""
    everybody = [made_user(address, number + 1) for number in range(users)]
    threads = [Thread(target=work, args=(user, time.perf_counter() + seconds)) for user in everybody]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kind in sorted({kind for user in everybody for kind in user.seconds}):
        tell(kind, [took for user in everybody for took in user.seconds[kind]])
    everything = [took for user in everybody for some in user.seconds.values() for took in some]
    tell("all pages", everything)
    return len(everything)


def made_user(address: str, number: int) -> User:
    """Make a user with a way of their own through the pages."""
    client = httpx.Client(base_url=address, follow_redirects=True, timeout=60, trust_env=False)
    user = User(client, random.Random(SEED + number))
    user.seen = client.get("/").text
    return user


def steps(user: User) -> list[Callable[[], None]]:
    """List what a user does; pages of pairs most often."""
    return [user.look, user.look, user.search, user.picture, user.picture, user.pair, user.label, user.others]


def work(user: User, until: float) -> None:
    """Do one thing after the other."""
    while time.perf_counter() < until:
        user.chance.choice(steps(user))()


def tell(kind: str, took: list[float]) -> None:
    """Print how long the answers of a kind took, in ms."""
    low, high = np.quantile(took, [0.5, 0.95])
    show(kind, {"n": len(took), "median_ms": 1000 * low, "p95_ms": 1000 * high, "max_ms": 1000 * max(took)})


def show(what: str, figures: dict[str, float]) -> None:
    """Print one line."""
    rounded = {name: round(value, 1) for name, value in figures.items()}
    sys.stdout.write(f"{what}: {json.dumps(rounded)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
