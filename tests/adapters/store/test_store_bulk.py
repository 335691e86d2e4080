"""The bulk path stores exactly what it is given, or refuses it."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from sqlalchemy import Engine, null, select

from pairsift.adapters.store.bulk import insert_rows, storable_text
from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.tables import PAIR_COLUMNS, SCORE_COLUMNS, pair, score
from tests.adapters.store.lives import claim, pair_rows, prepare, score_rows

COLUMNS = ("attempt_id", *SCORE_COLUMNS)


def insert_score(engine: Engine, **values: object) -> None:
    row = dict(zip(COLUMNS, (1, *score_rows(1)[0]), strict=True)) | values
    with writing(engine) as connection:
        insert_rows(connection, score, COLUMNS, [tuple(row.values())])


def test_values_come_back_as_they_went_in(engine: Engine):
    whole = 2**31 - 1
    insert_score(
        engine,
        image_width=whole,
        pair_alignment=-0.1,
        image_sharpness=math.inf,
        text_language="日本語 🐈",
        text_words=None,
        unmeasurable={"pair.alignment": "language_unsupported"},
        extra={"plugin.x": [1, 2.5, None]},
    )

    with engine.connect() as connection:
        row = connection.execute(select(score)).one()

    assert (row.image_width, row.pair_alignment, row.image_sharpness) == (whole, -0.1, math.inf)
    assert (row.text_language, row.text_words) == ("日本語 🐈", None)
    assert (row.unmeasurable, row.extra) == (
        {"pair.alignment": "language_unsupported"},
        {"plugin.x": [1, 2.5, None]},
    )


def test_the_number_of_rows_is_returned(engine: Engine):
    with writing(engine) as connection:
        counts = [
            insert_rows(connection, score, COLUMNS, ((attempt, *row) for row in rows))
            for attempt, rows in ((1, score_rows(6)), (2, []))
        ]

    assert counts == [6, 0]


@pytest.mark.parametrize("value", [np.float32(0.5), np.int64(3), True], ids=["float32", "int64", "bool"])
def test_a_value_that_one_engine_would_store_as_something_else_is_refused(engine: Engine, value: object):
    with pytest.raises(TypeError, match="expected plain Python values"):
        insert_score(engine, pair_alignment=value)


def test_nan_is_refused_for_sqlite_would_make_it_null(engine: Engine):
    with pytest.raises(ValueError, match="hold NaN in pair_alignment"):
        insert_score(engine, pair_alignment=math.nan)


def test_a_failing_source_of_rows_leaves_nothing(engine: Engine):
    def broken() -> Iterator[tuple[object, ...]]:
        yield (1, *score_rows(1)[0])
        raise OSError("disk gone")

    with pytest.raises(OSError, match="disk gone"), writing(engine) as connection:
        insert_rows(connection, score, COLUMNS, broken())

    with engine.connect() as connection:
        assert connection.execute(select(score)).all() == []


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("a cat", "a cat"),
        ("Katze ü", "Katze ü"),
        ("a\0b", "a\\x00b"),
        (b"caf\xe9", "caf\\xe9"),
        ("caf\udce9.jpg", "caf\\udce9.jpg"),
        (b"", ""),
    ],
)
def test_any_text_of_a_source_is_made_storable(given: str | bytes, stored: str):
    assert storable_text(given) == stored


def test_hostile_captions_are_stored(engine: Engine):
    held = claim(engine, prepare(engine).partition_id)
    row = dict(zip(PAIR_COLUMNS, pair_rows(1)[0], strict=True)) | {"raw_caption": b"\xff\0cat", "key": "caf\udce9"}
    with writing(engine) as connection:
        insert_rows(connection, pair, ("attempt_id", *PAIR_COLUMNS), [(held.attempt_id, *row.values())])

    with engine.connect() as connection:
        assert connection.execute(select(pair.c.raw_caption, pair.c.key)).one() == ("\\xff\\x00cat", "caf\\udce9")


def test_a_pair_without_columns_of_the_source_has_null_there(engine: Engine):
    held = claim(engine, prepare(engine).partition_id)
    with writing(engine) as connection:
        insert_rows(connection, pair, ("attempt_id", *PAIR_COLUMNS), [(held.attempt_id, *row) for row in pair_rows(3)])

    with engine.connect() as connection:
        lacking = connection.scalars(select(pair.c.ordinal).where(pair.c.source_columns.is_(null()))).all()
        carried = connection.scalar(select(pair.c.source_columns).where(pair.c.ordinal == 2))
    assert lacking == [0, 1]
    assert carried == {"similarity": 0.25, "NSFW": "UNLIKELY"}
