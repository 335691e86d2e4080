"""Dates in sources: which days a run is about, and how they are written in a path."""

import re
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from pairsift.config import RunRequest
from pairsift.errors import ConfigError

MOST_SHOWN = 5
ALLOWED = "{date}, or a format of %Y %y %m %d %j and %%, such as {date:%Y/%m/%d}"
_FIELD = re.compile(r"\{date(?::([^{}]*))?\}")
_DIRECTIVE = re.compile(r"%(.?)", re.DOTALL)
# All of a fixed width: two days never give one path.
_PARTS_OF_A_DAY = frozenset("Yymdj")
_WHOLE_DAYS = [set(parts) for parts in ("Ymd", "ymd", "Yj", "yj")]


def has_date(source: str) -> bool:
    """Say whether a source names other files every day."""
    return _FIELD.search(source) is not None


def on_day(source: str, day: date) -> str:
    """Write a day in place of a source's dates."""
    return _FIELD.sub(lambda field: _written(day, _format(field)), source)


def resolve_request(request: RunRequest, scheduled: datetime | None) -> RunRequest:
    """Fill in the day: by default `days_back` before the one that the run was scheduled on, in the request's time zone.

    The result means the same days whenever it is run. ConfigError for a day that the source has no use for, as all of
    its files would be taken for that day's, and for a date format that does not tell the whole day.
    """
    if not has_date(request.source):
        if request.day is not None:
            raise ConfigError(f"{request.source} has no date for the day {request.day}: write {ALLOWED}")
        return request
    _check_formats(request.source)
    if request.day is not None:
        return request
    if scheduled is None:
        raise ConfigError(f"{request.source} has a date, and the run was not scheduled: give the day")
    day = scheduled.astimezone(ZoneInfo(request.time_zone)).date() - timedelta(days=request.days_back)
    return request.model_copy(update={"day": day})


def days_of(request: RunRequest) -> list[date]:
    """List the days that a resolved request is about, the earliest first; none for a source without a date."""
    if request.day is None:
        return []
    return [request.day - timedelta(days=before) for before in range(request.catch_up_days, -1, -1)]


def name_days(days: Sequence[date]) -> str:
    """Write days for people, the first few of many."""
    shown = ", ".join(day.isoformat() for day in days[:MOST_SHOWN])
    return shown if len(days) <= MOST_SHOWN else f"{shown} and {len(days) - MOST_SHOWN} more"


def _format(field: re.Match[str]) -> str:
    return "%Y-%m-%d" if field[1] is None else field[1]


def _written(day: date, date_format: str) -> str:
    return _DIRECTIVE.sub(lambda directive: day.strftime(directive[0]), date_format)


def _check_formats(source: str) -> None:
    told: set[str] = set()
    for field in _FIELD.finditer(source):
        parts = set(_DIRECTIVE.findall(_format(field)))
        if not parts & _PARTS_OF_A_DAY or parts - _PARTS_OF_A_DAY - {"%"}:
            raise ConfigError(f"{field[0]} in {source} is no date: expected {ALLOWED}")
        told |= parts
    if not any(whole <= told for whole in _WHOLE_DAYS):
        raise ConfigError(f"the dates in {source} do not tell year, month and day: expected {ALLOWED}")
