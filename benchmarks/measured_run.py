"""One run in a process of its own, for benchmarks.throughput: CPU time of the flow alone, and peak memory."""

import argparse
import asyncio
import json
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

import psutil
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from benchmarks.bare_forward import bare_cost
from flows.curate import curate
from pairsift.adapters.memory import keep_freed_memory
from pairsift.cli.running import summary_of
from pairsift.config import RunConfig, RunRequest, ScoreConfig


def main() -> None:
    """Time the bare passes, run the flow on a few pairs and then on the source, and time the bare passes again."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("warmup")
    parser.add_argument("--encoder", required=True)
    parser.add_argument("--dtype", required=True)
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    config = RunConfig(score=ScoreConfig(encoder=options.encoder, dtype=options.dtype), report=False)
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), tempfile.TemporaryDirectory() as out:
        before = bare_cost(config.score)
        figures = asyncio.run(measure(options.source, options.warmup, config, out))
        figures["bare"] = [asdict(before), asdict(bare_cost(config.score))]
    Path("/dev/stdout").write_text(json.dumps(figures) + "\n", encoding="utf-8")


async def measure(source: str, warmup: str, config: RunConfig, out: str) -> dict[str, object]:
    """Measure one run after the warm-up; both under one event loop and so one temporary server."""
    await summary_of(curate, RunRequest(source=warmup, dataset="warmup", out=out, config=config))
    before, server_before, started = time.process_time(), server_seconds(), time.perf_counter()
    summary = await summary_of(curate, RunRequest(source=source, dataset="measured", out=out, config=config))
    return {
        "pairs": summary["pairs"]["read"],
        "cpu_s": time.process_time() - before,
        "server_cpu_s": server_seconds() - server_before,
        "wall_s": time.perf_counter() - started,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Peak of this process's resident memory since it began; getrusage would count its parent's as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def server_seconds() -> float:
    """CPU seconds of the temporary Prefect server, a child of this process."""
    return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True))


if __name__ == "__main__":
    main()
