import pytest

from pairsift.config import ColumnsConfig
from pairsift.core.source_columns import Columns, Kind, choose_columns, name_of
from pairsift.errors import SourceError

BYTES, TEXT, UNKNOWN, OTHER = Kind.BYTES, Kind.TEXT, Kind.UNKNOWN, Kind.OTHER
ANY = ColumnsConfig()


@pytest.mark.parametrize(
    ("seen", "expected"),
    [
        ({"jpg": BYTES, "caption": TEXT}, Columns("jpg", "caption", None, None, embedded=True)),
        ({"IMAGE": BYTES, "Text": TEXT, "path": TEXT}, Columns("IMAGE", "Text", None, None, embedded=True)),
        ({"image": TEXT, "title": TEXT, "id": OTHER}, Columns("image", "title", "id", None, embedded=False)),
        ({"image": OTHER, "path": TEXT, "txt": TEXT}, Columns("path", "txt", None, None, embedded=False)),
        ({"path": UNKNOWN, "text": UNKNOWN, "url": UNKNOWN}, Columns("path", "text", None, None, embedded=False)),
        ({"jpg": BYTES, "text": TEXT, "key": TEXT, "Uid": TEXT}, Columns("jpg", "text", "Uid", "key", embedded=True)),
    ],
)
def test_finds_the_columns_by_the_names_that_the_field_uses(seen: dict[str, Kind], expected: Columns):
    assert choose_columns("t.parquet", seen, ANY) == expected


@pytest.mark.parametrize(
    ("seen", "asked", "message"),
    [
        ({"a": BYTES, "text": TEXT}, ANY, r"no image column; .* Seen: a \(bytes\), text \(text\)"),
        ({"path": UNKNOWN, "filepath": UNKNOWN, "text": UNKNOWN}, ANY, "several image columns: path, filepath"),
        ({"path": UNKNOWN, "text": UNKNOWN, "TEXT": UNKNOWN}, ANY, "several caption columns: text, TEXT"),
        ({"jpg": BYTES, "text": BYTES}, ANY, "no caption column"),
        ({"jpg": BYTES, "n": OTHER}, ColumnsConfig(caption="n"), "'n' no text"),
        ({"jpg": OTHER, "text": TEXT}, ColumnsConfig(image="jpg"), "'jpg' is no image or path"),
        ({"jpg": BYTES, "text": TEXT}, ColumnsConfig(uid="ui"), "no column 'ui'"),
        ({}, ANY, "Seen: nothing"),
        ({"\x1b]0;x": UNKNOWN}, ANY, r"Seen: '\\x1b\]0;x'"),
    ],
)
def test_what_is_not_clear_is_an_error_that_lists_what_was_seen(
    seen: dict[str, Kind], asked: ColumnsConfig, message: str
):
    with pytest.raises(SourceError, match=message):
        choose_columns("t.csv", seen, asked)


def test_a_column_that_is_asked_for_is_taken_whatever_others_there_are():
    seen = {"a": BYTES, "jpg": BYTES, "text": TEXT, "caption": TEXT, "uid": TEXT, "key": TEXT}
    asked = ColumnsConfig(image="a", caption="caption", uid="key", key="uid")

    assert choose_columns("t.parquet", seen, asked) == Columns("a", "caption", "key", "uid", embedded=True)


@pytest.mark.parametrize(
    ("said", "name"),
    [("x", "x"), (7, "7"), (7.0, "7"), (7.5, None), (True, None), ("", None), (None, None), ([], None),
     (float("nan"), None)],
)  # fmt: skip
def test_a_name_is_a_word_or_an_integer(said: object, name: str | None):
    assert name_of(said) == name
