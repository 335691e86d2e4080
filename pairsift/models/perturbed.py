"""Measures pairs as they are and perturbed, with their own and other captions, by the functions that a run calls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pairsift.core.arrays import Floats
from pairsift.core.perturbing import IN_PICTURE, Perturbation, generator, mistype
from pairsift.core.planting import Original
from pairsift.core.robustness import Sighting
from pairsift.models.bench import (
    SWAP_TURNS,
    Bench,
    Block,
    Row,
    in_blocks,
    measure_rows,
    read_original,
    with_others,
    with_picture,
)

STATES: tuple[Perturbation | None, ...] = (None, *Perturbation)
"""None: as they are."""


def measure_perturbed(
    bench: Bench, originals: Sequence[Original], signal: str, advance: Callable[[int], None]
) -> Mapping[Perturbation | None, Sighting]:
    """Measure an even number of originals under every perturbation; `signal` is the score that is looked at.

    Perturbations depend on the seed and the picture alone.
    """
    _, blocks = in_blocks(originals, partial(_measure_block, bench, signal), advance)
    scores = np.concatenate([block[0] for block in blocks]).reshape(len(originals), len(STATES), 1 + len(SWAP_TURNS))
    fused = np.concatenate([block[1] for block in blocks]).reshape(*scores.shape, -1)[:, :, 0]
    return {
        state: Sighting(scores[:, place, 0], scores[:, place, 1:], fused[:, place])
        for place, state in enumerate(STATES)
    }


def _measure_block(bench: Bench, signal: str, block: Block) -> tuple[Floats, Floats]:
    """Measure each original in each state, with its own caption and those of others: scores and fused embeddings."""
    scores = measure_rows(bench, [row for place in range(len(block)) for row in _rows(bench, block, place)]).scores
    return scores.signals[signal].astype(np.float64), scores.fused_embedding.astype(np.float64)


def _rows(bench: Bench, block: Block, place: int) -> Iterator[Row]:
    rgb, clean = read_original(bench, block[place])
    for state in STATES:
        row, captions = clean, [other.caption for other in block]
        if state is not None and state in IN_PICTURE:
            picture = IN_PICTURE[state](rgb, generator(bench.seed, clean.image_sha256))
            row = with_picture(bench, clean, picture, len(block[place].image))
        if state is Perturbation.TYPOS:
            captions = [_mistyped(bench, other) for other in block]
        yield replace(row, caption=captions[place])
        yield from with_others(row, place, captions)


def _mistyped(bench: Bench, original: Original) -> bytes:
    return mistype(original.text, generator(bench.seed, original.image_sha256)).encode()
