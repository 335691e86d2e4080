import math
from dataclasses import dataclass

import numpy as np
import pytest
from pydantic import TypeAdapter

from pairsift.core.calibration import Calibrated
from pairsift.core.columns import Columns, to_columns
from pairsift.core.deciding import NO_POOLS
from pairsift.core.judgements import REASONS, VERDICTS
from pairsift.core.records import Reason, SignalValue, Verdict
from pairsift.core.selection import Pools, describe_select, discoveries, pool_values, ranks, reach, select_pairs
from pairsift.core.selects import Among, Pool, PoolRequest, Select
from pairsift.errors import ConfigError

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


def selection_of(raw: dict[str, object]) -> Select:
    return TypeAdapter[Select](Select).validate_python(raw)


def select(
    raw: dict[str, object],
    signals: list[SignalValue] | Columns,
    p: list[float] | None = None,
    survivors: list[int] | None = None,
    pools: Pools = NO_POOLS,
) -> Selected:
    """Select among pairs of these alignments or signals, all of them survivors if none are named; z is −p."""
    columns = signals if isinstance(signals, Columns) else columns_of({"pair.alignment": signals})
    calibrated = np.full(columns.count, math.nan) if p is None else np.array(p)
    ordinals = np.arange(columns.count) if survivors is None else np.array(survivors)
    made = select_pairs(selection_of(raw), columns, ordinals, Calibrated(-calibrated, calibrated), pools)
    codes = zip(ordinals.tolist(), made.judged.verdicts, made.judged.reasons, strict=True)
    places = dict(enumerate(ordinals.tolist()))
    return Selected(
        judged={pair: (VERDICTS[verdict], REASONS[reason]) for pair, verdict, reason in codes},
        q={places[n]: q for n, q in enumerate(made.q.tolist()) if not math.isnan(q)},
        rank={places[n]: rank for n, rank in enumerate(made.rank.tolist()) if rank > 0},
    )


def columns_of(signals: dict[str, list[SignalValue]], reasons: dict[int, dict[str, Reason]] | None = None) -> Columns:
    count = len(next(iter(signals.values())))
    return to_columns(count, signals, [(reasons or {}).get(pair, {}) for pair in range(count)])


def test_an_absolute_cut_keeps_what_lies_on_it():
    assert reach(np.array([0.3, 0.29999, 0.4]), 0.3).tolist() == [True, False, True]


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


BEST_HALF: dict[str, object] = {"method": "top_fraction", "signal": "pair.alignment", "fraction": 0.5}
RUN = PoolRequest(Pool.RUN, "pair.alignment", Among.SURVIVORS)


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"method": "top_fraction", "fraction": 0.5}, [1, 2]),  # ⌈0.5 × 4⌉ = 2 measured survivors: 0.9, 0.6
        ({"method": "top_fraction", "fraction": 0.5, "among": "all"}, [2]),  # 3 of 0.99 0.95 0.9 | 0.6 0.4 0.2
        ({"method": "top_fraction", "fraction": 0.5, "counting": "all"}, [1, 2, 3]),  # ⌊0.5 × 5⌋ + 1 = 3
        ({"method": "top_fraction", "fraction": 0.5, "counting": "all", "among": "all"}, [1, 2]),  # ⌊0.5 × 7⌋ + 1 = 4
        ({"method": "percentile", "percentile": 50}, [1, 2, 3]),  # the ⌈2⌉nd lowest of 4: 0.4
        ({"method": "percentile", "percentile": 50, "among": "all"}, [1, 2]),  # the 3rd lowest of 6: 0.6
    ],
)
def test_a_share_is_of_whom_the_policy_says(asked: dict[str, object], kept: list[int]):
    alignment: list[SignalValue] = [0.2, 0.6, 0.9, 0.4, None, 0.95, 0.99]  # 5 and 6 were dropped before

    selection = select({"signal": "pair.alignment", "unmeasurable": "drop"} | asked, alignment, None, [0, 1, 2, 3, 4])

    assert [pair for pair, said in selection.judged.items() if said == KEEP] == kept
    assert selection.rank == {2: 1, 1: 2, 3: 3, 0: 4}


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ({"method": "top_fraction", "fraction": 0.25}, [0]),  # 1 of 4 measured: 0.8
        ({"method": "top_fraction", "fraction": 0.5}, [0, 1]),  # 2 of 4: 0.5, with its tie
        ({"method": "percentile", "percentile": 100}, [0]),
    ],
)
@pytest.mark.parametrize("pool", ["run", "calibration"])
def test_a_cut_may_lie_where_a_pool_beyond_the_partition_says(pool: str, asked: dict[str, object], kept: list[int]):
    values = np.array([0.8, 0.5, 0.1, math.nan, 0.2])
    pools = {PoolRequest(Pool(pool), "pair.alignment", Among.SURVIVORS): values}

    selection = select({"signal": "pair.alignment", "pool": pool} | asked, [0.8, 0.5, 0.4], pools=pools)

    assert [pair for pair, said in selection.judged.items() if said == KEEP] == kept
    assert selection.rank == {0: 1, 1: 2, 2: 3}


@pytest.mark.parametrize(
    ("pools", "said"),
    [
        ({}, "whose values are not there"),
        ({RUN: np.array([])}, "hold no number"),
        ({RUN: np.array([math.nan])}, "hold"),
    ],
)
def test_a_pool_that_is_not_there_is_an_error_and_no_guess(pools: Pools, said: str):
    with pytest.raises(ConfigError, match=rf"by pair\.alignment within the pool run, .*{said}"):
        select(BEST_HALF | {"pool": "run"}, [0.5], pools=pools)


def test_a_table_gives_its_survivors_or_all_of_its_pairs_to_a_pool():
    columns = columns_of({"pair.alignment": [0.1, None, 0.3]})

    survivors = pool_values(columns, np.array([1, 2]), RUN)
    everything = pool_values(columns, np.array([1, 2]), PoolRequest(Pool.RUN, "pair.alignment", Among.ALL))

    assert np.array_equal(survivors, [math.nan, 0.3], equal_nan=True)
    assert np.array_equal(everything, [0.1, math.nan, 0.3], equal_nan=True)


TWO: dict[str, list[SignalValue]] = {
    "pair.alignment": [0.9, 0.8, 0.2, None, 0.7],
    "image.entropy": [1.0, 5.0, 7.0, 8.0, None],
}
BOTH: dict[str, object] = {
    "method": "all_of",
    "of": [BEST_HALF | {"unmeasurable": "quarantine"}, {"method": "absolute", "signal": "image.entropy", "ge": 2}],
}
UNKNOWN_LANGUAGE = {3: {"pair.alignment": Reason.LANGUAGE_UNSUPPORTED}}


def test_all_of_keeps_what_every_selection_keeps_and_names_the_first_that_drops():
    selection = select(BOTH, columns_of(TWO, UNKNOWN_LANGUAGE))

    # The best half of 0.9 0.8 0.2 0.7 is 0.9 and 0.8: ranked over all, not over what the other selection keeps.
    assert selection.judged == {
        0: BELOW,
        1: KEEP,
        2: BELOW,
        3: (Verdict.QUARANTINE, Reason.LANGUAGE_UNSUPPORTED),
        4: BELOW,  # dropped for sure, whatever its entropy is
    }


def test_all_of_ranks_by_the_worst_rank_of_a_pair():
    selection = select(BOTH, columns_of(TWO, UNKNOWN_LANGUAGE))

    # Alignment ranks 1 2 4 – 3, entropy ranks 4 3 2 1 –: the worst are 4 3 4, pairs 3 and 4 lack one.
    assert selection.rank == {1: 1, 0: 2, 2: 2}


def test_all_of_names_the_reason_of_the_first_selection_that_says_so():
    absent: dict[str, list[SignalValue]] = {"pair.alignment": [None, None], "image.entropy": [None, 1.0]}
    reasons = {pair: {"pair.alignment": Reason.LANGUAGE_UNSUPPORTED} for pair in (0, 1)}
    both_quarantine = BOTH | {"of": [BEST_HALF, {"method": "percentile", "signal": "image.entropy", "percentile": 0}]}

    selection = select(both_quarantine, columns_of(absent, reasons))

    assert selection.judged == dict.fromkeys((0, 1), (Verdict.QUARANTINE, Reason.LANGUAGE_UNSUPPORTED))
    assert selection.rank == {}


THIRDS: dict[str, list[SignalValue]] = {
    "pair.alignment": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1, None],
    "image.entropy": [1.0, 9.0, 3.0, 3.0, 8.0, 7.0, 7.0, 7.0, 7.0, 7.0],
}


def in_turn(first: float, second: float, **both: object) -> dict[str, object]:
    members = (("pair.alignment", first), ("image.entropy", second))
    top = [{"method": "top_fraction", "signal": signal, "fraction": fraction} | both for signal, fraction in members]
    return {"method": "in_turn", "of": top}


@pytest.mark.parametrize(
    ("second", "kept"),
    [
        (0.1, {1}),  # ⌈0.1 × 10⌉ = 1 of pairs 0 to 3
        (0.11, {1, 2, 3}),  # ⌈1.1⌉ = 2, and the tie of the second
        (0.4, {0, 1, 2, 3}),
        (0.5, {0, 1, 2, 3}),  # no more than the first selection left
        (1.0, {0, 1, 2, 3}),
    ],
)
def test_selections_in_turn_take_their_share_of_the_pool_from_what_is_left_of_it(second: float, kept: set[int]):
    # The first share: ⌈0.4 × 9⌉ = 4 of the nine that have a value. All of them taken together would keep pair 1 alone.
    selection = select(in_turn(0.4, second, unmeasurable="drop"), columns_of(THIRDS))

    assert {pair for pair, said in selection.judged.items() if said == KEEP} == kept
    assert selection.judged[4] == BELOW
    assert selection.judged[9] == (Verdict.DROP, Reason.SIGNAL_UNMEASURABLE)


def test_selections_in_turn_cut_a_pool_of_others_by_its_own_pairs():
    # The pool's best half by alignment has entropies 1 and 2; of these the better is 2, though its other half has more.
    pools = {
        PoolRequest(Pool.RUN, "pair.alignment", Among.SURVIVORS): np.array([0.9, 0.8, 0.1, 0.0]),
        PoolRequest(Pool.RUN, "image.entropy", Among.SURVIVORS): np.array([1.0, 2.0, 9.0, 8.0]),
    }
    columns = columns_of({"pair.alignment": [0.8, 0.8, 0.79], "image.entropy": [2.0, 1.9, 9.0]})

    selection = select(in_turn(0.5, 0.25, pool="run"), columns, pools=pools)

    assert selection.judged == {0: KEEP, 1: BELOW, 2: BELOW}
    assert selection.rank == {1: 2, 0: 1, 2: 2}  # by the worst of 1 1 3 and 2 3 1


def test_a_selection_by_a_column_of_the_source_judges_who_lacks_it_apart():
    top = {"method": "top_fraction", "signal": "source.similarity", "fraction": 0.5}
    columns = columns_of({"source.similarity": [0.4, "0.9", None, 2]})

    selection = select(top, columns)

    missing = (Verdict.QUARANTINE, Reason.SOURCE_COLUMN_MISSING)
    assert selection.judged == {0: BELOW, 1: missing, 2: missing, 3: KEEP}


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (FDR, "fdr of pair.alignment, alpha 0.1"),
        ({"method": "absolute", "signal": "image.width", "ge": 200}, "absolute: image.width ≥ 200 [px]"),
        (
            BEST_HALF | {"signal": "source.similarity", "counting": "all", "among": "all", "pool": "run"},
            (
                "top_fraction: the best 0.5 by source.similarity [as in the source] among all pairs of the run, "
                "pairs without a value counted"
            ),
        ),
        (
            BOTH | {"of": [BEST_HALF, {"method": "percentile", "signal": "image.entropy", "percentile": 30}]},
            (
                "top_fraction: the best 0.5 by pair.alignment [cosine, −1–1] among survivors of the partition and "
                "percentile: image.entropy [bit] at or above percentile 30 among survivors of the partition"
            ),
        ),
        (
            in_turn(0.3, 0.2, pool="run", among="all"),
            (
                "top_fraction: the best 0.3 by pair.alignment [cosine, −1–1] among all pairs of the run, of these "
                "top_fraction: the best 0.2 by image.entropy [bit] among all pairs of the run"
            ),
        ),
    ],
)  # fmt: skip
def test_a_selection_is_told_with_its_units(raw: dict[str, object], told: str):
    assert describe_select(selection_of(raw)) == told
