"""What one run is asked to do, and what it asks of the flow of a partition."""

import difflib
from datetime import date
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from pairsift.addresses import Address
from pairsift.config.choices import SourceFormat
from pairsift.config.model import Model
from pairsift.config.run import RunConfig


def _known_time_zone(name: str) -> str:
    known = available_timezones()
    if name not in known:
        names = {zone.lower(): zone for zone in sorted(known)}
        close = difflib.get_close_matches(name.lower(), names, n=1)
        hint = f"did you mean {names[close[0]]!r}?" if close else "give one such as 'Europe/Berlin'"
        raise PydanticCustomError("unknown_time_zone", "there is no time zone of that name; {hint}", {"hint": hint})
    return name


class RunRequest(Model):
    """What one run is asked to do; the form of the Prefect UI."""

    source: Address = Field(
        description="Where the pairs come from, as the workers see it: path, glob, brace range or fsspec URL, such as "
        "/data/shop/*.tar, or @ and a text file that lists some. In it {date}, or a format such as {date:%Y/%m/%d}, "
        "stands for the run's day."
    )
    dataset: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$",
        title="Data set",
        description="Name of the data set: letters, digits, dots, hyphens and underscores, no spaces. By default the "
        "last part of the source's path.",
    )
    format: SourceFormat = Field(default="auto", description="Source format; auto finds it by looking.")
    day: date | None = Field(
        default=None,
        ge=date(1970, 1, 1),
        description="The day that {date} in the source stands for; by default the one that the run is scheduled on, "
        "less the days back. Only for a source with a date.",
    )
    time_zone: Annotated[str, AfterValidator(_known_time_zone)] = Field(
        default="UTC",
        description="Time zone of the day that the run is scheduled on, such as Europe/Berlin. Unused for a source "
        "without a date.",
    )
    days_back: int = Field(
        default=0,
        ge=0,
        le=366,
        description="Days between the run's day and the one that it is scheduled on: 1 for a run after midnight about "
        "the day that has just ended. Unused when the day is given.",
    )
    catch_up_days: int = Field(
        default=0,
        ge=0,
        le=366,
        description="How many days before the run's day are looked at, too; what is committed of them is skipped. "
        "Unused for a source without a date.",
    )
    out: Address | None = Field(
        default=None,
        description="Where exports go: a folder, or an object store such as s3://bucket/folder; by default exports/ in "
        "the storage folder.",
    )
    partitions: tuple[str, ...] = Field(
        default=(), description="Only these partitions, by their keys, such as 00001 for 00001.tar; by default all."
    )
    rerun_failed: bool = Field(default=False, description="Only partitions that failed, were lost or interrupted.")
    config: RunConfig = Field(default=RunConfig(), description="How to measure, decide and export.")


class PartitionJob(Model):
    """What the partition flow is told: ids, resolved config and fingerprints; never rows."""

    partition_id: int
    key: str
    dataset: str
    out: str
    config: RunConfig
    policy: str = Field(description="The policy's canonical text as registered, so that a worker needs no file.")
    dataset_id: int
    decision_set_id: int
    score_fingerprint: str
    decision_fingerprint: str
    calibration: str | None = Field(description="Fingerprint of the data set's calibration; None without one.")
    target: str | None = Field(default=None, description="Fingerprint of the policy's target set; None without one.")
    evaluation_sets: tuple[tuple[str, str], ...] = Field(
        default=(), description="Names and fingerprints of the evaluation sets that the policy names, in its order."
    )
    pilot: bool = Field(default=False, description="Only measure, for a calibration that is to be made.")
    models: dict[str, str] = Field(description="Fingerprints of the models that measure, by name.")
    model_facts: dict[str, dict[str, int | float | str]] = Field(
        default={}, description="What was measured of a model before it was used, by the model's name."
    )
    run_id: str
