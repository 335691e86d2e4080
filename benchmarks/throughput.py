"""How much CPU time the whole flow costs beside the bare forward passes, and whether memory stays flat.

`python -m benchmarks.throughput` derives pairs from the sample and runs the flow at growing sizes, each in a process
of its own, which times the forward passes alone before and after; imports, server start and model load are outside all.
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

from benchmarks.derived import write_derived
from pairsift.cli.running import PREFECT_DEFAULTS

WARMUP_PAIRS = 64
COLUMNS = (
    "pairs",
    "networks, CPU ms a pair (before, after)",
    "encoder (before, after)",
    "flow",
    "flow / networks",
    "flow / encoder",
    "server",
    "pairs/s",
    "peak MiB",
)


def main() -> None:
    """Print a Markdown table: cost of networks, encoder, flow and server, their ratios, rate and peak memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[2_500, 10_000])
    parser.add_argument("--dtype", default="auto", choices=["auto", "float32", "bfloat16"])
    options = parser.parse_args()
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    with tempfile.TemporaryDirectory() as folder:
        for count in options.pairs:
            print("| " + " | ".join(row(measured(Path(folder), count, options.dtype))) + " |", flush=True)


def measured(folder: Path, count: int, dtype: str) -> dict[str, Any]:
    """Run the flow on `count` pairs in a process and a storage of its own."""
    source, warmup, home = folder / f"{count}", folder / "warmup", folder / f"home-{count}"
    write_derived(source, count)
    write_derived(warmup, WARMUP_PAIRS)
    home.mkdir()  # Prefect makes its folder, not the one above
    own = {"PAIRSIFT_STORAGE": str(home / "data"), "PREFECT_HOME": str(home / "prefect")}
    command = [sys.executable, "-m", "benchmarks.measured_run", str(source), str(warmup), "--dtype", dtype]
    done = subprocess.run(
        command, env=os.environ | PREFECT_DEFAULTS | own, stdout=subprocess.PIPE, check=True, text=True
    )
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def row(run: dict[str, Any]) -> list[str]:
    """Write one run's figures."""
    networks = [bare["image_ms"] + bare["text_ms"] for bare in run["bare"]]
    encoder = [bare["encoder_ms"] for bare in run["bare"]]
    flow, server = (1e3 * run[name] / run["pairs"] for name in ("cpu_s", "server_cpu_s"))
    return [
        f"{run['pairs']:,}",
        ", ".join(f"{cost:.1f}" for cost in networks),
        ", ".join(f"{cost:.1f}" for cost in encoder),
        f"{flow:.1f}",
        f"{flow / mean(networks):.2f}",
        f"{flow / mean(encoder):.2f}",
        f"{server:.2f}",
        f"{run['pairs'] / run['wall_s']:.1f}",
        f"{run['peak_mib']:.0f}",
    ]


if __name__ == "__main__":
    main()
