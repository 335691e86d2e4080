"""Compares decision sets of a data set, pair by pair, over the committed attempts that are decided under both."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from pairsift.adapters.store.decisions import (
    CommittedPartition,
    DecisionSetRow,
    committed_partitions,
    decision_sets,
    find_dataset,
    keys_of,
    sets_deciding,
)
from pairsift.adapters.stored import stored_decided
from pairsift.core.conditions import nearest
from pairsift.core.differences import (
    Change,
    Difference,
    JoinedDifference,
    Kind,
    find_differences,
    join_differences,
)
from pairsift.core.judgements import Judgements
from pairsift.core.tally import Tally
from pairsift.errors import ConfigError

Advance = Callable[[], None]

ACTIVE = "active"


def no_progress() -> None:
    """Show nothing when a partition is done."""


@dataclass(frozen=True, slots=True)
class Changed:
    """How many pairs changed in one way, and by reason how many and the keys of the first."""

    count: int
    reasons: dict[str, dict[str, object]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two decision sets say of the same pairs; `left` partitions are not decided under both."""

    before: DecisionSetRow
    after: DecisionSetRow
    tally: Tally
    partitions: int
    left: list[str]
    changes: dict[str, Changed]


def compare(engine: Engine, dataset: str, before: str, after: str, advance: Advance = no_progress) -> Comparison:
    """Compare two decision sets of a data set; ConfigError if one of them is not known, or no partition has both."""
    dataset_id = find_dataset(engine, dataset)
    known = decision_sets(engine, dataset_id)
    one, other = choose_sets(known, before), choose_sets(known, after)
    parts = committed_partitions(engine, dataset_id)
    deciding = sets_deciding(engine, [part.attempt_id for part in parts])
    sets = [(part, _both(part, deciding[part.attempt_id], one, other)) for part in parts]
    both = [(part, ids) for part, ids in sets if len(ids) == 2]
    if not both:
        names = f"{one.newest} and {other.newest}"
        raise ConfigError(f"no committed partition is decided under both {names}: `pairsift decide` decides it")
    tally = Tally()
    differences = join_differences(_compare_all(engine, both, tally, advance))
    left = [part.key for part, ids in sets if len(ids) < 2]
    return Comparison(one.newest, other.newest, tally, len(both), left, name_changes(engine, differences))


@dataclass(frozen=True, slots=True)
class ChosenSets:
    """The decision sets that a name means, the newest last; each partition's is the newest that it is decided under.

    `shown` where they are those that are shown: then a partition's is the one that it shows.
    """

    sets: Sequence[DecisionSetRow]
    newest: DecisionSetRow
    shown: bool

    def of(self, part: CommittedPartition, deciding: Sequence[int]) -> DecisionSetRow | None:
        """Give a partition's, of those that decide it; None where there is none."""
        asked = [part.shown_decision_set_id] if self.shown else deciding
        return next((each for each in reversed(self.sets) if each.id in asked), None)


def choose_sets(known: Sequence[DecisionSetRow], asked: str) -> ChosenSets:
    """Find decision sets by id, by their policy as NAME or NAME@VERSION, or as `active`, which are those shown.

    ConfigError if there is none.
    """
    active = [each for each in known if asked == ACTIVE and each.active]
    if active:
        return ChosenSets(known, active[-1], shown=True)
    matching = [each for each in known if asked in (str(each.id), each.policy, f"{each.policy}@{each.version}")]
    if not matching:
        names = {name for each in known for name in (each.policy, f"{each.policy}@{each.version}", str(each.id))}
        hint = nearest(asked, {ACTIVE, *names}) if known else "nothing is decided yet: pairsift run SOURCE"
        raise ConfigError(f"there is no decision set {asked!r} of this data set; {hint}")
    return ChosenSets(matching, matching[-1], shown=False)


def name_changes(engine: Engine, differences: Mapping[Kind, JoinedDifference]) -> dict[str, Changed]:
    """Sum differences up by change and reason, the most frequent reason first, with keys for examples."""
    keys = keys_of(engine, {place for found in differences.values() for place in found.examples})
    changes: dict[str, Changed] = {}
    for change in Change:
        found = [(reason, joined) for (kind, reason), joined in differences.items() if kind is change]
        found.sort(key=lambda each: (-each[1].count, each[0]))
        reasons: dict[str, dict[str, object]] = {
            str(reason): {"count": joined.count, "examples": [keys[place] for place in joined.examples]}
            for reason, joined in found
        }
        changes[str(change)] = Changed(sum(joined.count for _, joined in found), reasons)
    return changes


def _both(part: CommittedPartition, deciding: Sequence[int], one: ChosenSets, other: ChosenSets) -> list[int]:
    """Give the ids of a partition's sets, fewer than two where it is not decided under both."""
    sets = (one.of(part, deciding), other.of(part, deciding))
    return [each.id for each in sets if each is not None]


def _compare_all(
    engine: Engine, parts: Sequence[tuple[CommittedPartition, Sequence[int]]], tally: Tally, advance: Advance
) -> Iterator[tuple[int, dict[Kind, Difference]]]:
    for part, sets in parts:
        before, after = (stored_decided(engine, part, each).judged for each in sets)
        yield part.attempt_id, _counted(before, after, tally)
        advance()


def _counted(before: Judgements, after: Judgements, tally: Tally) -> dict[Kind, Difference]:
    tally.count(before, after)
    return find_differences(before, after)
