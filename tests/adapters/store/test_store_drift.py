"""Statistics, reference windows and comparisons, kept on both engines."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from pairsift.adapters import drifting
from pairsift.adapters.drifting import WatchedRun, make_window, watch_drift
from pairsift.adapters.store.drift import add_window, append_drift, committed_statistics, newest_window
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.queries import status
from pairsift.adapters.store.registry import open_decision_set, register_partitions, register_policy
from pairsift.adapters.store.tables import drift, reference_window, statistics
from pairsift.core.drift import Statistics, judge_drift
from pairsift.core.drift_policy import DriftLimits, DriftPolicy
from pairsift.core.records import PartitionSpec
from pairsift.core.sketches import NumberSketch, WordSketch
from tests.adapters.store.lives import REQUEST, claim, prepare, result

BRIGHTNESS = "image.brightness"
LIMITS = DriftPolicy(warn=DriftLimits(psi=0.25))


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drifting, "MIN_WINDOW_PAIRS", 6)


def light(*counts: int) -> Statistics:
    """So many pairs at each brightness; of each committed attempt here 4 of 6 are kept."""
    brightness = NumberSketch(tuple(n / 10 for n in range(1, len(counts) + 1)), counts, 0)
    return Statistics(6, 4, 5, 1, {BRIGHTNESS: brightness, "text.language": WordSketch({"en": 6}, 0, 0)})


ALIKE, DARKER = light(50, 50, 50, 50), light(150, 50, 0, 0)


def commit(engine: Engine, key: str, made: Statistics | None, policy: str = "default", run_id: str = "run-1") -> int:
    """Commit a partition of the data set cats with these statistics; return its id."""
    dataset_id = prepare(engine).dataset_id
    (row,) = register_partitions(
        engine, dataset_id, [PartitionSpec(key, f"file:///{key}.tar", "webdataset", "input-1")]
    )
    policy_id = register_policy(engine, policy, "1", f"sha-of-{policy}", policy)
    decision_set_id = open_decision_set(engine, dataset_id, policy_id, "own-1000")
    request = replace(REQUEST, run_id=run_id, decision_fingerprint=f"{policy}-{made}")
    commit_attempt(engine, claim(engine, row.id, request), replace(result(decision_set_id), statistics=made))
    return row.id


def run(*partition_ids: int, run_id: str = "run-1") -> WatchedRun:
    return WatchedRun(run_id, "cats", "score-1", partition_ids, LIMITS)


def rows(engine: Engine, table: object) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()  # type: ignore[arg-type] # a table


def test_statistics_are_committed_with_their_attempt_and_come_back(engine: Engine):
    commit(engine, "a", ALIKE)
    commit(engine, "b", None)

    (stored,) = committed_statistics(engine, "cats", "score-1")

    assert (stored.partition, stored.statistics) == ("a", ALIKE)


def test_statistics_of_a_commit_that_fails_are_not_there(engine: Engine):
    prepared = prepare(engine)
    broken = replace(result(prepared.decision_set_id), statistics=ALIKE, scores=[])

    with pytest.raises(Exception, match="were to be committed"):
        commit_attempt(engine, claim(engine, prepared.partition_id), broken)

    assert rows(engine, statistics) == 0


def test_the_first_window_is_all_that_stands_committed(engine: Engine):
    ids = commit(engine, "a", ALIKE), commit(engine, "b", ALIKE)

    watched = watch_drift(engine, run(*ids))

    window = newest_window(engine, "cats", "score-1")
    assert window == watched.window
    assert window is not None
    assert (window.number, window.partitions) == (1, ("a", "b"))
    assert (window.statistics.pairs, window.statistics.kept, window.statistics.above_half) == (12, 8, 2)
    assert window.statistics.signals[BRIGHTNESS] == NumberSketch((0.1, 0.2, 0.3, 0.4), (100, 100, 100, 100), 0)
    assert (watched.compared, watched.moved) == (2, [])


def test_a_window_is_made_once_and_later_days_are_compared_with_it(engine: Engine):
    watch_drift(engine, run(commit(engine, "a", ALIKE)))

    same = watch_drift(engine, run(commit(engine, "b", ALIKE, run_id="run-2"), run_id="run-2"))
    dark = watch_drift(engine, run(commit(engine, "c", DARKER, run_id="run-3"), run_id="run-3"))

    assert rows(engine, reference_window) == 1
    assert (same.compared, same.moved) == (1, [])
    assert [(key, found.level, found.moved) for key, found in dark.moved] == [("c", "warn", (BRIGHTNESS,))]


def test_too_few_pairs_make_no_window_until_more_are_there(engine: Engine, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(drifting, "MIN_WINDOW_PAIRS", 7)
    first = watch_drift(engine, run(commit(engine, "a", ALIKE)))

    second = watch_drift(engine, run(commit(engine, "b", ALIKE, run_id="run-2"), run_id="run-2"))

    assert (first.window, first.compared) == (None, 0)
    assert second.window is not None
    assert second.window.partitions == ("a", "b")


def test_a_window_is_of_one_way_of_scoring(engine: Engine):
    watch_drift(engine, run(commit(engine, "a", ALIKE)))

    assert newest_window(engine, "cats", "score-2") is None
    assert watch_drift(engine, replace(run(commit(engine, "b", ALIKE)), score_fingerprint="score-2")).window is None


def test_a_new_window_on_command_counts_from_then_on_and_the_old_one_stays(engine: Engine):
    partition = commit(engine, "a", ALIKE)
    watch_drift(engine, run(partition))
    commit(engine, "a", DARKER, run_id="run-2")

    made = make_window(engine, "cats", "score-1")

    assert made is not None
    assert (made.number, rows(engine, reference_window)) == (2, 2)
    again = watch_drift(engine, run(partition, run_id="run-3"))
    assert (again.window, again.compared, again.moved) == (made, 1, [])


def test_every_partition_shows_how_it_compares_with_the_newest_window(engine: Engine):
    watch_drift(engine, run(commit(engine, "a", ALIKE)))
    watch_drift(engine, run(commit(engine, "b", DARKER), commit(engine, "c", None)))

    a, b, c, _ = status(engine)

    assert (a["drift"]["level"], b["drift"]["level"], c["drift"]) == ("none", "warn", None)  # type: ignore[index] # JSON
    assert b["drift"]["moved"] == [BRIGHTNESS]  # type: ignore[index] # JSON


def test_watching_again_tells_the_same_and_records_nothing_twice(engine: Engine):
    watch_drift(engine, run(commit(engine, "a", ALIKE)))
    dark = run(commit(engine, "b", DARKER, run_id="run-2"), run_id="run-2")

    first, again = watch_drift(engine, dark), watch_drift(engine, dark)

    assert first == again
    assert rows(engine, drift) == 2


def test_a_run_that_found_all_committed_compares_nothing(engine: Engine):
    partition = commit(engine, "a", DARKER)
    watch_drift(engine, run(partition))

    assert watch_drift(engine, run(partition, run_id="run-2")).compared == 0


def test_what_was_committed_after_its_run_had_ended_is_compared_by_the_next(engine: Engine):
    first = commit(engine, "a", ALIKE)
    watch_drift(engine, run(first))
    late = commit(engine, "b", DARKER)

    watched = watch_drift(engine, run(first, late, run_id="run-2"))

    assert (watched.compared, [key for key, _ in watched.moved]) == (1, ["b"])


def test_a_run_of_several_partitions_is_also_compared_as_a_whole(engine: Engine):
    """Each by itself has moved by too little to be told from chance."""
    watch_drift(engine, run(commit(engine, "a", ALIKE)))
    ids = [commit(engine, key, light(80, 50, 40, 30), run_id="run-2") for key in ("b", "c", "d", "e")]
    limits = DriftPolicy(warn=DriftLimits(ks=0.1))

    watched = watch_drift(engine, replace(run(*ids, run_id="run-2"), limits=limits))

    assert watched.compared == 4
    assert [(key, found.pairs, found.moved) for key, found in watched.moved] == [(None, 24, (BRIGHTNESS,))]


def test_the_keep_rate_is_compared_under_the_same_policy_only(engine: Engine):
    watch_drift(engine, run(commit(engine, "a", ALIKE)))
    watch_drift(engine, run(commit(engine, "b", ALIKE), commit(engine, "c", ALIKE, policy="strict")))

    _, same, other, _ = status(engine)

    named = [[f["name"] for f in row["drift"]["findings"]] for row in (same, other)]  # type: ignore[index] # JSON
    assert ["keep_rate" in names for names in named] == [True, False]


def test_a_window_over_several_policies_has_no_keep_rate(engine: Engine):
    commit(engine, "a", ALIKE)
    commit(engine, "b", ALIKE, policy="strict")

    window = make_window(engine, "cats", "score-1")

    assert window is not None
    assert (window.decision_set_id, window.statistics.kept) == (None, None)


def test_a_window_of_the_same_pairs_is_not_made_twice(engine: Engine):
    commit(engine, "a", ALIKE)

    first, again = (make_window(engine, "cats", "score-1") for _ in range(2))
    commit(engine, "b", DARKER)
    next_one = make_window(engine, "cats", "score-1")

    assert first == again
    assert next_one is not None
    assert (next_one.number, next_one.partitions, rows(engine, reference_window)) == (2, ("a", "b"), 2)


def test_two_processes_that_make_the_first_window_at_once_get_the_same(
    engine: Engine, open_another: Callable[[], Engine], monkeypatch: pytest.MonkeyPatch
):
    commit(engine, "a", ALIKE)
    other = open_another()

    def after_another(*call: Any) -> None:
        monkeypatch.setattr(drifting, "add_window", add_window)
        make_window(other, "cats", "score-1")
        add_window(*call)

    monkeypatch.setattr(drifting, "add_window", after_another)

    window = make_window(engine, "cats", "score-1")

    assert window == newest_window(other, "cats", "score-1")
    assert rows(engine, reference_window) == 1


def test_a_comparison_that_is_recorded_stays(engine: Engine):
    partition = commit(engine, "a", ALIKE)
    window = watch_drift(engine, run(partition)).window
    assert window is not None
    (stored,) = committed_statistics(engine, "cats", "score-1")

    append_drift(engine, stored.attempt_id, window.id, judge_drift(DARKER, window.statistics, LIMITS))

    assert status(engine)[0]["drift"]["level"] == "none"  # type: ignore[index] # JSON
