"""Runs one after the other in a process of their own, for benchmarks.second_day: CPU and wall time of each."""

import argparse
import asyncio
import json
import time
from pathlib import Path

from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from benchmarks.measured_run import server_seconds
from flows.curate import curate
from pairsift.adapters.memory import keep_freed_memory
from pairsift.cli.running import summary_of
from pairsift.config import RunRequest


def main() -> None:
    """Curate each source as a data set of its own name, the first one only to warm up; print the others' figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sources", nargs="+", type=Path)
    keep_freed_memory()  # as the command does
    with temporary_settings({PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}):
        figures = asyncio.run(measure_all(parser.parse_args().sources))
    Path("/dev/stdout").write_text(json.dumps(figures) + "\n", encoding="utf-8")


async def measure_all(sources: list[Path]) -> list[dict[str, float]]:
    """Measure the runs under one event loop and so one temporary server."""
    warmup, *measured = sources
    await measure(warmup)
    return [await measure(source) for source in measured]


async def measure(source: Path) -> dict[str, float]:
    """Run the flow over one source."""
    cpu, server, started = time.process_time(), server_seconds(), time.perf_counter()
    summary = await summary_of(curate, RunRequest(source=str(source)))
    return {
        "pairs": summary["pairs"]["read"],
        "recalled": summary["recalled"],
        "skipped": summary["partitions"]["skipped"],
        "cpu_s": time.process_time() - cpu,
        "server_cpu_s": server_seconds() - server,
        "wall_s": time.perf_counter() - started,
    }


if __name__ == "__main__":
    main()
