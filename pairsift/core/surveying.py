"""Surveys decided pairs, one partition after the other: counts, scores, and which pairs are worth looking at."""

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.columns import Words
from pairsift.core.duplicates import COPY_REASONS
from pairsift.core.false_discovery import q_values, unrelated_share
from pairsift.core.fingerprint import fingerprint
from pairsift.core.judgements import KEEP, REASONS, SELECTED_OUT, Judgements, reason_code
from pairsift.core.overview import Cut, CutBin, Group
from pairsift.core.policy import Policy
from pairsift.core.records import Reason
from pairsift.core.selects import ALIGNMENT, Fdr, members_of
from pairsift.core.signals import BY_NAME, NUMBERS, RELATIVE
from pairsift.core.tally import Tally

CARDS = 12
"""Pairs in a gallery."""
GROUPS, COPIES = 6, 3
"""Groups of copies in a gallery, and copies of each."""
MOST_BINS, FEWEST_BINS = 100, 20
ALPHAS = tuple(round(0.01 * step, 2) for step in range(1, 51))
MOST_GROUPS = 50

SIZES = (200, 400, 800)
"""Shorter sides at which a class of sizes begins, px."""

Z = "z of pair.alignment"
"""What stands for a signal where `fdr` selects."""

BEST, JUST_KEPT, JUST_OUT, WORST, ANY = "best", "just kept", "just left out", "worst", "any kept"

Place = tuple[int, int]
"""A partition's number and an ordinal within it."""


@dataclass(frozen=True, slots=True, eq=False)
class SurveyedPartition:
    """n decided pairs: score, p and q are (n,) float64, NaN where a pair has none, `sides` the shorter side in px.

    `groups` (n,) are the uids that name their groups of copies, None where a pair has no copies.
    """

    key: str
    judged: Judgements
    score: Floats
    p: Floats
    q: Floats
    languages: Words
    sides: Floats
    groups: Words


@dataclass(frozen=True, slots=True, eq=False)
class Survivors:
    """Whether m survivors of rules and copies are kept, (m,) bool, their scores and p, NaN where one has none."""

    kept: Flags
    scores: Floats
    p: Floats


@dataclass(slots=True)
class Shortlist:
    """The CARDS pairs of the smallest numbers offered so far; ties by place."""

    found: list[tuple[float, Place]] = field(default_factory=list)

    def offer(self, order: Floats, ordinals: Integers, partition: int) -> None:
        """Offer pairs of one partition, each with its number."""
        nearest = np.argsort(order, kind="stable")[:CARDS]
        offered = zip(order[nearest].tolist(), ordinals[nearest].tolist(), strict=True)
        self.found = sorted([*self.found, *((number, (partition, ordinal)) for number, ordinal in offered)])[:CARDS]

    @property
    def places(self) -> list[Place]:
        """Tell where the pairs are, the smallest number first."""
        return [place for _, place in self.found]


@dataclass(slots=True)
class GroupShortlist:
    """The GROUPS groups of copies of the smallest names offered so far, with the first COPIES of each and their number.

    A group's name is its smallest uid: those of the smallest are the groups of pairs that are chosen by chance.
    """

    found: dict[str, tuple[list[Place], int]] = field(default_factory=dict)

    def offer(self, names: Sequence[str], ordinals: Sequence[int], partition: int) -> None:
        """Offer copies of one partition, each with the name of its group."""
        smallest = heapq.nsmallest(GROUPS, {*names, *self.found})
        self.found = {name: self.found.get(name, ([], 0)) for name in smallest}
        for name, ordinal in zip(names, ordinals, strict=True):
            if name in self.found:
                places, count = self.found[name]
                self.found[name] = ([*places, (partition, ordinal)][:COPIES], count + 1)

    @property
    def groups(self) -> list[tuple[list[Place], int]]:
        """Tell of each group where some of its copies are, and how many it has."""
        return list(self.found.values())


@dataclass(slots=True)
class Survey:
    """What was seen of the partitions added so far; it holds some 20 bytes of every survivor, nothing of the others."""

    verdicts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    partitions: list[Group] = field(default_factory=list)
    shortlists: dict[str, Shortlist] = field(default_factory=lambda: defaultdict(Shortlist))
    copies: dict[Reason, GroupShortlist] = field(default_factory=lambda: defaultdict(GroupShortlist))
    _languages: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    _sizes: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    _scores: list[tuple[Flags, Floats, Floats, Floats]] = field(default_factory=list)

    def add(self, part: SurveyedPartition) -> None:
        """Take in the pairs of one more partition."""
        kept = part.judged.verdicts == KEEP
        number = len(self.partitions)
        self.partitions.append(Group(part.key, len(kept), int(kept.sum())))
        tally = Tally()
        tally.count(part.judged, part.judged)
        self.verdicts.update(tally.after)
        self.reasons.update(tally.reasons)
        _count(self._languages, ["–" if word is None else str(word) for word in part.languages], kept)
        _count(self._sizes, _size_names(part.sides), kept)
        left_out = np.isin(part.judged.reasons, [reason_code(reason) for reason in SELECTED_OUT])
        survived = kept | left_out
        self._scores.append((kept[survived], part.score[survived], part.p[survived], part.q[survived]))
        self._shortlist(part, kept, left_out, number)
        self._shortlist_copies(part, number)

    @property
    def languages(self) -> list[Group]:
        """Count pairs by the language of their captions, the most frequent first."""
        return sorted(_groups(self._languages), key=lambda group: (-group.read, group.name))[:MOST_GROUPS]

    @property
    def sizes(self) -> list[Group]:
        """Count pairs by the shorter side of their pictures, the smallest first."""
        order = [*_SIZE_NAMES, _NO_SIZE]
        return sorted(_groups(self._sizes), key=lambda group: order.index(group.name))

    def cut(self, score: str) -> Cut | None:
        """Tell how the survivors' score, named as by `score_of`, is distributed; None where nobody has one."""
        kept, scores, p, _ = self._survivors
        return cut_of(Survivors(kept, scores, p), score)

    @property
    def curve(self) -> list[tuple[float, float]]:
        """Give for each of ALPHAS the share of the survivors whose q-value it reaches; empty without p-values.

        The q-values are those decided by, of each partition; where the policy made none, those of all survivors.
        """
        _, _, p, q = self._survivors
        tested = ~np.isnan(p)
        if not tested.any():
            return []
        decided = q[tested] if not np.isnan(q[tested]).all() else q_values(p[tested], unrelated_share(p[tested]))
        return [(alpha, float((decided <= alpha).sum() / len(p))) for alpha in ALPHAS]

    @property
    def _survivors(self) -> tuple[Flags, Floats, Floats, Floats]:
        if not self._scores:
            nothing = np.empty(0)
            return np.empty(0, np.bool_), nothing, nothing, nothing
        kept, scores, p, q = (np.concatenate(columns) for columns in zip(*self._scores, strict=True))
        return kept, scores, p, q

    def _shortlist(self, part: SurveyedPartition, kept: Flags, left_out: Flags, number: int) -> None:
        chance = np.random.default_rng(int(fingerprint({"report": part.key})[:16], 16)).random(len(kept))
        scored = ~np.isnan(part.score)
        for name, who, order in (
            (BEST, kept & scored, -part.score),
            (JUST_KEPT, kept & scored, part.score),
            (JUST_OUT, left_out & scored, -part.score),
            (WORST, left_out & scored, part.score),
            (ANY, kept, chance),
            *(
                (str(reason), part.judged.reasons == reason_code(reason), chance)
                for reason in _seen(part.judged)
                if reason not in COPY_REASONS
            ),
        ):
            ordinals = np.flatnonzero(who)
            if len(ordinals):
                self.shortlists[name].offer(order[ordinals], ordinals, number)

    def _shortlist_copies(self, part: SurveyedPartition, number: int) -> None:
        for reason in _seen(part.judged):
            if reason in COPY_REASONS:
                ordinals = np.flatnonzero(part.judged.reasons == reason_code(reason)).tolist()
                names = [part.groups[ordinal] or f"{part.key}/{ordinal}" for ordinal in ordinals]
                self.copies[reason].offer(names, ordinals, number)


def score_of(policy: Policy) -> str:
    """Name what survivors are ordered by: Z where `fdr` selects, else the selection's first signal, if it is stored."""
    chosen = members_of(policy.select)[0]
    if isinstance(chosen, Fdr):
        return Z
    return chosen.signal if chosen.signal in NUMBERS or chosen.signal in RELATIVE else ALIGNMENT


def cut_of(survivors: Survivors, score: str) -> Cut | None:
    """Tell how the score of survivors, named as by `score_of`, is distributed; None where nobody has one."""
    kept, scores, p = survivors.kept, survivors.scores, survivors.p
    seen = ~np.isnan(scores)
    if not seen.any():
        return None
    known = p[~np.isnan(p)]
    share = unrelated_share(known) if len(known) else None
    lowest = float(scores[seen & kept].min()) if (seen & kept).any() else None
    unrelated = share * len(known) if score == Z and share is not None else None  # Z is the one that p is of
    unit = "standard deviations" if score == Z else BY_NAME[score].unit
    return Cut(score, unit, list(_bins(kept[seen], scores[seen], p[seen], unrelated)), lowest, share)


_SIZE_NAMES = (f"< {SIZES[0]}", *(f"{low}–{high - 1}" for low, high in pairwise(SIZES)), f"≥ {SIZES[-1]}")
_NO_SIZE = "unreadable"


def _size_names(sides: Floats) -> list[str]:
    classes = np.where(np.isnan(sides), len(_SIZE_NAMES), np.searchsorted(SIZES, sides, side="right"))
    names = (*_SIZE_NAMES, _NO_SIZE)
    return [names[place] for place in classes.tolist()]


def _count(groups: dict[str, list[int]], names: Sequence[str], kept: Flags) -> None:
    for name, count in Counter(names).items():
        groups[name][0] += count
    for name, count in Counter(name for name, good in zip(names, kept.tolist(), strict=True) if good).items():
        groups[name][1] += count


def _groups(counted: dict[str, list[int]]) -> Iterator[Group]:
    return (Group(name, read, kept) for name, (read, kept) in counted.items())


def _seen(judged: Judgements) -> list[Reason]:
    codes = np.unique(judged.reasons).tolist()
    return [reason for code in codes if (reason := REASONS[code]) is not None]


def _bins(kept: Flags, scores: Floats, p: Floats, unrelated: float | None) -> Iterator[CutBin]:
    """Cut the range of the scores into bins; `unrelated` are expected among all pairs that have a p-value."""
    bins = min(MOST_BINS, max(FEWEST_BINS, 2 * math.isqrt(len(scores))))
    low, high = float(scores.min()), float(scores.max())
    edges = np.linspace(low, high if high > low else low + 1, bins + 1)
    place = np.clip(np.searchsorted(edges, scores, side="right") - 1, 0, bins - 1)
    here = (np.bincount(place[which], minlength=bins).tolist() for which in (kept, ~kept))
    beyond = _highest_p(place, p, bins)
    for number, (in_it, out) in enumerate(zip(*here, strict=True)):
        expected = None if unrelated is None else unrelated * beyond[number]
        yield CutBin(float(edges[number]), float(edges[number + 1]), in_it, out, expected)


def _highest_p(place: Integers, p: Floats, bins: int) -> list[float]:
    """Give for each bin the highest p-value from it on: how often an unrelated caption scores as high."""
    highest = np.zeros(bins)
    tested = ~np.isnan(p)
    np.maximum.at(highest, place[tested], p[tested])
    rising: list[float] = np.maximum.accumulate(highest[::-1])[::-1].tolist()
    return rising
