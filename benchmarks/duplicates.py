"""Measure how well near copies are found on the sample, and what finding copies among many pairs costs."""

import argparse
import resource
import time
from collections.abc import Mapping
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from pairsift.core.arrays import Flags
from pairsift.core.copy_kinds import Duplicates
from pairsift.core.duplicates import Compared, find_copies, no_copies, to_bytes
from pairsift.core.image_signals import image_signals
from pairsift.core.near_copies import Hashes, parse_hashes

SAMPLE = Path(__file__).resolve().parents[1] / "examples" / "sample"
LIMITS = range(17)
UNREADABLE = ("truncated_image", "html_as_jpeg")
SAME_PICTURE = ("exact_copy", "near_copy", "blurred", "tiny")
"""Defects whose picture is made from the original's."""


def main() -> None:
    """Print both as Markdown tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--limits", type=int, nargs="*", default=[0, 4, 6, 8])
    parser.add_argument("--semantic", type=int, default=0, help="pairs with embeddings of 384 numbers; 0: none")
    options = parser.parse_args()
    _print_sample()
    _print_cost("exact, placeholders", _derived_pairs(options.pairs), {"placeholders": {"captions": 10}})
    for limit in options.limits:
        duplicates = {"near": {"hamming": limit}, "placeholders": {"captions": 10}}
        _print_cost(f"the same, and near within {limit}", _derived_pairs(options.pairs), duplicates)
    if options.semantic:
        pairs = _derived_pairs(options.semantic, dimensions=384)
        _print_cost("exact, semantic above 0.95", pairs, {"semantic": {"cosine": 0.95}})


def _print_sample() -> None:
    """Compare all readable pictures of the sample two by two."""
    truth = pd.read_csv(SAMPLE / "truth.csv", dtype=str).set_index("key")
    truth = truth[~truth["defect"].isin(UNREADABLE)]
    keys = list(truth.index)
    bits, _ = parse_hashes([_phash(key) for key in keys])
    apart = np.bitwise_count(bits[:, None] ^ bits[None, :])
    same = truth["original_key"].where(truth["defect"].isin(SAME_PICTURE)).fillna(truth.index.to_series())
    family = same.to_numpy()
    alike = family[:, None] == family[None, :]
    upper = np.triu(np.ones_like(alike), k=1)
    print(f"{len(keys)} readable pictures\n")
    print("| Hamming ≤ | exact copies | near copies | unlike pictures, pairs |\n|---|---|---|---|")
    for limit in LIMITS:
        close = apart <= limit
        found = [_share_found(truth["defect"].to_numpy() == kind, close, alike) for kind in SAME_PICTURE[:2]]
        print(f"| {limit} | {found[0]} | {found[1]} | {int((close & ~alike & upper).sum())} |")


def _phash(key: str) -> str:
    (path,) = (path for path in (SAMPLE / "folder").glob(f"{key}.*") if path.suffix != ".txt")
    decoded = np.asarray(cv2.imread(str(path), cv2.IMREAD_COLOR_RGB), dtype=np.uint8)
    return str(image_signals(decoded, path.stat().st_size)["image.phash"])


def _share_found(planted: Flags, close: Flags, alike: Flags) -> str:
    others = close & alike & ~np.eye(len(close), dtype=np.bool_)
    return f"{int(others[planted].any(axis=1).sum())} of {int(planted.sum())}"


def _derived_pairs(count: int, dimensions: int = 0) -> Compared:
    """Make pairs of which 5 % are exact copies, 5 % near copies a few bits off, and 1 % share a picture with others."""
    generator = np.random.default_rng(0)
    original = np.arange(count)
    copies = generator.choice(count, count // 10, replace=False)
    original[copies] = generator.integers(0, count, len(copies))
    hashes: Hashes = generator.integers(0, 2**64, count, dtype=np.uint64)[original]
    exact, near = copies[::2], copies[1::2]
    for _ in range(3):
        hashes[near] ^= np.uint64(1) << generator.integers(0, 64, len(near)).astype(np.uint64)
    identity = np.arange(count)
    identity[exact] = original[exact]
    uids = [f"{number * 2654435761 % 2**32:032x}" for number in identity.tolist()]
    pictures = [f"{number if number % 100 else number % 5000:064x}" for number in identity.tolist()]
    embeddings = generator.normal(size=(count, dimensions)).astype(np.float16)
    nothing = np.zeros(count, dtype=np.bool_)
    places = np.arange(count)
    return Compared(
        uids=to_bytes(uids),
        candidates=~nothing,
        partitions=places // 10_000,
        ordinals=places % 10_000,
        settled=nothing,
        earlier=no_copies(count),
        pictures=to_bytes(pictures),
        hashes=hashes,
        hashed=~nothing,
        embeddings=embeddings[original],
    )


def _print_cost(what: str, pairs: Compared, duplicates: Mapping[str, object]) -> None:
    started, cpu = time.perf_counter(), time.process_time()
    found = find_copies(pairs, Duplicates.model_validate(duplicates))
    wall, used = time.perf_counter() - started, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"\n{what}: {len(pairs.uids):,} pairs, {np.count_nonzero(found.reasons):,} dropped, {wall:.1f} s, "
        f"{used:.1f} s of CPU, peak {peak:,.0f} MiB with the pairs",
        flush=True,
    )


if __name__ == "__main__":
    main()
