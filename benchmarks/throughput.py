"""How much CPU time the whole flow costs beside the bare forward passes, and whether memory stays flat.

`python -m benchmarks.throughput` derives pairs from the sample, times the networks alone, then the whole flow in
processes of their own at growing sizes; imports, server start and model load are outside both.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bare_forward import BareCost, bare_cost
from benchmarks.derived import derived_pairs, write_derived
from pairsift.cli import PREFECT_DEFAULTS
from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.preprocessing import prepare
from pairsift.core.records import Cleaner

BARE_PAIRS = 256
WARMUP_PAIRS = 64


def main() -> None:
    """Print a Markdown table of CPU time, rate and peak memory by size, and the ratio to the bare forward passes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[2_500, 10_000])
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        before = bare(options.dtype)
        runs = [measured(Path(folder), count, options.dtype) for count in options.pairs]
        report(runs, (before, bare(options.dtype)))


def bare(dtype: str) -> BareCost:
    """Time the networks on pairs as the flow sees them."""
    prepared = [
        prepare(image, caption.encode(), PreprocessConfig(), Cleaner.DEFAULT)
        for _, image, caption in derived_pairs(BARE_PAIRS)
    ]
    pixels = np.stack([pair.pixels for pair in prepared if pair.pixels is not None])
    captions = [pair.caption for pair in prepared if pair.caption is not None]
    return bare_cost(ScoreConfig(dtype=dtype), pixels, captions)


def measured(folder: Path, count: int, dtype: str) -> dict[str, Any]:
    """Run the flow on `count` pairs in a process and a storage of its own."""
    source, warmup, home = folder / f"{count}", folder / "warmup", folder / f"home-{count}"
    write_derived(source, count)
    write_derived(warmup, WARMUP_PAIRS)
    own = {"PAIRSIFT_STORAGE": str(home / "data"), "PREFECT_HOME": str(home / "prefect")}
    home.mkdir()  # Prefect makes its folder, not the one above
    environment = os.environ | PREFECT_DEFAULTS | own
    command = [sys.executable, "-m", "benchmarks.measured_run", str(source), str(warmup), "--dtype", dtype]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def report(runs: list[dict[str, Any]], costs: tuple[BareCost, BareCost]) -> None:
    """Print the figures; the bare passes were timed before and after the runs, and the mean counts."""
    for when, cost in zip(("before", "after"), costs, strict=True):
        print(
            f"bare forward {when}: {cost.pair_ms:.1f} CPU ms a pair (image {cost.image_ms:.1f} at batch "
            f"{cost.image_batch}, text {cost.text_ms:.2f} at batch {cost.text_batch})"
        )
    bare_ms = sum(cost.pair_ms for cost in costs) / len(costs)
    print("\n| pairs | flow, CPU ms a pair | of the bare passes | server, CPU ms a pair | pairs/s | peak MiB |")
    print("|---|---|---|---|---|---|")
    for run in runs:
        flow_ms, server_ms = (1e3 * run[name] / run["pairs"] for name in ("cpu_s", "server_cpu_s"))
        rate = run["pairs"] / run["wall_s"]
        print(
            f"| {run['pairs']:,} | {flow_ms:.1f} | {flow_ms / bare_ms:.2f} | {server_ms:.2f} | {rate:.1f} "
            f"| {run['peak_mib']:.0f} |"
        )


if __name__ == "__main__":
    main()
