"""Measures pairs and the copies that faults were planted in, by the functions that a run calls."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pairsift.config import PreprocessConfig
from pairsift.core.calibration import EmbeddedPairs
from pairsift.core.columns import to_columns
from pairsift.core.examining import PlantedPairs, Sheet, Swap
from pairsift.core.images import decode_image
from pairsift.core.measuring import SignalTable
from pairsift.core.planting import IN_CAPTION, IN_PICTURE, Fault, Original, Pixels, swap_partners
from pairsift.core.preprocessing import (
    FitPicture,
    PreparedImage,
    both_sides,
    prepare_caption,
    prepare_image,
    prepare_picture,
)
from pairsift.core.records import Cleaner, ColumnValue, Reason, pair_uid
from pairsift.core.signals import NUMBERS, SOURCE_PREFIX
from pairsift.models.device import CORES
from pairsift.models.measuring import measure_pairs
from pairsift.models.scores import Encoder, Scores

BLOCK_PAIRS = 50
"""Originals, an even number, that are in memory with their planted copies: some 45 MB of pixels. Captions are swapped
within a block, so that no caption and no picture is encoded twice."""
SWAP_TURNS = (1, 3, 5, 7)
"""Four other captions for every picture: where only one is swapped in, a draw has few others than the draw before."""


@dataclass(frozen=True, slots=True)
class Bench:
    """What everything is measured with."""

    encoder: Encoder
    fit: FitPicture
    preprocess: PreprocessConfig
    cleaner: Cleaner
    seed: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A pair to measure: its picture, the digest of that, and what a source would have besides."""

    picture: PreparedImage
    image_sha256: str
    caption: bytes
    source_columns: Mapping[str, ColumnValue]

    @property
    def uid(self) -> str:
        return pair_uid(bytes.fromhex(self.image_sha256), self.caption)


@dataclass(frozen=True, slots=True, eq=False)
class _Measured:
    """What was measured of one block's pairs."""

    rows: Sequence[_Row]
    captions: Sequence[str | None]
    scores: Scores
    table: SignalTable


def measure_planted(bench: Bench, originals: Sequence[Original], advance: Callable[[int], None]) -> Sheet:
    """Measure an even number of originals with every fault planted in a copy of each; `advance` is told of each done.

    Noise and file names depend on the seed and the picture alone.
    """
    return _measure(bench, originals, (*IN_PICTURE, *IN_CAPTION), advance)


def measure_swapped(bench: Bench, originals: Sequence[Original], advance: Callable[[int], None]) -> Sheet:
    """Do the same with swapped captions and copies only, which cost no picture of their own."""
    return _measure(bench, originals, (), advance)


def _measure(
    bench: Bench, originals: Sequence[Original], faults: Sequence[Fault], advance: Callable[[int], None]
) -> Sheet:
    blocks = [originals[start : start + BLOCK_PAIRS] for start in range(0, len(originals), BLOCK_PAIRS)]
    measured: list[_Measured] = []
    with ThreadPoolExecutor(CORES) as lanes:
        results = lanes.map(partial(_measure_block, bench, faults), blocks)
        for block, result in zip(blocks, results, strict=True):
            measured.append(result)
            advance(len(block))
    grid = np.arange(len(originals) * (1 + len(faults) + len(SWAP_TURNS))).reshape(len(originals), -1)
    swaps = [Swap(grid[:, place - len(SWAP_TURNS)], _partners(blocks, turn)) for place, turn in enumerate(SWAP_TURNS)]
    planted = {fault: grid[:, place] for place, fault in enumerate(faults, start=1)}
    planted |= {Fault.SWAPPED_CAPTION: swaps[0].rows, Fault.EXACT_COPY: grid[:, 0]}
    return Sheet(_join(measured), grid[:, 0], {fault: planted[fault] for fault in Fault if fault in planted}, swaps)


def _partners(blocks: Sequence[Sequence[Original]], turn: int) -> NDArray[np.int64]:
    starts = np.cumsum([0, *map(len, blocks)])
    return np.concatenate(
        [start + swap_partners(len(block), turn) for start, block in zip(starts, blocks, strict=False)]
    )


def _rows(bench: Bench, block: Sequence[Original], place: int, faults: Sequence[Fault]) -> Iterator[_Row]:
    """Give an original as it is, then with each fault, then with the caption of its partner in each turn."""
    original = block[place]
    rgb = decode_image(original.image, bench.preprocess)
    if isinstance(rgb, Reason):
        raise TypeError(f"a picture that cannot be read ({rgb}) is no original")
    picture = prepare_picture(rgb, bench.preprocess, bench.fit)
    clean = _Row(picture, original.image_sha256, original.caption, original.source_columns)
    yield clean
    rng = np.random.default_rng([bench.seed, int(original.image_sha256[:16], 16)])
    for fault in faults:
        if fault in IN_PICTURE:
            yield _with_picture(bench, clean, IN_PICTURE[fault](rgb, original.text, rng))
        else:
            yield replace(clean, caption=IN_CAPTION[fault](original.text, original.foreign, rng).encode())
    for turn in SWAP_TURNS:
        yield replace(clean, caption=block[swap_partners(len(block), turn)[place]].caption)


def _with_picture(bench: Bench, clean: _Row, planted: Pixels | bytes) -> _Row:
    """Give a pair another picture, or the file of one."""
    if isinstance(planted, bytes):
        picture = prepare_image(planted, bench.preprocess, bench.fit)
        return replace(clean, picture=picture, image_sha256=hashlib.sha256(planted).hexdigest())
    picture = prepare_picture(planted, bench.preprocess, bench.fit)
    return replace(clean, picture=picture, image_sha256=hashlib.sha256(planted.tobytes()).hexdigest())


def _measure_block(bench: Bench, faults: Sequence[Fault], block: Sequence[Original]) -> _Measured:
    """Measure originals and what is planted in them, each different picture and caption once."""
    rows = [row for place in range(len(block)) for row in _rows(bench, block, place, faults)]
    seen = {row.image_sha256: row.picture.pixels for row in rows}
    pixels = {digest: picture for digest, picture in seen.items() if picture is not None}
    places = {digest: place for place, digest in enumerate(pixels)}
    prepared = {row.caption: prepare_caption(row.caption, bench.preprocess, bench.cleaner) for row in rows}
    captions = [prepared[row.caption][0] for row in rows]
    scores, table = measure_pairs(
        bench.encoder,
        np.stack(list(pixels.values())),
        np.array([places.get(row.image_sha256, -1) for row in rows], np.int64),
        captions,
        [both_sides(row.picture.measurement, prepared[row.caption][1]) for row in rows],
    )
    return _Measured(rows, captions, scores, table)


def _join(blocks: Sequence[_Measured]) -> PlantedPairs:
    signals = {name: [v for block in blocks for v in block.table.signals[name]] for name in blocks[0].table.signals}
    reasons = [why for block in blocks for why in block.table.unmeasurable]
    rows = [row for block in blocks for row in block.rows]
    names = sorted({name for row in rows for name in row.source_columns})
    carried = {f"{SOURCE_PREFIX}{name}": [row.source_columns.get(name) for row in rows] for name in names}
    columns = to_columns(len(rows), {**signals, **carried}, reasons)
    embedded = EmbeddedPairs(
        uids=[row.uid for row in rows],
        captions=[caption for block in blocks for caption in block.captions],
        pictures=[row.image_sha256 for row in rows],
        image=np.concatenate([block.scores.image_embedding for block in blocks]).astype(np.float32),
        text=np.concatenate([block.scores.text_embedding for block in blocks]).astype(np.float32),
        values={name: columns.numbers(name) for name in NUMBERS},
    )
    return PlantedPairs(columns, embedded)
