"""What a report shows of a data set: counts, distributions and examples, ready to be drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pairsift.config import RunRequest
from pairsift.core.course import Course


@dataclass(frozen=True, slots=True)
class Card:
    """One pair to look at: `picture` is a small JPEG, or `unseen` says why there is none."""

    partition: str
    key: str
    uid: str
    caption: str
    verdict: str
    reason: str | None
    score: float | None
    p: float | None
    q: float | None
    width: int | None
    height: int | None
    duplicate_of: str | None
    picture: bytes | None
    unseen: str | None


@dataclass(frozen=True, slots=True)
class CopyGroup:
    """Pairs that are copies of one another: the one that is kept, some that are not, and how many more there are.

    Of placeholders none is kept.
    """

    keeper: Card | None
    copies: Sequence[Card]
    more: int


@dataclass(frozen=True, slots=True)
class Gallery:
    """Some pairs that have something in common; `reason` where they were not kept for it, in `groups` as copies."""

    title: str
    reason: str | None
    cards: Sequence[Card] = ()
    groups: Sequence[CopyGroup] = ()


@dataclass(frozen=True, slots=True)
class Group:
    """How many of some pairs were read and kept."""

    name: str
    read: int
    kept: int


@dataclass(frozen=True, slots=True)
class RunRow:
    """What stands committed by one run: since when, how much of it, and the worst drift of its partitions."""

    run_id: str
    when: datetime | None
    read: int
    kept: int
    drift: str


@dataclass(frozen=True, slots=True)
class CutBin:
    """Survivors of rules and copies with a score from `low` up to `high`: kept, and left out by the selection.

    `unrelated` is how many unrelated captions are expected among all from `low` up, None without p-values.
    """

    low: float
    high: float
    kept: int
    left_out: int
    unrelated: float | None

    @property
    def pairs(self) -> int:
        """All pairs of the bin."""
        return self.kept + self.left_out


@dataclass(frozen=True, slots=True)
class Cut:
    """The score that survivors were selected by, how it is distributed, and the lowest one that was kept."""

    score: str
    unit: str
    bins: Sequence[CutBin]
    lowest_kept: float | None
    mismatched: float | None

    @property
    def pairs(self) -> int:
        """Survivors with a score."""
        return sum(each.pairs for each in self.bins)


@dataclass(frozen=True, slots=True)
class Overview:
    """Everything that a report draws.

    `pairs` has the counts of read, kept, dropped and quarantined; `reasons` those of every reason, in the order in
    which pairs are judged; `curve` the share of the survivors kept at each alpha, empty without p-values, and `alpha`
    the one that was decided by, if `fdr` selects. `course` is that of the whole data set, whatever run is asked for.
    `facts` are what the decisions rest on, by name, `rules` the policy's canonical text; `request` is what the last of
    the runs was asked for.
    """

    dataset: str
    policy: str
    select: str
    run_id: str | None
    pairs: Mapping[str, int]
    reasons: Mapping[str, int]
    cut: Cut | None
    curve: Sequence[tuple[float, float]]
    alpha: float | None
    course: Course
    partitions: Sequence[Group]
    languages: Sequence[Group]
    sizes: Sequence[Group]
    runs: Sequence[RunRow]
    galleries: Sequence[Gallery]
    facts: Mapping[str, str]
    rules: str
    request: RunRequest | None
