from datetime import UTC, date, datetime
from typing import Any

import pytest

from pairsift.config import RunRequest
from pairsift.core.days import days_of, has_date, name_days, on_day, resolve_request
from pairsift.errors import ConfigError

DAY = date(2026, 11, 3)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def asked(source: str = "pairs/{date}/*.tar", **fields: Any) -> RunRequest:
    return RunRequest(source=source, **fields)


@pytest.mark.parametrize(
    ("source", "written"),
    [
        ("pairs/{date}/*.tar", "pairs/2026-11-03/*.tar"),
        ("s3://b/{date:%Y/%m/%d}/{00000..00003}.tar", "s3://b/2026/11/03/{00000..00003}.tar"),
        ("{date:year=%Y}/{date:month=%m}/{date:day=%d}", "year=2026/month=11/day=03"),
        ("{date:%y%j}.tar", "26307.tar"),
        ("100%/%Y/{date:%Y-%m-%d%%}.tar", "100%/%Y/2026-11-03%.tar"),
        ("{date:%%Y%Y%m%d}", "%Y20261103"),
        ("my{dir}/{date}", "my{dir}/2026-11-03"),
    ],
)
def test_writes_a_day_in_place_of_every_date_and_nothing_else(source: str, written: str):
    assert resolve_request(asked(source), NOON).source == source
    assert on_day(source, DAY) == written


@pytest.mark.parametrize("source", ["pairs/*.tar", "{00000..00003}.tar", "{day}", "{date", "[{]date}", "{dates}", "{}"])
def test_other_braces_are_no_date(source: str):
    assert not has_date(source)


@pytest.mark.parametrize(
    "source",
    [
        "{date:}",
        "{date}/{date:}",
        "{date:today}",
        "{date}/{date:%%}",
        "{date:%Y-%m-%d %H}",
        "{date:%Y-%m-%d%}",
        "{date:%Y-%-m-%-d}",
        "{date:%x}",
        "{date:%Y/%m}",
        "{date:%m/%d}",
        "{date:%Y}/{date:%d}",
    ],
)
def test_a_date_that_does_not_tell_a_whole_day_is_refused_with_what_is_allowed(source: str):
    with pytest.raises(ConfigError, match=r"\{date\}, or a format of %Y %y %m %d %j and %%"):
        resolve_request(asked(source), NOON)


@pytest.mark.parametrize(
    ("scheduled", "time_zone", "day"),
    [
        ("2026-11-23T12:00+00:00", "UTC", "2026-11-23"),
        ("2026-11-23T00:30+01:00", "Europe/Berlin", "2026-11-23"),
        ("2026-11-23T00:30+01:00", "UTC", "2026-11-22"),
        ("2026-11-23T23:59:59+00:00", "UTC", "2026-11-23"),
        ("2026-11-24T00:00:00+00:00", "UTC", "2026-11-24"),
        # Berlin's clock goes forward on 29 March 2026 and back on 25 October: its midnights are at 23:00 or 22:00 UTC.
        ("2026-03-28T22:59+00:00", "Europe/Berlin", "2026-03-28"),
        ("2026-03-28T23:00+00:00", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T21:59+00:00", "Europe/Berlin", "2026-03-29"),
        ("2026-03-29T22:00+00:00", "Europe/Berlin", "2026-03-30"),
        ("2026-10-24T22:00+00:00", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T22:59+00:00", "Europe/Berlin", "2026-10-25"),
        ("2026-10-25T23:00+00:00", "Europe/Berlin", "2026-10-26"),
        # Santiago's clock goes forward at midnight: 6 September 2026 has no 00:30.
        ("2026-09-06T03:59+00:00", "America/Santiago", "2026-09-05"),
        ("2026-09-06T04:00+00:00", "America/Santiago", "2026-09-06"),
        ("2028-02-29T12:00+00:00", "UTC", "2028-02-29"),
    ],
)
def test_the_day_is_the_one_that_the_run_was_scheduled_on_in_its_time_zone(scheduled: str, time_zone: str, day: str):
    resolved = resolve_request(asked(time_zone=time_zone), datetime.fromisoformat(scheduled))

    assert resolved.day == date.fromisoformat(day)


def test_a_run_after_midnight_may_be_about_the_day_that_has_just_ended():
    after_midnight = datetime.fromisoformat("2026-03-01T02:00:00+00:00")

    assert resolve_request(asked(days_back=1), after_midnight).day == date(2026, 2, 28)
    assert resolve_request(asked(days_back=1, day=DAY), after_midnight).day == DAY


def test_a_day_that_was_asked_for_stays_whenever_the_run_is_scheduled():
    assert resolve_request(asked(day=DAY), NOON).day == DAY
    assert resolve_request(asked(day=DAY), None).day == DAY


def test_a_resolved_request_means_the_same_days_the_next_morning():
    resolved = resolve_request(asked(catch_up_days=2), NOON)

    again = resolve_request(
        RunRequest.model_validate(resolved.model_dump(mode="json")), datetime(2027, 1, 1, tzinfo=UTC)
    )

    assert again == resolved
    assert days_of(again) == [date(2026, 11, 21), date(2026, 11, 22), date(2026, 11, 23)]


def test_without_a_schedule_the_day_must_be_given():
    with pytest.raises(ConfigError, match="give the day"):
        resolve_request(asked(), None)


@pytest.mark.parametrize(
    ("day", "catch_up_days", "first"),
    [
        ("2026-11-23", 0, "2026-11-23"),
        ("2026-12-01", 1, "2026-11-30"),
        ("2028-03-01", 1, "2028-02-29"),
        ("2027-03-01", 1, "2027-02-28"),
        ("2027-01-02", 3, "2026-12-30"),
        ("2028-12-31", 366, "2027-12-31"),
        ("1970-01-01", 366, "1968-12-31"),
    ],
)
def test_catching_up_goes_back_over_the_ends_of_months_and_years(day: str, catch_up_days: int, first: str):
    days = days_of(asked(day=date.fromisoformat(day), catch_up_days=catch_up_days))

    assert days == sorted(set(days))
    assert (len(days), str(days[0]), str(days[-1])) == (catch_up_days + 1, first, day)


def test_a_day_for_a_source_without_a_date_is_refused():
    with pytest.raises(ConfigError, match=r"pairs/ has no date for the day 2026-11-03: write \{date\}"):
        resolve_request(asked("pairs/", day=DAY), NOON)


def test_a_schedule_s_time_zone_and_days_to_catch_up_do_not_matter_to_a_source_without_a_date():
    request = asked("pairs/", time_zone="Europe/Berlin", catch_up_days=7)

    assert resolve_request(request, NOON) == request
    assert days_of(request) == []


def test_many_days_are_told_in_short():
    assert name_days([date(2026, 11, n) for n in (1, 2)]) == "2026-11-01, 2026-11-02"
    assert name_days([date(2026, 11, n) for n in range(1, 9)]).endswith("2026-11-05 and 3 more")
