"""Measures pairs and the copies that faults were planted in, by the functions that a run calls."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pairsift.core.calibration import EmbeddedPairs
from pairsift.core.columns import to_columns
from pairsift.core.examining import PlantedPairs, Sheet, Swap
from pairsift.core.planting import IN_CAPTION, IN_PICTURE, Fault, Original, swap_partners
from pairsift.core.signals import NUMBERS, SOURCE_PREFIX
from pairsift.models.bench import (
    SWAP_TURNS,
    Bench,
    Block,
    Measured,
    Row,
    in_blocks,
    measure_rows,
    read_original,
    with_others,
    with_picture,
)


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
    blocks, measured = in_blocks(originals, partial(_measure_block, bench, faults), advance)
    grid = np.arange(len(originals) * (1 + len(faults) + len(SWAP_TURNS))).reshape(len(originals), -1)
    swaps = [Swap(grid[:, place - len(SWAP_TURNS)], _partners(blocks, turn)) for place, turn in enumerate(SWAP_TURNS)]
    planted = {fault: grid[:, place] for place, fault in enumerate(faults, start=1)}
    planted |= {Fault.SWAPPED_CAPTION: swaps[0].rows, Fault.EXACT_COPY: grid[:, 0]}
    return Sheet(_join(measured), grid[:, 0], {fault: planted[fault] for fault in Fault if fault in planted}, swaps)


def _partners(blocks: Sequence[Block], turn: int) -> NDArray[np.int64]:
    starts = np.cumsum([0, *map(len, blocks)])
    return np.concatenate(
        [start + swap_partners(len(block), turn) for start, block in zip(starts, blocks, strict=False)]
    )


def _measure_block(bench: Bench, faults: Sequence[Fault], block: Block) -> Measured:
    return measure_rows(bench, [row for place in range(len(block)) for row in _rows(bench, block, place, faults)])


def _rows(bench: Bench, block: Block, place: int, faults: Sequence[Fault]) -> Iterator[Row]:
    """Give an original as it is, then with each fault, then with the caption of its partner in each turn."""
    original = block[place]
    rgb, clean = read_original(bench, original)
    yield clean
    rng = np.random.default_rng([bench.seed, int(original.image_sha256[:16], 16)])
    for fault in faults:
        if fault in IN_PICTURE:
            yield with_picture(bench, clean, IN_PICTURE[fault](rgb, original.text, rng), len(original.image))
        else:
            yield replace(clean, caption=IN_CAPTION[fault](original.text, original.foreign, rng).encode())
    yield from with_others(clean, place, [other.caption for other in block])


def _join(blocks: Sequence[Measured]) -> PlantedPairs:
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
