import csv
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.sources import open_source, read_partition
from pairsift.errors import SourceError
from tests.adapters.reading import facts, images_again, read_all, specs_of

ROWS = [{"file_name": "a.jpg", "text": "a cat"}, {"file_name": "sub/b.jpg", "text": "a dog"}]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two splits of two images each."""
    for name in ("train/a.jpg", "train/sub/b.jpg", "test/a.jpg", "test/sub/b.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    return tmp_path


def write(path: Path, rows: list[dict[str, str]]) -> None:
    if path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    else:
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, rows[0])
            writer.writeheader()
            writer.writerows(rows)


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_reads_the_images_that_the_metadata_of_every_split_name(folder: Path, ending: str):
    for split in ("train", "test"):
        write(folder / split / f"metadata.{ending}", ROWS)

    pairs, damages = read_all(folder)

    assert damages == []
    assert facts(pairs) == [
        ("a.jpg", b"test/a.jpg", b"a cat"),
        ("sub/b.jpg", b"test/sub/b.jpg", b"a dog"),
        ("a.jpg", b"train/a.jpg", b"a cat"),
        ("sub/b.jpg", b"train/sub/b.jpg", b"a dog"),
    ]
    assert images_again(pairs) == [item.image for item in pairs]
    assert [spec.key for spec in specs_of(folder)] == [
        f"test%2Fmetadata.{ending}-slice-00000",
        f"train%2Fmetadata.{ending}-slice-00000",
    ]
    assert open_source(str(folder)).why == (
        f"2 metadata file(s) of an imagefolder under {folder}: images by 'file_name', captions by 'text'"
    )


@pytest.mark.parametrize("column", ["file_name", "image_file_name"])
def test_the_path_is_file_name_or_a_column_that_ends_so(folder: Path, column: str):
    rows = [{column: "a.jpg", "path": "elsewhere", "text": "a cat"}]
    write(folder / "train/metadata.csv", rows)

    assert [item.image for item in read_all(folder)[0]] == [b"train/a.jpg"]


def test_images_without_a_row_are_no_pairs_and_rows_without_an_image_are(folder: Path):
    write(folder / "train/metadata.csv", [*ROWS[:1], {"file_name": "gone.jpg", "text": "gone"}])

    assert facts(read_all(folder)[0]) == [("a.jpg", b"train/a.jpg", b"a cat"), ("gone.jpg", None, b"gone")]


def test_a_row_that_leaves_its_folder_costs_itself(folder: Path):
    write(folder / "train/metadata.csv", [{"file_name": "../test/a.jpg", "text": "x"}, *ROWS])

    pairs, [damage] = read_all(folder)

    assert len(pairs) == 2
    assert "leaves the folder" in damage.message


def test_metadata_of_several_kinds_are_refused(folder: Path):
    write(folder / "train/metadata.csv", ROWS)
    write(folder / "test/metadata.jsonl", ROWS)

    with pytest.raises(SourceError, match=r"metadata in .csv and .jsonl: leave those of one kind"):
        open_source(str(folder))


def test_one_split_whose_metadata_cannot_be_read_keeps_back_no_other(folder: Path):
    write(folder / "train/metadata.csv", ROWS)
    (folder / "test/metadata.csv").write_text("words\n")

    broken, good = specs_of(folder)

    assert broken.key == "test%2Fmetadata.csv-unreadable"
    assert len(list(read_partition(good))) == 2
