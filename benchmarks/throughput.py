"""How much CPU time the whole flow costs beside what cannot be saved, and whether memory stays flat.

`python -m benchmarks.throughput` makes pairs with 500-px JPEGs and runs the flow at growing sizes, each in a process of
its own, which times decoding and the forward passes alone before and after; imports, server start and model load are
outside all. The floor is decoding and the two networks. Towers in int8 must have been made before, in PAIRSIFT_STORAGE.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.photo_pairs import write_photo_pairs
from pairsift.cli.running import PREFECT_DEFAULTS
from pairsift.settings import Settings

WARMUP_PAIRS = 64
PAIRS_PER_SHARD = 2_500
COLUMNS = (
    "pairs",
    "decoding, CPU ms a pair (before, after)",
    "networks",
    "encoder",
    "flow",
    "floor / flow",
    "encoder / flow",
    "server",
    "pairs/s",
    "peak MiB",
)


def main() -> None:
    """Print a Markdown table: cost of decoding, networks, encoder, flow and server, their ratios, rate, peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[2_500, 10_000])
    parser.add_argument("--encoder", default="conse")
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16", "int8"])
    options = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        for count in options.pairs:
            print("| " + " | ".join(row(measured(Path(folder), count, options))) + " |", flush=True)


def measured(folder: Path, count: int, options: argparse.Namespace) -> dict[str, Any]:
    """Run the flow on `count` pairs in a process and a storage of its own."""
    source, warmup, home = folder / f"{count}", folder / "warmup", folder / f"home-{count}"
    write_photo_pairs(source, count, -(-count // PAIRS_PER_SHARD))
    write_photo_pairs(warmup, WARMUP_PAIRS, 1, seed=1)  # no pair of the source is known before
    (home / "data").mkdir(parents=True)  # Prefect makes its folder, not the one above
    (home / "data" / "models").symlink_to(Settings().storage.absolute() / "models")
    own = {"PAIRSIFT_STORAGE": str(home / "data"), "PREFECT_HOME": str(home / "prefect")}
    command = [sys.executable, "-m", "benchmarks.measured_run", str(source), str(warmup)]
    done = subprocess.run(
        [*command, "--encoder", options.encoder, "--dtype", options.dtype],
        env=os.environ | PREFECT_DEFAULTS | own,
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def row(run: dict[str, Any]) -> list[str]:
    """Write one run's figures."""
    decoding = [bare["decoding_ms"] for bare in run["bare"]]
    networks = [bare["image_ms"] + bare["text_ms"] for bare in run["bare"]]
    encoder = [bare["encoder_ms"] for bare in run["bare"]]
    flow, server = (1e3 * run[name] / run["pairs"] for name in ("cpu_s", "server_cpu_s"))
    return [
        f"{run['pairs']:,}",
        *(", ".join(f"{cost:.1f}" for cost in costs) for costs in (decoding, networks, encoder)),
        f"{flow:.1f}",
        f"{(mean(decoding) + mean(networks)) / flow:.2f}",
        f"{mean(encoder) / flow:.2f}",
        f"{server:.2f}",
        f"{run['pairs'] / run['wall_s']:.1f}",
        f"{run['peak_mib']:.0f}",
    ]


if __name__ == "__main__":
    main()
