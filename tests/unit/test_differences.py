"""How two judgements of the same pairs differ, by hand."""

import numpy as np

from pairsift.core.differences import (
    EXAMPLES,
    Change,
    Difference,
    JoinedDifference,
    find_differences,
    join_differences,
)
from pairsift.core.judgements import VERDICTS, Judgements, reason_code
from pairsift.core.records import Reason, Verdict
from pairsift.core.tally import Tally

Said = tuple[Verdict, Reason | None]
KEPT: Said = (Verdict.KEEP, None)
DARK: Said = (Verdict.DROP, Reason.DARK)
BLURRY: Said = (Verdict.DROP, Reason.BLURRY)
CORRUPT: Said = (Verdict.QUARANTINE, Reason.IMAGE_CORRUPT)


def judged(*said: Said) -> Judgements:
    verdicts = [VERDICTS.index(verdict) for verdict, _ in said]
    return Judgements(np.array(verdicts, np.uint8), np.array([reason_code(reason) for _, reason in said], np.uint8))


def test_every_change_of_a_verdict_is_told_with_its_reason():
    before = judged(KEPT, DARK, KEPT, KEPT, DARK, CORRUPT, DARK, CORRUPT)
    after = judged(KEPT, KEPT, DARK, CORRUPT, CORRUPT, KEPT, BLURRY, CORRUPT)

    assert find_differences(before, after) == {
        (Change.NEWLY_KEPT, Reason.DARK): Difference(1, (1,)),
        (Change.NEWLY_KEPT, Reason.IMAGE_CORRUPT): Difference(1, (5,)),
        (Change.NEWLY_DROPPED, Reason.DARK): Difference(1, (2,)),
        (Change.NEWLY_QUARANTINED, Reason.IMAGE_CORRUPT): Difference(2, (3, 4)),
        (Change.OTHER_REASON, Reason.BLURRY): Difference(1, (6,)),
    }


def test_judgements_that_say_the_same_do_not_differ():
    said = judged(KEPT, DARK, CORRUPT)

    assert find_differences(said, said) == {}
    assert find_differences(judged(), judged()) == {}


def test_no_more_than_five_examples_are_named_and_all_are_counted():
    found = find_differences(judged(*[KEPT] * 7), judged(*[DARK] * 7))

    assert found == {(Change.NEWLY_DROPPED, Reason.DARK): Difference(7, (0, 1, 2, 3, 4))}


def test_differences_of_several_tables_are_added_up_and_the_first_examples_stay():
    kind = (Change.NEWLY_DROPPED, Reason.DARK)
    other = (Change.NEWLY_KEPT, Reason.BLURRY)
    parts = [
        (11, {kind: Difference(3, (0, 1, 2))}),
        (12, {kind: Difference(4, (5, 6, 7, 8)), other: Difference(1, (2,))}),
    ]

    joined = join_differences(parts)

    assert joined == {
        kind: JoinedDifference(7, ((11, 0), (11, 1), (11, 2), (12, 5), (12, 6))),
        other: JoinedDifference(1, ((12, 2),)),
    }
    assert len(joined[kind].examples) == EXAMPLES


def test_pairs_are_counted_before_and_after_over_all_tables():
    tally = Tally()

    tally.count(judged(KEPT, DARK), judged(KEPT, KEPT))
    tally.count(judged(CORRUPT), judged(BLURRY))

    assert tally.before == {"read": 3, "kept": 1, "dropped": 1, "quarantined": 1}
    assert tally.after == {"read": 3, "kept": 2, "dropped": 1, "quarantined": 0}
    assert tally.reasons == {"blurry": 1}
