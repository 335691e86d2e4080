"""Whether peak memory stays flat in the number of pairs: the command itself, on shards of 10,000 small pairs.

`python -m benchmarks.memory` curates distinct pictures of 96 px with a tiny model of random weights: 100,000 pairs then
take minutes. Measured is what a pair leaves behind, which no model and no size of a picture changes.
"""

import argparse
import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path

import cv2
import numpy as np
import simplejpeg  # type: ignore[import-untyped]  # it ships no types
import torch
from open_clip.model import CLIP

from benchmarks.derived import add_pair
from benchmarks.peers.process_tree import measure

SIDE_PX = 96
PAIRS_PER_SHARD = 10_000
ARCHITECTURE = {
    "embed_dim": 64,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 64, "heads": 4, "layers": 2},
}


def main() -> None:
    """Print a Markdown table: pairs, peak memory of the whole process tree, CPU time and rate."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, nargs="+", default=[10_000, 100_000])
    options = parser.parse_args()
    print("| pairs | peak MiB | CPU ms a pair | pairs/s |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        encoder = write_model(Path(folder) / "model")
        for count in options.pairs:
            print(row(count, encoder, Path(folder) / str(count)), flush=True)


def row(count: int, encoder: str, folder: Path) -> str:
    """Run the command on so many pairs in a storage of its own; write its figures."""
    write_pairs(folder / "shards", count)
    (folder / "config.yaml").write_text(json.dumps({"score": {"encoder": encoder}}), encoding="utf-8")
    command = [str(Path(sys.executable).parent / "pairsift"), "run", str(folder / "shards")]
    own = {"PAIRSIFT_STORAGE": str(folder / "data"), "PREFECT_HOME": str(folder / "prefect")}
    used = measure([*command, "--config", str(folder / "config.yaml"), "--json"], os.environ | own, folder)
    return f"| {count:,} | {used.peak_mib:.0f} | {1e3 * used.cpu_s / count:.2f} | {count / used.wall_s:.0f} |"


def write_model(folder: Path) -> str:
    """Write a tiny model; return its encoder's name."""
    folder.mkdir()
    config = {"model_cfg": ARCHITECTURE, "preprocess_cfg": {"size": 32}}
    (folder / "open_clip_config.json").write_text(json.dumps(config), encoding="utf-8")
    torch.manual_seed(0)
    torch.save(CLIP(**ARCHITECTURE).state_dict(), folder / "open_clip_pytorch_model.bin")
    return f"open_clip:{folder}"


def write_pairs(folder: Path, count: int) -> None:
    """Write pairs of smooth noise, no two alike."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    for start in range(0, count, PAIRS_PER_SHARD):
        with tarfile.open(folder / f"{start // PAIRS_PER_SHARD:05d}.tar", "w") as shard:
            for number in range(start, min(start + PAIRS_PER_SHARD, count)):
                coarse = rng.integers(0, 256, (12, 12, 3), dtype=np.uint8)
                picture = cv2.resize(coarse, (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_CUBIC)
                image = simplejpeg.encode_jpeg(np.ascontiguousarray(picture), quality=90)
                add_pair(shard, f"{number:09d}", image, f"a drawing of noise, number {number} of a series")


if __name__ == "__main__":
    main()
