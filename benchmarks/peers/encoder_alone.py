"""The forward pass of Pairsift's encoder on pixels at hand, on every core: the limit of what a run can reach."""

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.bare_forward import prepared_pairs
from benchmarks.photo_pairs import photo_pairs
from pairsift.adapters.memory import keep_freed_memory
from pairsift.config import load_config
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit
from tasks.workplace import LANES

PAIRS = 128
PASSES = 3


def main() -> None:
    """Print the least CPU and wall time a pair over some passes, as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    options = parser.parse_args()
    keep_freed_memory()
    limit_threads(1)
    config = resolve(load_config(options.config).score)
    encoder = load_encoder(config)
    pixels, captions = prepared_pairs(photo_pairs(PAIRS), picture_fit(config))
    work = partial(encoder.score, pixels, np.arange(PAIRS), captions)
    work()
    passes = [timed_pass(work) for _ in range(PASSES)]
    cpu_s, wall_s = (min(column) / LANES / PAIRS for column in zip(*passes, strict=True))
    print(json.dumps({"cpu_ms_per_pair": 1e3 * cpu_s, "pairs_per_s": 1 / wall_s}))


def timed_pass(work: Callable[[], object]) -> tuple[float, float]:
    """Do the work on every lane at once; return CPU and wall seconds."""
    with ThreadPoolExecutor(LANES) as lanes:
        cpu, wall = time.process_time(), time.perf_counter()
        for done in [lanes.submit(work) for _ in range(LANES)]:
            done.result()
        return time.process_time() - cpu, time.perf_counter() - wall


if __name__ == "__main__":
    main()
