"""What pairs and changed copies of them are measured with, by the functions that a run calls: each side once."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np

from pairsift.config import PreprocessConfig
from pairsift.core.images import decode_image
from pairsift.core.measuring import SignalTable
from pairsift.core.planting import Original, Pixels, swap_partners
from pairsift.core.preprocessing import (
    FitPicture,
    PreparedImage,
    both_sides,
    prepare_caption,
    prepare_image,
    prepare_picture,
)
from pairsift.core.records import Cleaner, ColumnValue, Reason, pair_uid
from pairsift.models.device import CORES
from pairsift.models.measuring import measure_pairs
from pairsift.models.scores import Encoder, Scores

BLOCK_PAIRS = 50
"""Originals, an even number, that are in memory with their changed copies: some 45 MB of pixels. Captions are swapped
within a block, so that no caption and no picture is encoded twice."""
SWAP_TURNS = (1, 3, 5, 7)
"""Four other captions for every picture: where only one is swapped in, a draw has few others than the draw before."""

Block = Sequence[Original]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Bench:
    """What everything is measured with."""

    encoder: Encoder
    fit: FitPicture
    preprocess: PreprocessConfig
    cleaner: Cleaner
    seed: int


@dataclass(frozen=True, slots=True)
class Row:
    """A pair to measure: its picture, the digest of that, and what a source would have besides."""

    picture: PreparedImage
    image_sha256: str
    caption: bytes
    source_columns: Mapping[str, ColumnValue]

    @property
    def uid(self) -> str:
        """The pair's identity."""
        return pair_uid(bytes.fromhex(self.image_sha256), self.caption)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What was measured of one block's pairs."""

    rows: Sequence[Row]
    captions: Sequence[str | None]
    scores: Scores
    table: SignalTable


def in_blocks(
    originals: Block, measure: Callable[[Block], Result], advance: Callable[[int], None]
) -> tuple[list[Block], list[Result]]:
    """Measure blocks of originals, as many at once as there are cores; `advance` is told of each how many it had."""
    blocks = [originals[start : start + BLOCK_PAIRS] for start in range(0, len(originals), BLOCK_PAIRS)]
    measured: list[Result] = []
    with ThreadPoolExecutor(CORES) as lanes:
        for block, result in zip(blocks, lanes.map(measure, blocks), strict=True):
            measured.append(result)
            advance(len(block))
    return blocks, measured


def read_original(bench: Bench, original: Original) -> tuple[Pixels, Row]:
    """Decode an original, and give it as the pair that it is."""
    rgb = decode_image(original.image, bench.preprocess)
    if isinstance(rgb, Reason):
        raise TypeError(f"a picture that cannot be read ({rgb}) is no original")
    picture = prepare_picture(rgb, len(original.image), bench.preprocess, bench.fit)
    return rgb, Row(picture, original.image_sha256, original.caption, original.source_columns)


def with_picture(bench: Bench, clean: Row, changed: Pixels | bytes, size_bytes: int) -> Row:
    """Give a pair another picture, whose file counts as of the original's size, or the file of one."""
    if isinstance(changed, bytes):
        picture = prepare_image(changed, bench.preprocess, bench.fit)
        return replace(clean, picture=picture, image_sha256=hashlib.sha256(changed).hexdigest())
    picture = prepare_picture(changed, size_bytes, bench.preprocess, bench.fit)
    return replace(clean, picture=picture, image_sha256=hashlib.sha256(changed.tobytes()).hexdigest())


def with_others(row: Row, place: int, captions: Sequence[bytes]) -> Iterator[Row]:
    """Give the pair at a place of its block the caption of its partner in each turn, of the block's captions."""
    for turn in SWAP_TURNS:
        yield replace(row, caption=captions[swap_partners(len(captions), turn)[place]])


def measure_rows(bench: Bench, rows: Sequence[Row]) -> Measured:
    """Measure pairs, each different picture and caption once."""
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
    return Measured(rows, captions, scores, table)
