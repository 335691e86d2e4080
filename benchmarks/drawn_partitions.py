"""Groups of the sample's pictures, drawn with swapped captions and decided as partitions by the library itself."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.sample_pictures import Encoded
from benchmarks.swapped_captions import Draw, Floats, Integers, Outcome, draw_halves, draw_pairs
from pairsift.core.baseline import pair_quality
from pairsift.core.calibration import EmbeddedPairs, calibrate, contrast, draw_calibration
from pairsift.core.columns import Columns
from pairsift.core.deciding import calibratable, decide
from pairsift.core.judging import PairTable
from pairsift.core.policy import Policy
from pairsift.core.selects import ALIGNMENT, Fdr
from pairsift.models.scores import Scores, cosine

TEMPERATURES = (0.01, 0.03, 0.05, 0.1, 0.3)
SHARES = (0.1, 0.3, 0.6)
SMALL_PARTITION = 75
"""Pairs of a shard of the sample, about: the reference set is then as small as in `make run`."""
SELECT_ONLY = Policy(
    name="select-only",
    version=1,
    description="The selection of the default policy alone; q does not depend on alpha.",
    duplicates="keep",
    select=Fdr(method="fdr", alpha=0.05),
)


@dataclass(frozen=True, slots=True)
class Group:
    """Which pictures a draw takes: `size` of the sample's rows `pool`."""

    name: str
    pool: Integers
    size: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """The outcomes of all draws on one group with one share of swapped captions."""

    group: str
    share: float
    outcomes: list[Outcome]


def group_pictures(kinds: Sequence[str]) -> list[Group]:
    """Make the groups that are measured apart, from the kind of every picture."""
    kind = np.array(kinds)
    photographs, drawings = np.flatnonzero(kind == "photo"), np.flatnonzero(kind == "drawing")
    everything = np.arange(len(kind))
    return [
        Group("photographs", photographs, len(photographs)),
        Group("drawings", drawings, len(drawings)),
        Group("all", everything, len(everything)),
        Group(f"{SMALL_PARTITION} of all", everything, SMALL_PARTITION),
    ]


def run_experiments(encoded: Encoded, groups: Sequence[Group], draws: int, seed: int) -> Iterator[Experiment]:
    """Run all draws; those of a group and share depend on nothing but these and the seed."""
    for group in groups:
        for share in SHARES:
            rng = np.random.default_rng([seed, _number(group, share)])
            made = [draw_pairs(rng, group.pool, group.size, share) for _ in range(draws)]
            yield Experiment(group.name, share, [_judge(encoded, draw, draw) for draw in made])


def run_split_experiments(
    encoded: Encoded, groups: Sequence[Group], draws: int, seed: int, reference_share: float | None
) -> Iterator[Experiment]:
    """Run draws in which half of a group is held against the other half, with a share of that swapped, or none.

    The pairs tested are the same whatever the share in the reference set.
    """
    for group in groups:
        for share in SHARES:
            rngs = (np.random.default_rng([seed, number, _number(group, share)]) for number in range(draws))
            made = [draw_halves(rng, group.pool, share, reference_share) for rng in rngs]
            yield Experiment(group.name, share, [_judge(encoded, *halves) for halves in made])


def loss_at(temperature: float) -> str:
    """Name the score negCLIPLoss at a temperature."""
    return f"negCLIPLoss, τ {temperature:g}"


def _number(group: Group, share: float) -> int:
    return zlib.crc32(f"{group.name} {share}".encode())


def _judge(encoded: Encoded, draw: Draw, reference: Draw) -> Outcome:
    """Decide one draw as a partition of its own, held against the pairs of a reference."""
    scores = encoded.scores
    table, embedded = _measured(scores, draw)
    _, others = _measured(scores, reference)
    calibration = draw_calibration(others, np.arange(len(others.uids)), "drawn")
    calibrated = calibrate(calibration, embedded, calibratable(table.columns, embedded))
    decided = decide(table, SELECT_ONLY, calibrated)
    by_name = {
        "cosine": table.columns.numbers(ALIGNMENT),
        "z": decided.z,
        "product": _product(scores, draw),
        "consistency": encoded.consistency[draw.pictures, draw.captions],
        **{
            loss_at(tau): contrast(calibration, embedded, calibratable(table.columns, embedded), tau)
            for tau in TEMPERATURES
        },
    }
    return Outcome(draw, by_name, decided.p, decided.q)


def _measured(scores: Scores, draw: Draw) -> tuple[PairTable, EmbeddedPairs]:
    """Put together what a run would know of a draw's pairs."""
    image, text = scores.image_embedding[draw.pictures], scores.text_embedding[draw.captions]
    alignment = cosine(image, text).astype(np.float64)
    pictures, captions = ([str(row) for row in rows.tolist()] for rows in (draw.pictures, draw.captions))
    table = PairTable(pictures, Columns(len(pictures), {ALIGNMENT: alignment}, {}))
    return table, EmbeddedPairs(pictures, captions, pictures, image.astype(np.float32), text.astype(np.float32))


def _product(scores: Scores, draw: Draw) -> Floats:
    """Compute the reference method's score of the draw's pairs."""
    image, text = (scores.signals[f"baseline.{side}_quality"].astype(np.float64) for side in ("image", "text"))
    return pair_quality(image[draw.pictures], text[draw.captions])
