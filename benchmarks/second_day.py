"""What a day costs of which nine tenths were there before, beside the day that measured them.

`python -m benchmarks.second_day` derives pairs from the sample; the second day has new pairs among known ones of all of
the first day's shards, shuffled, under another data set's name. A third run finds the second day unchanged. Imports,
server start and model load are outside.
"""

import argparse
import json
import os
import random
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.derived import add_pair, derived_pairs
from pairsift.cli.running import PREFECT_DEFAULTS

WARMUP_PAIRS = 64
RUNS = ("first day", "second day", "second day again, unchanged")
COLUMNS = ("run", "pairs", "known", "CPU s", "of it the server's", "wall s", "CPU, of the first day's", "wall")

Pair = tuple[str, bytes, str]


def main() -> None:
    """Print a Markdown table of the three runs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--shards", type=int, default=2)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = measured(Path(folder), options.pairs, options.shards)
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for name, run in zip(RUNS, runs, strict=True):
        print("| " + " | ".join(row(name, run, runs[0])) + " |")


def measured(folder: Path, count: int, shards: int) -> list[dict[str, float]]:
    """Write both days and run the flow over them, in a process and a storage of its own."""
    first, second, warmup = folder / "first", folder / "second", folder / "warmup"
    pairs = list(derived_pairs(count + count // 10 + WARMUP_PAIRS))
    write_day(warmup, pairs[-WARMUP_PAIRS:], 1)
    write_days(first, second, pairs[:-WARMUP_PAIRS], shards)
    own = {"PAIRSIFT_STORAGE": str(folder / "data"), "PREFECT_HOME": str(folder / "prefect")}
    command = [sys.executable, "-m", "benchmarks.measured_days", *map(str, (warmup, first, second, second))]
    done = subprocess.run(
        command, env=os.environ | PREFECT_DEFAULTS | own, stdout=subprocess.PIPE, check=True, text=True
    )
    figures: list[dict[str, float]] = json.loads(done.stdout.splitlines()[-1])
    return figures


def write_days(first: Path, second: Path, pairs: Sequence[Pair], shards: int) -> None:
    """Write ten elevenths of the pairs as the first day; nine tenths of these and the rest, shuffled, as the second."""
    new = len(pairs) // 11
    known = list(pairs[:-new])
    write_day(first, known, shards)
    draw = random.Random(0)
    later = [*draw.sample(known, len(known) - new), *pairs[-new:]]
    draw.shuffle(later)
    write_day(second, later, shards)


def write_day(folder: Path, pairs: Sequence[Pair], shards: int) -> None:
    """Write pairs as shards."""
    folder.mkdir(parents=True)
    for number in range(shards):
        with tarfile.open(folder / f"{number:05d}.tar", "w") as shard:
            for pair in pairs[number * len(pairs) // shards : (number + 1) * len(pairs) // shards]:
                add_pair(shard, *pair)


def row(name: str, run: dict[str, float], first: dict[str, float]) -> list[str]:
    """Write one run's figures."""
    cpu, of_first = (each["cpu_s"] + each["server_cpu_s"] for each in (run, first))
    return [
        name,
        f"{run['pairs']:,.0f}",
        f"{run['recalled']:,.0f}",
        f"{cpu:.1f}",
        f"{run['server_cpu_s']:.1f}",
        f"{run['wall_s']:.1f}",
        f"{cpu / of_first:.3f}",
        f"{run['wall_s'] / first['wall_s']:.3f}",
    ]


if __name__ == "__main__":
    main()
