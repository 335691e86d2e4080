"""How pairs are dealt out to partitions and chunks, and the order in which those come, changes no decision."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pairsift.adapters.calibrations import join_pairs, read_reference, write_reference
from pairsift.adapters.chunks import ChunkData
from pairsift.adapters.results import MeasuredPairs, measured_pairs
from pairsift.core.calibration import Calibration, calibrate, choose_reference, draw_calibration
from pairsift.core.deciding import Decision, calibratable, decide
from pairsift.core.fingerprint import fingerprint
from pairsift.core.judging import judge_alone
from pairsift.core.policy import Policy
from pairsift.core.records import IngestedPair
from pairsift.core.relative import References, complete, relative_signals
from pairsift.core.signals import SIGNALS

WORDY = {"signal": "text.words", "lt": 2, "reason": "caption_too_short"}


def policy(select: dict[str, object], **more: object) -> Policy:
    asked = {"name": "any", "version": 1, "description": "", "rules": [WORDY], "duplicates": "keep", "select": select}
    return Policy.model_validate(asked | more)


ABSOLUTE = policy({"method": "absolute", "signal": "pair.alignment", "ge": 0.5})
BY_LOSS = policy({"method": "absolute", "signal": "pair.neg_clip_loss", "ge": -0.9}, temperature=0.1)
BY_FDR = policy({"method": "fdr", "alpha": 0.3})


@dataclass(frozen=True)
class Pairs:
    """A data set: its pairs' captions and pictures, some shared, and embeddings of which some match."""

    captions: list[str]
    pictures: list[str]
    image: npt.NDArray[np.float16]
    text: npt.NDArray[np.float16]

    def __len__(self) -> int:
        return len(self.captions)

    def uid(self, pair: int) -> str:
        return fingerprint({"caption": self.captions[pair], "picture": self.pictures[pair]})[:32]

    def chunk(self, pairs: Sequence[int]) -> tuple[list[IngestedPair], ChunkData]:
        uids, captions = ([tell(pair) for pair in pairs] for tell in (self.uid, self.captions.__getitem__))
        signals = {signal.name: [None] * len(pairs) for signal in SIGNALS}
        alignment = (self.image[pairs].astype(float) * self.text[pairs]).sum(axis=1)
        values = {"pair.alignment": alignment.tolist(), "text.words": [len(caption) % 5 for caption in captions]}
        ingested = [IngestedPair(n, self.uid(n), str(n), None, self.pictures[n], None) for n in pairs]
        embeddings = (self.image[pairs], self.text[pairs], self.text[pairs])
        return ingested, ChunkData(uids, captions, signals | values, [{} for _ in pairs], *embeddings)


def made(seed: int, count: int) -> Pairs:
    """Pairs of `count` pictures and three quarters as many captions; whole pairs may repeat."""
    rng = np.random.default_rng(seed)
    things = rng.standard_normal((count, 8))
    shown, told = rng.integers(0, count, count), rng.integers(0, max(1, 3 * count // 4), count)
    told = np.where(rng.random(count) < 0.6, shown, told)
    image, text = things + 0.4 * rng.standard_normal((count, 8)), things + 0.4 * rng.standard_normal((count, 8))
    image, text = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (image, text))
    captions, pictures = ["caption" + number * "." for number in told.tolist()], [f"{n}" for n in shown.tolist()]
    return Pairs(captions, pictures, image[shown].astype(np.float16), text[told].astype(np.float16))


Dealt = list[list[int]]
"""Partitions of pairs."""


def deal(pairs: Pairs, chance: Random) -> Dealt:
    """Deal out all pairs to at most five partitions, none empty."""
    where = [chance.randrange(5) for _ in range(len(pairs))]
    partitions = [[pair for pair in range(len(pairs)) if where[pair] == number] for number in range(5)]
    return shuffled([partition for partition in partitions if partition], chance)


def shuffled(partitions: Dealt, chance: Random) -> Dealt:
    """The same partitions in another order, and their pairs in another."""
    return [chance.sample(part, len(part)) for part in chance.sample(partitions, len(partitions))]


@dataclass(frozen=True)
class Outcome:
    """The calibration that was made, and every decision by uid."""

    calibration: str | None
    decisions: dict[str, set[Decision]]


def chunks(partition: list[int], chance: Random) -> Iterator[list[int]]:
    size = chance.randint(1, 50)
    return (partition[start : start + size] for start in range(0, len(partition), size))


def curate(pairs: Pairs, dealt: Dealt, chance: Random, asked: Policy, folder: Path) -> Outcome:
    """Measure all partitions, make their calibration of the candidates that each leaves in a file, and decide."""
    measured = [measured_pairs(map(pairs.chunk, chunks(partition, chance)), "shard") for partition in dealt]
    for number, part in enumerate(measured):
        put_aside(part, asked, folder / f"{number}.parquet")
    candidates = join_pairs(read_reference(path) for path in sorted(folder.iterdir()))
    calibration = draw_calibration(candidates, np.arange(len(candidates.uids)), "score")
    decisions: dict[str, set[Decision]] = {}
    for uid, decision in chain.from_iterable(decided(part, asked, calibration) for part in measured):
        decisions.setdefault(uid, set()).add(decision)
    return Outcome(None if calibration is None else calibration.fingerprint, decisions)


def put_aside(part: MeasuredPairs, asked: Policy, path: Path) -> None:
    survivors = judge_alone(part.table, asked).kept
    eligible = survivors[calibratable(part.table.columns, part.embedded)[survivors]]
    write_reference(path, part.embedded.take(choose_reference(part.embedded.uids, eligible)))


def decided(part: MeasuredPairs, asked: Policy, calibration: Calibration | None) -> Iterator[tuple[str, Decision]]:
    eligible = calibratable(part.table.columns, part.embedded)
    calibrated = calibrate(calibration, part.embedded, eligible)
    relative = relative_signals(asked, References(calibration), part.embedded, eligible)
    table = replace(part.table, columns=complete(part.table.columns, relative))
    return zip(part.table.uids, decide(table, asked, calibrated), strict=True)


@pytest.fixture(scope="module", autouse=True)
def small_numbers() -> Iterator[None]:
    """A reference set that not all pairs are in, and blocks of fewer pairs than a partition has."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pairsift.core.calibration.REFERENCE_PAIRS", 16)
        patch.setattr("pairsift.core.embedded.BLOCK_PAIRS", 5)
        yield


any_pairs = st.builds(made, st.integers(0, 2**32), st.integers(12, 48))
any_order = st.randoms(use_true_random=False)
often = settings(max_examples=20, deadline=None, derandomize=True, database=None)


@often
@given(pairs=any_pairs, chance=any_order)
@pytest.mark.parametrize("asked", [ABSOLUTE, BY_LOSS, BY_FDR], ids=["absolute", "loss", "fdr"])
def test_the_order_of_partitions_and_pairs_and_the_size_of_chunks_change_no_decision(
    tmp_path_factory: pytest.TempPathFactory, asked: Policy, pairs: Pairs, chance: Random
):
    dealt = deal(pairs, chance)
    other = shuffled(dealt, chance)

    first = curate(pairs, dealt, chance, asked, tmp_path_factory.mktemp("first"))
    second = curate(pairs, other, chance, asked, tmp_path_factory.mktemp("second"))

    assert first == second


@often
@given(pairs=any_pairs, chance=any_order)
@pytest.mark.parametrize("asked", [ABSOLUTE, BY_LOSS], ids=["absolute", "loss"])
def test_other_partitions_of_the_same_pairs_change_no_z_no_p_no_loss_and_no_absolute_cut(
    tmp_path_factory: pytest.TempPathFactory, asked: Policy, pairs: Pairs, chance: Random
):
    first, second = (
        curate(pairs, deal(pairs, chance), chance, asked, tmp_path_factory.mktemp("dealt")) for _ in range(2)
    )

    assert first.calibration == second.calibration
    assert {uid: unranked(of) for uid, of in first.decisions.items()} == {
        uid: unranked(of) for uid, of in second.decisions.items()
    }


def unranked(decisions: set[Decision]) -> set[tuple[object, ...]]:
    """All but the rank, which is one among the partition's pairs."""
    return {(one.verdict, one.reason, one.alignment_z, one.alignment_p, one.neg_clip_loss) for one in decisions}


@pytest.mark.parametrize("asked", [ABSOLUTE, BY_LOSS, BY_FDR], ids=["absolute", "loss", "fdr"])
def test_the_pairs_drawn_are_calibrated_and_some_are_kept_and_some_are_not(tmp_path: Path, asked: Policy):
    """So the properties above say something."""
    outcome = curate(made(0, 48), deal(made(0, 48), Random(0)), Random(0), asked, tmp_path)

    found = [decision for decisions in outcome.decisions.values() for decision in decisions]
    assert outcome.calibration is not None
    assert {decision.verdict for decision in found} == {"keep", "drop"}
    assert {decision.reason for decision in found} >= {"caption_too_short", None}
