"""How fast pairs are read from tars without any model, beside plain webdataset and Pillow in the same run.

`python -m benchmarks.reading` writes a shard of 400-px JPEGs and reads it in turns on one core: as a run does it (every
pair identified, hashed and located; then each picture read again, compared and decoded), and as a trainer does it.
webdataset is not among the project's packages: name a folder that has it by `--webdataset FOLDER`, made by
`pip install --no-deps --target FOLDER webdataset braceexpand`.
"""

import argparse
import io
import sys
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from statistics import median

import cv2
import numpy as np
from PIL import Image

from benchmarks.derived import add_pair, derived_pairs
from pairsift.adapters.memory import keep_freed_memory
from pairsift.adapters.pairlist import read_pairs, write_pairs
from pairsift.adapters.sources import pairs_of, read_image
from pairsift.config import PreprocessConfig
from pairsift.core.images import SQUARE, decode_image
from pairsift.core.ingesting import identify
from pairsift.core.records import Cleaner, PartitionSpec
from pairsift.models.device import limit_threads
from tasks.preparing import Preparation, prepare_files, prepare_isolated

CONFIG = PreprocessConfig()
SIDE_PX = 400


def main() -> None:
    """Print a Markdown table: CPU time a pair and pairs a second of a core, the fastest and the median pass."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--webdataset", type=Path, help="folder in which webdataset is installed")
    options = parser.parse_args()
    keep_freed_memory()  # as the command does
    cv2.setNumThreads(1)
    limit_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        shard = write_shard(Path(folder) / "00000.tar", options.pairs)
        print(f"{options.pairs} pairs, {shard.stat().st_size / options.pairs / 1e3:.1f} kB each\n")
        ways = {
            "read, hash, locate (ingest)": partial(ingest, shard),
            "read again, compare, decode": partial(decode, shard),
            "both: reading": partial(read, shard),
            "decode, signals, scaling, writing (preprocess)": partial(measure, shard, prepare_files),
            "the same within the limits of isolation": partial(measure, shard, prepare_isolated),
        }
        if options.webdataset is not None:
            sys.path.append(str(options.webdataset))
            ways["webdataset and Pillow"] = partial(trainer, shard)
        report(ways, options.pairs, options.passes)


def report(ways: Mapping[str, Callable[[], None]], pairs: int, passes: int) -> None:
    """Time the ways in turns, so that a busy spell falls on all of them."""
    costs: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(passes):
        for name, way in ways.items():
            started = time.process_time()
            way()
            costs[name].append((time.process_time() - started) / pairs)
    print("| what | CPU µs a pair: fastest, median | pairs/s of a core: fastest, median |\n|---|---|---|")
    for name, each in costs.items():
        low, middle = min(each), median(each)
        print(f"| {name} | {low * 1e6:.0f}, {middle * 1e6:.0f} | {1 / low:,.0f}, {1 / middle:,.0f} |", flush=True)


def write_shard(path: Path, count: int) -> Path:
    """Write pairs whose pictures have a long side of 400 px."""
    with tarfile.open(path, "w") as shard:
        for key, image, caption in derived_pairs(count):
            picture = Image.open(io.BytesIO(image))
            picture.thumbnail((SIDE_PX, SIDE_PX))
            target = io.BytesIO()
            picture.save(target, "JPEG", quality=85)
            add_pair(shard, key, target.getvalue(), caption)
    return path


def pair_list(shard: Path) -> Path:
    """Name the list of a shard's pairs that ingest writes."""
    return shard.with_suffix(".arrow")


def ingest(shard: Path) -> None:
    """List the pairs as a run does."""
    spec = PartitionSpec("0", str(shard), "webdataset", "")
    found = enumerate(pairs_of(spec))
    write_pairs(pair_list(shard), (identify(place, pair, CONFIG.max_caption_bytes) for place, pair in found))


def decode(shard: Path) -> None:
    """Decode the listed pictures."""
    for pair in read_pairs(pair_list(shard), 0, sys.maxsize):
        decode_image(read_image(pair), CONFIG)


def read(shard: Path) -> None:
    """Do both."""
    ingest(shard)
    decode(shard)


def measure(shard: Path, prepare: Callable[[Preparation], int]) -> None:
    """Prepare the listed pairs as a run does by default, decoding included."""
    files = (shard.with_suffix(".pixels"), shard.with_suffix(".json"))
    prepare(Preparation(pair_list(shard), 0, sys.maxsize, frozenset(), CONFIG, Cleaner.DEFAULT, SQUARE, *files))


def trainer(shard: Path) -> None:
    """Read the shard by plain webdataset, pictures by Pillow."""
    for _ in samples(shard):
        pass


def samples(shard: Path) -> Iterator[tuple[np.ndarray, str]]:
    """Give pixels and captions as webdataset decodes them."""
    import webdataset  # noqa: PLC0415 - in a folder of its own

    data = webdataset.WebDataset(str(shard), shardshuffle=False, empty_check=False)
    for sample in data:
        with Image.open(io.BytesIO(sample["jpg"])) as picture:
            yield np.asarray(picture.convert("RGB")), sample["txt"].decode()


if __name__ == "__main__":
    main()
