import json
import math

import pytest

from pairsift.core.ingesting import MAX_COLUMN_CHARACTERS, column_value, identify
from pairsift.core.records import ReadPair, SourcePair


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("0.25", 0.25),
        ("336", 336),
        ("-0.0", -0.0),
        ('"UNLIKELY"', "UNLIKELY"),
        ('""', ""),
        ('"0.25"', "0.25"),
        ("true", "true"),
        ("false", "false"),
        ("1" + "0" * 300, 1e300),
        ('"' + "x" * MAX_COLUMN_CHARACTERS + '"', "x" * MAX_COLUMN_CHARACTERS),
    ],
)
def test_a_column_is_a_number_or_a_word(said: str, value: object):
    found = column_value(json.loads(said))

    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "said",
    [
        "null",
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "1" + "0" * 400,
        "[0.3]",
        '{"value": 0.3}',
        '"' + "x" * (MAX_COLUMN_CHARACTERS + 1) + '"',
        '"a\\u0000b"',
        '"a\\ud800b"',
    ],
)
def test_what_is_no_number_and_no_storable_word_is_absent(said: str):
    assert column_value(json.loads(said)) is None


def test_a_pair_keeps_the_columns_that_were_asked_for_and_that_it_carries():
    fields = {"similarity": 0.3, "punsafe": math.nan, "NSFW": "UNLIKELY", "width": 7}
    found = ReadPair(SourcePair("a", None, None), None, b"a cat", fields)

    pair = identify(3, found, 100, {"similarity", "punsafe", "NSFW", "watermark"})

    assert pair.source_columns == {"similarity": 0.3, "NSFW": "UNLIKELY"}
    assert identify(3, found, 100).source_columns == {}
    assert pair.uid == identify(3, found, 100).uid
