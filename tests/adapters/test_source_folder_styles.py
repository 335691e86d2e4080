import json
from pathlib import Path

import pytest

from pairsift.adapters.sources import open_source, read_bytes
from pairsift.config import SourceFormat
from pairsift.errors import SourceError
from tests.adapters.reading import facts, images_again, read_all, specs_of


def put(root: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


KOHYA = {
    "10_cat/a.png": b"A", "10_cat/a.caption": b"first line\nsecond line",
    "10_cat/b.webp": b"B", "10_cat/b.txt": b"of a tagger\r\nmore",
    "10_cat/c.jpg": b"C", "10_cat/c.caption": b"", "10_cat/c.txt": b"not read",
    "10_cat/d.jpg": b"D",
    "10_cat/e.jpg": b"E", "10_cat/e.caption": b"caf\xe9\nx",
}  # fmt: skip


def test_reads_the_first_line_of_kohya_s_captions(tmp_path: Path):
    pairs, damages = read_all(put(tmp_path, KOHYA))

    assert damages == []
    assert facts(pairs) == [
        ("10_cat/a", b"A", b"first line"),
        ("10_cat/b", b"B", b"of a tagger"),
        ("10_cat/c", b"C", b""),
        ("10_cat/d", b"D", None),
        ("10_cat/e", b"E", b"caf\xe9"),
    ]
    assert images_again(pairs) == [item.image for item in pairs]
    assert [read_bytes(item.pair.caption) for item in pairs if item.pair.caption] == [
        item.caption for item in pairs if item.caption is not None
    ]


@pytest.mark.parametrize(
    ("source_format", "caption"), [("auto", b"one\ntwo"), ("folder", b"one\ntwo"), ("kohya", b"one")]
)
def test_captions_in_txt_are_whole_unless_kohya_is_asked_for(
    tmp_path: Path, source_format: SourceFormat, caption: bytes
):
    pairs, _ = read_all(put(tmp_path, {"a.jpg": b"A", "a.txt": b"one\ntwo"}), source_format=source_format)

    assert [item.caption for item in pairs] == [caption]


def test_another_caption_of_kohya_s_is_another_input(tmp_path: Path):
    before = specs_of(put(tmp_path, KOHYA))
    after = specs_of(put(tmp_path, {"10_cat/d.caption": b"new"}))

    assert [spec.key for spec in before] == [spec.key for spec in after] == ["slice-00000"]
    assert before[0].members == after[0].members
    assert before[0].input_fingerprint != after[0].input_fingerprint


IMG2DATASET = {
    "00000/000000000.jpg": b"A",
    "00000/000000000.txt": b"a cat",
    "00000/000000000.json": json.dumps({"caption": "a cat", "uid": "f" * 32, "similarity": 0.3}).encode(),
    "00000/000000002.jpg": b"B",
    "00000/000000002.json": json.dumps({"caption": "a dog", "key": "000000002"}).encode(),
    "00000/000000003.jpg": b"C",
    "00000/000000003.json": b"{",
    "00000.parquet": b"not looked at",
    "00000_stats.json": b'{"successes": 3}',
}


def test_reads_img2dataset_s_files_with_what_their_json_says(tmp_path: Path):
    pairs, damages = read_all(put(tmp_path, IMG2DATASET))

    assert damages == []
    assert facts(pairs) == [
        ("00000/000000000", b"A", b"a cat"),
        ("00000/000000002", b"B", b"a dog"),
        ("00000/000000003", b"C", None),
    ]
    assert [item.pair.source_uid for item in pairs] == ["f" * 32, None, None]
    assert pairs[0].fields["similarity"] == 0.3


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (KOHYA, "kohya"),
        (IMG2DATASET, "img2dataset-files"),
        ({"a.jpg": b"A", "a.txt": b"x", "notes.csv.bak": b""}, "folder"),
        ({"a.jpg": b"A", "license.txt": b"x", "meta.json": b"{}"}, "folder"),
        ({"a.jpg": b"A", "pairs.csv": b"path,text\n"}, "manifest"),
        ({"a.jpg": b"A", "metadata.csv": b"file_name,text\n"}, "imagefolder"),
        ({"a.jsonl": b'{"path": "a.jpg", "text": "x"}\n', "README.txt": b""}, "manifest"),
    ],
)
def test_the_format_is_found_by_what_lies_there(tmp_path: Path, files: dict[str, bytes], chosen: str):
    assert open_source(str(put(tmp_path, files))).format == chosen


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.jpg": b"A", "a.txt": b"x", "pairs.csv": b"path,text\n"}, r"1 table\(s\) and 1 image file\(s\): say which"),
        ({"0.tar": b"", "a.jpg": b"A"}, r"1 .tar file\(s\) and 1 image file\(s\): say which"),
        ({"0.tar": b"", "0.tar.gz": b""}, "would both be partition 0"),
        ({"a.jsonl": b'{"url": "http://h/a.jpg", "text": "x"}\n'}, "img2dataset"),
    ],
)
def test_a_folder_that_could_be_read_in_two_ways_is_refused(tmp_path: Path, files: dict[str, bytes], message: str):
    with pytest.raises(SourceError, match=message):
        specs_of(put(tmp_path, files))
