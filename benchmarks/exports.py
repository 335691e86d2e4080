"""Whether every export is written in flat memory: so many synthetic pairs, in chunks as a run makes them.

`python -m benchmarks.exports` writes each format in a process of its own, on 10,000 and on 100,000 pairs whose pictures
are 4 kB of noise with a JPEG's first bytes (nothing decodes them), and reads its peak memory. What the second number
of pairs adds to it is what a pair leaves behind.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np

from benchmarks.markdown import print_table
from pairsift.adapters.chunks import EMBEDDINGS, ChunkData
from pairsift.adapters.exports import FORMATS, ExportBatch, ExportRequest, write_export
from pairsift.core.deciding import Decision
from pairsift.core.records import IngestedPair, Location, SignalValue, Verdict
from pairsift.core.signals import SIGNALS

CHUNK_PAIRS = 512
PICTURE_BYTES = 4_000
PICTURES = 64
"""Different ones: all pairs take turns, so that the source stays in the system's cache and the writing is measured."""

SIZE = 384
VALUES: dict[str, SignalValue] = {"float": 0.25, "int": 640, "str": "en"}
KEEP = Decision(Verdict.KEEP, None, 1.5, 0.01, 0.02)


def main() -> None:
    """Print rows, megabytes, time and peak memory of every format."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--format", choices=FORMATS, help="write this one in this process")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.format:
        print(*measured(options.format, options.pairs[0], options.folder))
        return
    for pairs in options.pairs:
        print_table(("format", "pairs", "MB", "s", "CPU µs a pair", "peak MB"), [row(name, pairs) for name in FORMATS])


def row(name: str, pairs: int) -> tuple[str, ...]:
    """Measure one format in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.exports", "--format", name, "--pairs", str(pairs)]
        done = subprocess.run([*command, "--folder", folder], capture_output=True, text=True, check=True)
    megabytes, seconds, cpu_s, peak = map(float, done.stdout.split())
    return name, f"{pairs:,}", f"{megabytes:,.0f}", f"{seconds:.1f}", f"{1e6 * cpu_s / pairs:.0f}", f"{peak:.0f}"


def measured(name: str, pairs: int, folder: Path) -> tuple[float, float, float, float]:
    """Write one format; give the megabytes, seconds and CPU seconds it took, and this process's peak memory in MB."""
    pictures = folder / "pictures.bin"
    noise = np.random.default_rng(0).bytes(PICTURES * PICTURE_BYTES)
    pictures.write_bytes(
        b"".join(b"\xff\xd8\xff" + noise[n * PICTURE_BYTES :][: PICTURE_BYTES - 3] for n in range(PICTURES))
    )
    started, worked = time.monotonic(), time.process_time()
    request = ExportRequest(
        str(folder / "out"), "synthetic", "0", "f" * 64, (name,), lambda: batches(pictures, pairs), folder / "scratch"
    )
    write_export(request)
    seconds, cpu_s = time.monotonic() - started, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3  # before 200,000 names are listed
    size = sum(path.stat().st_size for path in (folder / "out").rglob("*") if path.is_file())
    return size / 1e6, seconds, cpu_s, peak


def batches(pictures: Path, pairs: int) -> Iterator[ExportBatch]:
    """Make the pairs a chunk at a time, as they are read from chunk files."""
    data = pictures.read_bytes()
    digests = [sha256(data[n * PICTURE_BYTES :][:PICTURE_BYTES]).hexdigest() for n in range(PICTURES)]
    vectors = np.random.default_rng(1).standard_normal((CHUNK_PAIRS, SIZE)).astype(np.float16)
    for start in range(0, pairs, CHUNK_PAIRS):
        numbers = range(start, min(start + CHUNK_PAIRS, pairs))
        made = [pair(n, pictures, digests) for n in numbers]
        chunk = ChunkData(
            uids=[each.uid for each in made],
            captions=[f"a synthetic caption of pair {n}, as long as captions are" for n in numbers],
            signals={signal.name: [VALUES[signal.type]] * len(made) for signal in SIGNALS},
            unmeasurable=[{}] * len(made),
            **{name: vectors[: len(made)] for name in EMBEDDINGS},
        )
        yield ExportBatch(made, chunk, [KEEP] * len(made))


def pair(n: int, pictures: Path, digests: list[str]) -> IngestedPair:
    """Make one pair whose picture is one of the file's."""
    picture = n % PICTURES
    where = Location(str(pictures), picture * PICTURE_BYTES, PICTURE_BYTES)
    return IngestedPair(n, sha256(b"%d" % n).hexdigest()[:32], f"{n:09d}", where, digests[picture], b"raw")


if __name__ == "__main__":
    main()
