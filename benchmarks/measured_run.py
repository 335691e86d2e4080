"""One run in a process of its own, for benchmarks.throughput: CPU time of the flow alone, and peak memory."""

import argparse
import asyncio
import json
import tempfile
import time
from pathlib import Path

import psutil
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.curate import curate
from pairsift.adapters.memory import keep_freed_memory
from pairsift.cli import summary_of
from pairsift.config import RunConfig, RunRequest, ScoreConfig
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder


def main() -> None:
    """Run the flow twice: on a few pairs, so that server and models are up, then measured on the source."""
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("warmup")
    parser.add_argument("--dtype", default="auto")
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    config = RunConfig(score=ScoreConfig(dtype=options.dtype))
    limit_threads(1)
    load_encoder(resolve(config.score))
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}), tempfile.TemporaryDirectory() as out:
        asyncio.run(measure(options.source, options.warmup, config, out))


async def measure(source: str, warmup: str, config: RunConfig, out: str) -> None:
    """Measure one run after the warm-up; both under one event loop and so one temporary server."""
    await summary_of(curate, RunRequest(source=warmup, dataset="warmup", out=out, config=config))
    before, server_before, started = time.process_time(), server_seconds(), time.perf_counter()
    summary = await summary_of(curate, RunRequest(source=source, dataset="measured", out=out, config=config))
    figures = {
        "pairs": summary["pairs"]["read"],
        "cpu_s": time.process_time() - before,
        "server_cpu_s": server_seconds() - server_before,
        "wall_s": time.perf_counter() - started,
        "peak_mib": peak_mib(),
    }
    Path("/dev/stdout").write_text(json.dumps(figures) + "\n", encoding="utf-8")


def peak_mib() -> float:
    """Peak of this process's resident memory since it began; getrusage would count its parent's as well."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:")) / 1024


def server_seconds() -> float:
    """CPU seconds of the temporary Prefect server, a child of this process."""
    return sum(sum(child.cpu_times()[:2]) for child in psutil.Process().children(recursive=True))


if __name__ == "__main__":
    main()
