"""Sheets of made-up measurements, for what is graded without a model."""

from collections.abc import Mapping, Sequence

import numpy as np

from pairsift.core.calibration import EmbeddedPairs
from pairsift.core.columns import to_columns
from pairsift.core.examining import PlantedPairs, Sheet, Swap
from pairsift.core.planting import Fault, swap_partners
from pairsift.core.records import Reason, SignalValue
from pairsift.core.signals import SIGNALS


def sheet_of(
    originals: Mapping[str, Sequence[SignalValue]],
    fault: Fault,
    faulty: Mapping[str, Sequence[SignalValue]],
    reasons: Sequence[Mapping[str, Reason]] | None = None,
) -> Sheet:
    """Put n originals and the same with one fault side by side; both have signals that the other has not named."""
    count = len(next(iter(originals.values())))
    rows = np.arange(count)
    given = {name: [*originals[name], *faulty.get(name, originals[name])] for name in originals}
    signals = {signal.name: given.get(signal.name, [None] * (2 * count)) for signal in SIGNALS}
    columns = to_columns(2 * count, signals, [*([{}] * count), *(reasons or [{}] * count)])
    names, absent = [str(row) for row in range(2 * count)], np.full((2 * count, 2), np.nan)
    pairs = PlantedPairs(columns, EmbeddedPairs(names, names, names, absent, absent))
    return Sheet(pairs, rows, {fault: rows + count}, [Swap(rows + count, swap_partners(count, 1))])


def embedded_sheet(seed: int, count: int = 100) -> Sheet:
    """Make originals whose pictures and captions are alike, their swapped captions in two turns, and copies."""
    rng = np.random.default_rng(seed)
    common = rng.standard_normal((count, 64))
    image, text = common + 0.5 * rng.standard_normal((2, count, 64))
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (image, text))
    turns = [swap_partners(count, turn) for turn in (1, 3)]
    caption_of = np.concatenate([np.arange(count), *turns])
    picture_of = np.tile(np.arange(count), 3)
    alignment = (image[picture_of] * text[caption_of]).sum(axis=1)
    sharpness = np.where(picture_of == 0, 1.0, 100.0)
    given: dict[str, Sequence[SignalValue]] = {
        "pair.alignment": alignment.tolist(),
        "image.sharpness": sharpness.tolist(),
    }
    signals = {signal.name: given.get(signal.name, [None] * (3 * count)) for signal in SIGNALS}
    embedded = EmbeddedPairs(
        uids=[f"{picture:016x}{caption:016x}" for picture, caption in zip(picture_of, caption_of, strict=True)],
        captions=[str(caption) for caption in caption_of],
        pictures=[str(picture) for picture in picture_of],
        image=image[picture_of],
        text=text[caption_of],
        values={"pair.alignment": alignment},
    )
    pairs = PlantedPairs(to_columns(3 * count, signals, [{}] * (3 * count)), embedded)
    rows = np.arange(count)
    swaps = [Swap(rows + (1 + number) * count, partners) for number, partners in enumerate(turns)]
    return Sheet(pairs, rows, {Fault.SWAPPED_CAPTION: swaps[0].rows, Fault.EXACT_COPY: rows}, swaps)
