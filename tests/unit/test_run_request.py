from typing import Any

import pytest
from pydantic import ValidationError

from pairsift.config import SOURCE_FORMATS, RunRequest, explain_validation


def refusal(**fields: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        RunRequest(source="pairs", **fields)
    return explain_validation("the command", refused.value)


@pytest.mark.parametrize("name", ["UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"])
def test_a_time_zone_is_one_of_the_time_zone_database(name: str):
    assert RunRequest(source="pairs", time_zone=name).time_zone == name


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("Berlin", "did you mean 'Europe/Berlin'?"),
        ("europe/berlin", "did you mean 'Europe/Berlin'?"),
        ("utc", "did you mean 'UTC'?"),
        ("+01:00", "give one such as 'Europe/Berlin'"),
        ("", "give one such as 'Europe/Berlin'"),
        ("../../etc/passwd", "give one such as 'Europe/Berlin'"),
    ],
)
def test_an_unknown_time_zone_is_refused_with_the_nearest(name: str, hint: str):
    assert hint in refusal(time_zone=name)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"day": "23.11.2026"}, "day: Input should be a valid date"),
        ({"day": "1969-12-31"}, "day: Input should be greater than or equal to 1970-01-01"),
        ({"catch_up_days": -1}, "catch_up_days: Input should be greater than or equal to 0"),
        ({"catch_up_days": 367}, "catch_up_days: Input should be less than or equal to 366"),
        (
            {"format": "zip"},
            "format: Input should be 'auto', 'webdataset', 'parquet', 'manifest', 'coco', 'imagefolder'",
        ),
    ],
)
def test_a_field_out_of_bounds_is_refused(fields: dict[str, Any], said: str):
    assert said in refusal(**fields)


def test_the_form_offers_the_formats_as_a_menu_and_the_day_as_a_date():
    fields = RunRequest.model_json_schema()["properties"]

    assert fields["format"]["enum"] == list(SOURCE_FORMATS)
    assert {"type": "string", "format": "date"} in fields["day"]["anyOf"]
