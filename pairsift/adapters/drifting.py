"""Compares what a run committed with its data set's reference window; makes that window when there is none yet."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Engine

from pairsift.adapters.store.drift import (
    AttemptStatistics,
    NewWindow,
    Window,
    add_window,
    append_drift,
    committed_statistics,
    newest_window,
    statistics_to_compare,
)
from pairsift.core.drift import Drift, Statistics, judge_drift, merge_statistics
from pairsift.core.drift_policy import DriftPolicy

MIN_WINDOW_PAIRS = 100
"""A first window waits for so many: from fewer hardly any shift could be told from chance, and it stays for good."""


@dataclass(frozen=True, slots=True)
class WatchedRun:
    """Which run is watched, what it covers, and from where on drift is told."""

    run_id: str
    dataset: str
    score_fingerprint: str
    partition_ids: tuple[int, ...]
    limits: DriftPolicy


@dataclass(frozen=True, slots=True)
class Watched:
    """What a run's drift came to: how many partitions were compared, and those that moved, by their keys.

    The key None is the run as a whole, where it has several partitions. Without a window there was no comparison.
    """

    window: Window | None
    compared: int
    moved: list[tuple[str | None, Drift]]


def watch_drift(engine: Engine, run: WatchedRun) -> Watched:
    """Compare and record all that the run committed, and what it covers that was never compared; safe to repeat."""
    window = newest_window(engine, run.dataset, run.score_fingerprint) or make_window(
        engine, run.dataset, run.score_fingerprint
    )
    if window is None:
        return Watched(None, 0, [])
    whole = merge_statistics(_comparable(each, window) for each in _to_compare(engine, run, window))
    found: list[tuple[str | None, Drift]] = []
    for each in _to_compare(engine, run, window):
        drift = judge_drift(_comparable(each, window), window.statistics, run.limits)
        append_drift(engine, each.attempt_id, window.id, drift)
        found.append((each.partition, drift))
    compared = len(found)
    if whole is not None and compared > 1:
        found.insert(0, (None, judge_drift(whole, window.statistics, run.limits)))
    return Watched(window, compared, [(key, drift) for key, drift in found if drift.moved])


def make_window(engine: Engine, dataset_name: str, score_fingerprint: str) -> Window | None:
    """Make the next reference window of all that stands committed of a data set, scored in this way.

    None, and nothing is made, of fewer than MIN_WINDOW_PAIRS pairs; the newest one where it is of just these. Earlier
    windows and comparisons with them stay.
    """
    keys: list[str] = []
    decision_sets: set[int] = set()

    def noted() -> Iterator[Statistics]:
        for each in committed_statistics(engine, dataset_name, score_fingerprint):
            keys.append(each.partition)
            decision_sets.add(each.decision_set_id)
            yield each.statistics

    merged = merge_statistics(noted())
    if merged is None or merged.pairs < MIN_WINDOW_PAIRS:
        return None
    alike = len(decision_sets) == 1
    made = NewWindow(
        tuple(keys), decision_sets.pop() if alike else None, merged if alike else replace(merged, kept=None)
    )
    last = newest_window(engine, dataset_name, score_fingerprint)
    if last is not None and made == NewWindow(last.partitions, last.decision_set_id, last.statistics):
        return last
    add_window(engine, dataset_name, score_fingerprint, 1 if last is None else last.number + 1, made)
    return newest_window(engine, dataset_name, score_fingerprint)


def _to_compare(engine: Engine, run: WatchedRun, window: Window) -> Iterator[AttemptStatistics]:
    return statistics_to_compare(engine, run.partition_ids, run.score_fingerprint, run.run_id, window.id)


def _comparable(each: AttemptStatistics, window: Window) -> Statistics:
    """Leave the keep rate out where another policy decided: it would tell of the policy, not of the pairs."""
    alike = each.decision_set_id == window.decision_set_id
    return each.statistics if alike else replace(each.statistics, kept=None)
