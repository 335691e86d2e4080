import math
from dataclasses import dataclass

import numpy as np
import pytest
from pydantic import TypeAdapter

from pairsift.core.calibration import Calibrated
from pairsift.core.columns import to_columns
from pairsift.core.judgements import REASONS, VERDICTS
from pairsift.core.policy import Select
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.core.selection import best_share, discoveries, ranks, reach, select_pairs

KEEP = (Verdict.KEEP, None)
BELOW = (Verdict.DROP, Reason.BELOW_CUT)
FDR = {"method": "fdr", "alpha": 0.1}
MISMATCHED = (Verdict.DROP, Reason.LIKELY_MISMATCHED)


@dataclass(frozen=True)
class Selected:
    """A selection by the pairs' numbers; only those that have a q or a rank."""

    judged: dict[int, tuple[Verdict, Reason | None]]
    q: dict[int, float]
    rank: dict[int, int]


def select(raw: dict[str, object], alignment: list[SignalValue], p: list[float] | None = None) -> Selected:
    """Select among pairs of these alignments, all survivors; z is −p."""
    count = len(alignment)
    calibrated = np.full(count, math.nan) if p is None else np.array(p)
    columns = to_columns(count, {"pair.alignment": alignment}, [{}] * count)
    choice: Select = TypeAdapter[Select](Select).validate_python(raw)
    made = select_pairs(choice, columns, np.arange(count), Calibrated(-calibrated, calibrated))
    codes = zip(made.judged.verdicts, made.judged.reasons, strict=True)
    return Selected(
        judged={pair: (VERDICTS[verdict], REASONS[reason]) for pair, (verdict, reason) in enumerate(codes)},
        q={pair: q for pair, q in enumerate(made.q.tolist()) if not math.isnan(q)},
        rank={pair: rank for pair, rank in enumerate(made.rank.tolist()) if rank > 0},
    )


def test_an_absolute_cut_keeps_what_lies_on_it():
    assert reach(np.array([0.3, 0.29999, 0.4]), 0.3).tolist() == [True, False, True]


@pytest.mark.parametrize(
    ("scores", "fraction", "kept"),
    [
        ([4.0, 3.0, 2.0, 1.0], 0.5, [True, True, False, False]),  # DataComp's code would keep 3
        ([4.0, 3.0, 2.0, 1.0], 0.51, [True, True, True, False]),
        ([1.0, 2.0, 2.0, 2.0], 0.5, [False, True, True, True]),  # ties at the cut stay together
        ([1.0, 2.0, 3.0], 1.0, [True, True, True]),  # DataComp's code fails
        ([1.0, 2.0, 3.0], 0.01, [False, False, True]),
        ([5.0, 5.0], 0.5, [True, True]),
        ([], 0.5, []),
    ],
)
def test_the_best_share_is_rounded_up_with_its_ties(scores: list[float], fraction: float, kept: list[bool]):
    assert best_share(np.array(scores, dtype=np.float64), fraction).tolist() == kept


def test_the_share_is_taken_in_decimals():
    # In binary 0.07 × 100 is 7.000000000000001, which rounds up to 8.
    assert best_share(np.arange(100.0), 0.07).sum() == 7


def test_a_discovery_may_lie_on_alpha():
    assert discoveries(np.array([0.05, 0.050001, 0.01]), 0.05).tolist() == [True, False, True]


def test_ties_share_the_better_rank():
    assert ranks(np.array([0.1, 0.9, 0.5, 0.9, 0.5])).tolist() == [5, 1, 3, 1, 3]


def test_what_is_below_the_cut_is_dropped_and_ranked():
    selection = select({"method": "absolute", "signal": "pair.alignment", "ge": 0.3}, [0.3, 0.2, 0.5])

    assert selection.judged == {0: KEEP, 1: BELOW, 2: KEEP}
    assert selection.rank == {0: 2, 1: 3, 2: 1}
    assert selection.q == {}


@pytest.mark.parametrize(
    ("unmeasurable", "expected"),
    [
        ("quarantine", (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)),
        ("drop", (Verdict.DROP, Reason.SIGNAL_UNMEASURABLE)),
        ("keep", KEEP),
    ],
)
@pytest.mark.parametrize("absent", [None, math.nan])
def test_a_pair_without_a_value_is_judged_apart(
    unmeasurable: str, expected: tuple[Verdict, Reason | None], absent: float | None
):
    half = {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.5, "unmeasurable": unmeasurable}

    selection = select(half, [absent, 0.2, 0.5])

    assert selection.judged == {0: expected, 1: BELOW, 2: KEEP}
    assert selection.rank == {1: 2, 2: 1}


def test_fdr_tests_only_what_has_a_p_value():
    # p of the tested: .01 .02 .9 .03, π₀ = (1 + 1) / 2 = 1, × 4 / rank: .04 .04 .9 .04
    selection = select(FDR, [0.5, 0.5, 0.1, 0.5, 0.5, None], [0.01, 0.02, 0.9, math.nan, 0.03, 0.001])

    unmeasured = (Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)
    assert selection.judged == {0: KEEP, 1: KEEP, 2: MISMATCHED, 3: unmeasured, 4: KEEP, 5: unmeasured}
    assert selection.q == pytest.approx({0: 0.04, 1: 0.04, 2: 0.9, 4: 0.04})
    assert selection.rank == {0: 1, 1: 2, 4: 3, 2: 4}


def test_fdr_without_any_p_value_decides_nothing():
    selection = select(FDR, [0.5, 0.5], [math.nan, math.nan])

    assert set(selection.judged.values()) == {(Verdict.QUARANTINE, Reason.SIGNAL_UNMEASURABLE)}
    assert (selection.q, selection.rank) == ({}, {})
