"""Gathers how a data set went day by day, from counts, statistics and comparisons that are stored already."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date
from typing import Any

from sqlalchemy import Engine

from pairsift.adapters.store.decisions import CommittedPartition, newest_scores
from pairsift.adapters.store.drift import newest_window, statistics_of
from pairsift.adapters.store.looked_at import CommittedBy
from pairsift.core.course import Comparison, Course, Day, signal_courses
from pairsift.core.drift import Statistics, merge_statistics

LATEST_DAYS = 30
"""The statistics of a partition take one to five milliseconds to read: those of 100 a day, up to 15 s."""

Stands = Mapping[str, Mapping[str, Any]]
"""The rows of the view `partition_status` of a data set, by the partition's key."""


def read_course(
    engine: Engine,
    parts: Sequence[CommittedPartition],
    made_by: Mapping[int, CommittedBy],
    stands: Stands,
    foremost: frozenset[str],
) -> Course:
    """Tell of the latest days on which what stands committed was; signals as the newest encoder measured them.

    `foremost` names the signals that matter most.
    """
    by_day: dict[date, list[CommittedPartition]] = {}
    for part in parts:
        ended = made_by[part.attempt_id].ended_at
        if ended is not None:
            by_day.setdefault(ended.astimezone(UTC).date(), []).append(part)
    latest = sorted(by_day)[-LATEST_DAYS:]
    scored = newest_scores(parts)
    window = newest_window(engine, stands[parts[0].key]["dataset"], scored)
    statistics = [
        _statistics(engine, (part for part in by_day[day] if part.score_fingerprint == scored)) for day in latest
    ]
    return Course(
        days=[_day(day, [stands[part.key] for part in by_day[day]]) for day in latest],
        earlier=len(by_day) - len(latest),
        signals=signal_courses(statistics, None if window is None else window.statistics),
        foremost=foremost,
        window=None if window is None else window.number,
    )


def _statistics(engine: Engine, parts: Iterable[CommittedPartition]) -> Statistics | None:
    return merge_statistics(each.statistics for each in statistics_of(engine, [part.attempt_id for part in parts]))


def _day(day: date, rows: Sequence[Mapping[str, Any]]) -> Day:
    compared = [Comparison(row["partition"], row["drift"]) for row in rows if row["drift"]]
    return Day(
        date=day,
        read=sum(row["pairs_read"] for row in rows),
        kept=sum(row["pairs_kept"] for row in rows),
        moved=[each for each in compared if each.result["moved"]],
    )
