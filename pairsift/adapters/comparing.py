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
    one, other = choose_set(known, before), choose_set(known, after)
    parts = committed_partitions(engine, dataset_id)
    deciding = sets_deciding(engine, [part.attempt_id for part in parts])
    both = [part for part in parts if {one.id, other.id} <= set(deciding[part.attempt_id])]
    if not both:
        raise ConfigError(
            f"no committed partition is decided under both {one} and {other}: `pairsift decide` decides it"
        )
    tally = Tally()
    differences = join_differences(_compare_all(engine, both, (one.id, other.id), tally, advance))
    left = [part.key for part in parts if part not in both]
    return Comparison(one, other, tally, len(both), left, name_changes(engine, differences))


def choose_set(known: Sequence[DecisionSetRow], asked: str) -> DecisionSetRow:
    """Find a decision set by its id, by its policy as NAME or NAME@VERSION (the newest), or as `active`.

    ConfigError if there is none.
    """
    matching = [each for each in known if asked in (str(each.id), each.policy, f"{each.policy}@{each.version}")]
    matching += [each for each in known if asked == ACTIVE and each.active]
    if not matching:
        names = {name for each in known for name in (each.policy, f"{each.policy}@{each.version}", str(each.id))}
        hint = nearest(asked, {ACTIVE, *names}) if known else "nothing is decided yet: pairsift run SOURCE"
        raise ConfigError(f"there is no decision set {asked!r} of this data set; {hint}")
    return matching[-1]


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


def _compare_all(
    engine: Engine, parts: Sequence[CommittedPartition], sets: tuple[int, int], tally: Tally, advance: Advance
) -> Iterator[tuple[int, dict[Kind, Difference]]]:
    for part in parts:
        before, after = (stored_decided(engine, part, each).judged for each in sets)
        yield part.attempt_id, _counted(before, after, tally)
        advance()


def _counted(before: Judgements, after: Judgements, tally: Tally) -> dict[Kind, Difference]:
    tally.count(before, after)
    return find_differences(before, after)
