import csv
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.sources import open_source, read_bytes, read_partition
from pairsift.adapters.sources.checkpoints import checkpoints
from pairsift.adapters.sources.delimited import MAX_ROW_LINES
from pairsift.config import ColumnsConfig, IngestConfig
from pairsift.core.records import Damage, ReadPair
from pairsift.errors import ContainerDamagedError, SourceChangedError, SourceError
from tests.adapters.reading import facts, images_again, read_all, specs_of

TWO = IngestConfig(partition_pairs=2)
ROWS = [(f"images/{n}.jpg", f"caption {n}") for n in range(5)]


def put(folder: Path, *names: str) -> None:
    """Write files that hold their own names."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())


def write_csv(path: Path, rows: Sequence[tuple[str, ...]], header: tuple[str, ...], delimiter: str = ",") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([header, *rows])
    return path


def write_jsonl(path: Path, rows: Sequence[tuple[str, ...]], header: tuple[str, ...], delimiter: str = "") -> Path:  # noqa: ARG001 - written like a CSV
    path.write_text("".join(json.dumps(dict(zip(header, row, strict=True))) + "\n" for row in rows), encoding="utf-8")
    return path


def write_parquet(path: Path, rows: Sequence[tuple[str, ...]], header: tuple[str, ...], delimiter: str = "") -> Path:  # noqa: ARG001 - written like a CSV
    columns = {name: [row[n] for row in rows] for n, name in enumerate(header)}
    pq.write_table(pa.table(columns), path, row_group_size=2)
    return path


Write = Callable[..., Path]
TABLES = [
    pytest.param(write_csv, "pairs.csv", ("file_name", "text"), ",", id="csv"),
    pytest.param(write_csv, "pairs.csv", ("filepath", "title"), "\t", id="open_clip's tabs"),
    pytest.param(write_csv, "pairs.tsv", ("IMAGE_PATH", "Caption"), "\t", id="tsv"),
    pytest.param(write_csv, "pairs.csv", ("path", "txt"), ";", id="semicolons"),
    pytest.param(write_jsonl, "pairs.jsonl", ("image", "caption"), "", id="jsonl"),
    pytest.param(write_parquet, "pairs.parquet", ("file_name", "TEXT"), "", id="parquet"),
]


@pytest.mark.parametrize(("write", "name", "header", "delimiter"), TABLES)
def test_reads_the_pairs_of_a_table(tmp_path: Path, write: Write, name: str, header: tuple[str, str], delimiter: str):
    put(tmp_path, *(path for path, _ in ROWS))
    path = write(tmp_path / name, ROWS, header, delimiter)

    pairs, damages = read_all(path, TWO)

    assert damages == []
    assert facts(pairs) == [(image, image.encode(), caption.encode()) for image, caption in ROWS]
    assert images_again(pairs) == [item.image for item in pairs]
    assert [spec.key for spec in specs_of(path, TWO)] == [f"{name}-slice-{n:05d}" for n in range(3)]


@pytest.mark.parametrize(("write", "name", "header", "delimiter"), TABLES)
def test_rows_that_come_later_make_slices_of_their_own(
    tmp_path: Path, write: Write, name: str, header: tuple[str, str], delimiter: str
):
    put(tmp_path, *(path for path, _ in ROWS))
    before = specs_of(write(tmp_path / name, ROWS[:3], header, delimiter), TWO)
    known = {spec.key: spec.members for spec in before}

    after = specs_of(write(tmp_path / name, ROWS, header, delimiter), TWO, known)

    assert [spec.members for spec in after] == [("0:2",), ("2:3",), ("3:5",)]
    assert [item.pair.key for spec in after for item in read_partition(spec) if isinstance(item, ReadPair)] == [
        image for image, _ in ROWS
    ]


def test_a_slice_is_another_one_when_a_row_or_a_picture_of_it_changes(tmp_path: Path):
    put(tmp_path, *(path for path, _ in ROWS[1:]))
    path = write_csv(tmp_path / "pairs.csv", ROWS, ("file_name", "text"))

    def prints() -> list[str]:
        return [spec.input_fingerprint for spec in specs_of(path, TWO)]

    first = prints()
    assert prints() == first
    put(tmp_path, ROWS[0][0])
    os.utime(tmp_path / ROWS[4][0], ns=(1, 1))
    second = prints()
    assert [a == b for a, b in zip(first, second, strict=True)] == [False, True, False]
    write_csv(path, [*ROWS[:2], (ROWS[2][0], "other"), *ROWS[3:]], ("file_name", "text"))
    assert [a == b for a, b in zip(second, prints(), strict=True)] == [True, False, True]


def test_a_table_that_became_shorter_keeps_its_slices(tmp_path: Path):
    path = write_csv(tmp_path / "pairs.csv", ROWS, ("file_name", "text"))
    known = {spec.key: spec.members for spec in specs_of(path, TWO)}

    specs = specs_of(write_csv(path, ROWS[:1], ("file_name", "text")), TWO, known)

    assert {spec.key: spec.members for spec in specs} == known
    assert [len(list(read_partition(spec))) for spec in specs] == [1, 0, 0]


def test_a_picture_that_is_not_there_is_absent_from_its_pair(tmp_path: Path):
    put(tmp_path, "there.jpg")
    (tmp_path / "folder.jpg").mkdir()
    os.mkfifo(tmp_path / "pipe.jpg")
    names = ["gone.jpg", "", "folder.jpg", "pipe.jpg", "n" * 300 + ".jpg", "there.jpg/x", "there.jpg"]

    pairs, damages = read_all(write_csv(tmp_path / "t.csv", [(name, "a cat") for name in names], ("path", "text")))

    assert damages == []
    assert [item.image for item in pairs] == [None] * 6 + [b"there.jpg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("http://host/a.jpg", "is a URL"),
        ("s3://bucket/a.jpg", "is a URL"),
        ("file:///etc/passwd", "is a URL"),
        ("data:image/png;base64,AAAA", "is a URL"),
        ("simplecache::http://host/a.jpg", "is a URL"),
        ("/etc/passwd", "leaves the folder"),
        ("../secret.jpg", "leaves the folder"),
        ("a/../../secret.jpg", "leaves the folder"),
        ("link/secret.jpg", "a link that leads out"),
        ("link.jpg", "a link that leads out"),
        (".", "leaves the folder"),
    ],
)
def test_a_row_that_names_a_file_elsewhere_costs_itself(tmp_path: Path, name: str, message: str):
    put(tmp_path, "secret.jpg", "data/a.jpg")
    (tmp_path / "data/link").symlink_to(tmp_path)
    (tmp_path / "data/link.jpg").symlink_to(tmp_path / "secret.jpg")
    rows = [("a.jpg", "before"), (name, "refused"), ("./x/../a.jpg", "after")]

    pairs, [damage] = read_all(write_jsonl(tmp_path / "data/t.jsonl", rows, ("file_name", "text")))

    assert [(item.image, item.caption) for item in pairs] == [(b"data/a.jpg", b"before"), (b"data/a.jpg", b"after")]
    assert message in damage.message
    assert damage.lost_pairs == 1


def test_a_nul_in_a_path_costs_the_row(tmp_path: Path):
    [damage] = read_all(write_jsonl(tmp_path / "t.jsonl", [("a\0.jpg", "x")], ("file_name", "text")))[1]

    assert "NUL" in damage.message


def test_an_absolute_path_below_the_images_folder_is_followed(tmp_path: Path):
    put(tmp_path, "images/a.jpg")
    path = write_csv(tmp_path / "t.csv", [(f"{tmp_path}/images/a.jpg", "x"), ("a.jpg", "y")], ("path", "text"))

    pairs, damages = read_all(path, IngestConfig(image_root=str(tmp_path / "images")))

    assert [item.image for item in pairs] == [b"images/a.jpg"] * 2
    assert damages == []


def test_reads_tables_and_images_behind_fsspec():
    system = fsspec.filesystem("memory")
    system.pipe_file("/table/a b%.jpg", b"one")
    system.pipe_file("/table/t.jsonl", b'{"path": "a b%.jpg", "text": "a"}\n{"path": "../a", "text": "b"}\n')

    pairs, [damage] = read_all("memory://table/t.jsonl")

    assert images_again(pairs) == [item.image for item in pairs] == [b"one"]
    assert "leaves the folder" in damage.message
    system.rm("/table", recursive=True)


def test_columns_are_carried_and_numbers_of_a_csv_are_numbers(tmp_path: Path):
    rows = [
        ("a.jpg", "x", "0.31", "007", "", "1e3", "nan"),
        ("b.jpg", "y", "-2", "0", "w", "1.", "12345678901234567890"),
    ]
    path = write_csv(tmp_path / "t.csv", rows, ("path", "text", "a", "b", "c", "d", "e"))

    pairs, _ = read_all(path, IngestConfig(source_columns=("a", "b", "c", "d", "e", "none")))

    assert [dict(item.fields) for item in pairs] == [
        {"a": 0.31, "b": "007", "c": "", "d": 1000.0, "e": "nan"},
        {"a": -2, "b": 0, "c": "w", "d": "1.", "e": "12345678901234567890"},
    ]


@pytest.mark.parametrize(
    ("header", "uid", "key"),
    [
        (("path", "text", "uid", "key"), "1", "2"),
        (("path", "text", "key", "UID"), "2", "1"),
        (("path", "text", "id", "SAMPLE_ID"), "2", "a.jpg"),
        (("path", "text", "x", "key"), "2", "2"),
        (("path", "text", "x", "y"), None, "a.jpg"),
    ],
)
def test_uid_and_key_are_those_of_the_source(tmp_path: Path, header: tuple[str, ...], uid: str | None, key: str):
    [item], _ = read_all(write_csv(tmp_path / "t.csv", [("a.jpg", "x", "1", "2")], header))

    assert (item.pair.source_uid, item.pair.key) == (uid, key)


def test_columns_are_named_by_the_config_where_several_would_do(tmp_path: Path):
    path = write_csv(tmp_path / "t.csv", [("a.jpg", "x", "y")], ("path", "text", "caption"))

    with pytest.raises(
        SourceError, match=r"several caption columns: text, caption; name it as ingest\.columns\.caption"
    ):
        specs_of(path)
    [item], _ = read_all(path, IngestConfig(columns=ColumnsConfig(caption="caption")))
    assert item.caption == b"y"


@pytest.mark.parametrize(
    ("name", "text"), [("t.csv", "url,caption\nhttp://h/a.jpg,x\n"), ("t.jsonl", '{"url": "u", "caption": ""}')]
)
def test_a_list_of_urls_is_refused_and_says_how_to_fetch_them(tmp_path: Path, name: str, text: str):
    (tmp_path / name).write_text(text)

    with pytest.raises(SourceError, match=r"lists URLs .* never fetches .* `img2dataset --url_list .*--url_col url"):
        open_source(str(tmp_path / name))


OPEN = b'path,text\na.jpg,x\nb.jpg,"never closed\n'
LINES = [b"r%d.jpg,text %d\n" % (n, n) for n in range(3)]


@pytest.mark.parametrize(
    ("table", "captions", "lost"),
    [
        pytest.param(
            b'path,text\na.jpg,"x\ny, ""z"""\nb.jpg,w\n', [b'x\ny, "z"', b"w"], [],
            id="a sound quote over lines",
        ),
        pytest.param(b'path,text\na.jpg,"x\n\n\ny"\n', [b"x\n\n\ny"], [], id="empty lines in a quote"),
        pytest.param(OPEN + b"".join(LINES), [b"x", b"text 0", b"text 1", b"text 2"], [29 - 11], id="an open quote"),
        pytest.param(
            OPEN + LINES[0] + b'c.jpg,"fine"\n' + LINES[1], [b"x", b"text 0", b"fine", b"text 1"], [18],
            id="and a sound one",
        ),
        pytest.param(
            OPEN + LINES[0] * (MAX_ROW_LINES + 5), [b"x"] + [b"text 0"] * (MAX_ROW_LINES + 5), [18],
            id="far before the end",
        ),
        pytest.param(b'path,text\na.jpg,"x" y\nb.jpg,w\n', [b"w"], [10], id="text after a quote"),
        pytest.param(b'path,text\na.jpg,5" pipe\n', [b'5" pipe'], [], id="an inch"),
        pytest.param(b"path,text\na.jpg,x,y\nb.jpg,w\nc.jpg\n", [b"w"], [10, 28], id="too many and too few fields"),
        pytest.param(
            b"path,text\na.jpg,%s\nb.jpg,w\n" % (b"x" * 140_000), [b"w"], [10],
            id="a field beyond csv's limit",
        ),
        pytest.param(b"path,text\n" + b"x" * (9 << 20) + b"\nb.jpg,w\n", [b"w"], [10], id="a line beyond all limits"),
        pytest.param(
            b"\xef\xbb\xbfpath,text\r\na.jpg,x\r\n\r\nb.jpg,y\r\n", [b"x", b"y"], [],
            id="a mark, CRLF, a blank line",
        ),
        pytest.param(b"path,text\na.jpg,caf\xe9\nb.jpg,a\0b\n", [b"caf\xe9", b"a\0b"], [], id="no UTF-8, and a NUL"),
        pytest.param(b"path,text\na.jpg,x", [b"x"], [], id="no line break at the end"),
        pytest.param(b"path,text\n", [], [], id="no row"),
    ],
)  # fmt: skip
def test_a_damaged_row_of_a_csv_costs_itself(tmp_path: Path, table: bytes, captions: list[bytes], lost: list[int]):
    (tmp_path / "t.csv").write_bytes(table)

    pairs, damages = read_all(tmp_path / "t.csv")

    assert [item.caption for item in pairs] == captions
    assert [damage.offset for damage in damages] == lost
    assert {damage.lost_pairs for damage in damages} <= {1}


@pytest.mark.parametrize(
    ("table", "captions", "lost"),
    [
        pytest.param(
            b'{"path": "a", "text": "x"}\n{"path": "b", "te\n{"path": "c", "text": "z"}', [b"x", b"z"], 1,
            id="cut",
        ),
        pytest.param(b'{"path": "a", "text": "x"}\n[]\n7\nnull\n"x"\n', [b"x"], 4, id="no objects"),
        pytest.param(b'{"path": "a", "text": "x"}\n' + b"[" * 100_000 + b"\n", [b"x"], 1, id="deep"),
        pytest.param(
            b'{"path": "a", "text": "x"}\n{"path": "a", "n": ' + b"9" * 5000 + b"}\n", [b"x"], 1,
            id="a long number",
        ),
        pytest.param(
            b'{"path": "a", "text": "x"}\n\n  \n{"path": "b", "text": "y"}', [b"x", b"y"], 0,
            id="blank lines",
        ),
        pytest.param(
            b'{"path": 7, "text": 7}\n{"path": null, "text": "y"}\n{}\n', [None, b"y", None], 0,
            id="other types",
        ),
        pytest.param(b'{"path": "a", "text": "caf\xe9"}\n', [b"caf\xe9"], 0, id="no UTF-8"),
        pytest.param(b'{"path": "a", "text": "\\ud800"}\n', [b"\xed\xa0\x80"], 0, id="a lone surrogate"),
        pytest.param(
            b'{"path": "a", "text": "x"}\n' + b"x" * (9 << 20) + b"\n", [b"x"], 1,
            id="a line beyond all limits",
        ),
    ],
)  # fmt: skip
def test_a_damaged_line_of_json_costs_itself(tmp_path: Path, table: bytes, captions: list[bytes | None], lost: int):
    (tmp_path / "t.jsonl").write_bytes(table)

    pairs, damages = read_all(tmp_path / "t.jsonl")

    assert [item.caption for item in pairs] == captions
    assert len(damages) == lost


@pytest.mark.parametrize(
    ("name", "table", "message"),
    [
        ("t.csv", b"", "is empty: its first line should name the columns"),
        ("t.csv", b"path,path,text\n", "each once"),
        ("t.csv", b"\xff\xfep\0a\0t\0h\0", "UTF-16"),
        ("t.csv", b"a.jpg,a cat\n", "no image column; .* Seen: a.jpg, a cat"),
        ("t.jsonl", b"", "no image column; .* Seen: nothing"),
    ],
)
def test_a_table_without_columns_is_told(tmp_path: Path, name: str, table: bytes, message: str):
    (tmp_path / name).write_bytes(table)

    with pytest.raises(SourceError, match=message):
        specs_of(tmp_path / name)


def test_a_damaged_row_group_of_a_parquet_table_costs_its_rows_in_every_slice(tmp_path: Path):
    columns = {"path": [f"{n}.jpg" for n in range(6)], "text": [f"caption {n} " * 9 for n in range(6)]}
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table(columns), path, row_group_size=3, write_page_checksum=True, compression="none")
    data = bytearray(path.read_bytes())
    data[data.index(b"caption 4")] ^= 1
    path.write_bytes(data)

    found = [list(read_partition(spec)) for spec in specs_of(path, TWO)]

    assert [[item.lost_pairs if isinstance(item, Damage) else item.pair.key for item in items] for items in found] == [
        ["0.jpg", "1.jpg"],
        ["2.jpg", 1],
        [2],
    ]


def test_a_table_that_is_gone_or_whose_columns_changed_fails_its_partition(tmp_path: Path):
    path = write_csv(tmp_path / "t.csv", ROWS, ("path", "text"))
    [spec] = specs_of(path)

    path.write_text("path,words\n")
    with pytest.raises(ContainerDamagedError, match="no caption column"):
        list(read_partition(spec))
    path.unlink()
    with pytest.raises(SourceChangedError, match="is gone"):
        list(read_partition(spec))


def test_a_caption_s_place_is_its_row(tmp_path: Path):
    put(tmp_path, "a.jpg")
    [item], _ = read_all(write_jsonl(tmp_path / "t.jsonl", [("a.jpg", "x")], ("path", "text")))

    assert item.pair.caption is not None
    assert read_bytes(item.pair.caption) == b'{"path": "a.jpg", "text": "x"}\n'


def test_a_folder_with_images_and_one_table_is_read_by_the_table(tmp_path: Path):
    put(tmp_path, "images/a.jpg")
    write_csv(tmp_path / "captions.csv", [("images/a.jpg", "x")], ("image", "caption"))

    source = open_source(str(tmp_path))

    assert (source.format, source.why) == (
        "manifest",
        f"1 table(s) of image paths under {tmp_path}: images by 'image', captions by 'caption'",
    )


def test_a_table_that_cannot_be_read_fails_alone_and_makes_slices_when_it_can(tmp_path: Path):
    write_csv(tmp_path / "a.csv", ROWS, ("path", "text"))
    (tmp_path / "b.csv").write_bytes(b"")
    write_csv(tmp_path / "c.csv", ROWS, ("path", "text"))
    first, broken, _ = specs = specs_of(tmp_path)

    assert [spec.key for spec in specs] == ["a.csv-slice-00000", "b.csv-unreadable", "c.csv-slice-00000"]
    assert len(list(read_partition(first))) == 5
    with pytest.raises(ContainerDamagedError, match="is empty"):
        list(read_partition(broken))
    write_csv(tmp_path / "b.csv", ROWS, ("path", "text"))
    with pytest.raises(SourceChangedError, match="can now: run again"):
        list(read_partition(broken))
    known = {spec.key: spec.members for spec in specs}
    assert [(spec.key, spec.members) for spec in specs_of(tmp_path, known=known)][1] == ("b.csv-slice-00000", ("0:5",))


@pytest.mark.parametrize(("write", "name"), [(write_csv, "t.csv"), (write_jsonl, "t.jsonl")])
def test_a_slice_reads_the_same_rows_whether_their_places_are_known_or_not(tmp_path: Path, write: Write, name: str):
    rows = [(f"{n}.jpg", f'caption, "{n}"\nof two lines' if n % 7 == 0 else f"caption {n}") for n in range(2500)]
    path = write(tmp_path / name, rows, ("path", "text"))
    config = IngestConfig(partition_pairs=900)
    specs = specs_of(path, config)

    known = [[item.caption for item in read_partition(spec) if isinstance(item, ReadPair)] for spec in specs]
    checkpoints.cache_clear()
    anew = [[item.caption for item in read_partition(spec) if isinstance(item, ReadPair)] for spec in reversed(specs)]

    assert known == anew[::-1]
    assert [caption for part in known for caption in part] == [caption.encode() for _, caption in rows]
