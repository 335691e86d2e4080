import os
from pathlib import Path

import pytest

from pairsift.adapters.sources import open_source, read_bytes, read_partition
from pairsift.config import IngestConfig
from pairsift.core.records import PartitionSpec, ReadPair

CONFIG = IngestConfig(partition_pairs=2)


def write(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(name.encode(errors="surrogateescape"))
    return root


def specs(root: Path, known: dict[str, tuple[str, ...]] | None = None) -> list[PartitionSpec]:
    return open_source(str(root), "folder").partitions(known or {}, CONFIG)


def read(root: Path) -> list[ReadPair]:
    return [item for spec in specs(root) for item in read_partition(spec) if isinstance(item, ReadPair)]


def members(found: list[PartitionSpec]) -> dict[str, tuple[str, ...]]:
    return {spec.key: spec.members for spec in found}


def test_pairs_an_image_with_the_text_of_its_stem_in_sorted_order(tmp_path: Path):
    write(tmp_path, "b.JPG", "b.txt", "a/x.y.png", "a/x.y.TXT", "c.webp", "notes.md", ".hidden.jpg", ".git/a.jpg")

    pairs = read(tmp_path)

    assert [(p.pair.key, p.image, p.caption) for p in pairs] == [
        ("a/x.y", b"a/x.y.png", b"a/x.y.TXT"),
        ("b", b"b.JPG", b"b.txt"),
        ("c", b"c.webp", None),
    ]
    assert [read_bytes(p.pair.image) for p in pairs if p.pair.image] == [p.image for p in pairs]
    assert [read_bytes(p.pair.caption) for p in pairs if p.pair.caption] == [b"a/x.y.TXT", b"b.txt"]


def test_a_caption_without_an_image_is_a_pair_without_an_image(tmp_path: Path):
    pairs = read(write(tmp_path, "a.txt", "b.jpg"))

    assert [(p.pair.key, p.image, p.caption) for p in pairs] == [("a", None, b"a.txt"), ("b", b"b.jpg", None)]


def test_two_images_of_one_stem_stay_two_pairs_of_two_names(tmp_path: Path):
    pairs = read(write(tmp_path, "a.jpg", "a.png", "a.txt"))

    assert [(p.pair.key, p.image, p.caption) for p in pairs] == [
        ("a.jpg", b"a.jpg", b"a.txt"),
        ("a.png", b"a.png", b"a.txt"),
    ]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("bad\udcff.jpg", "bad\\udcff"),
        ("100%.jpg", "100%"),
        ("%41.jpg", "%41"),
        ("new\nline.jpg", "new\nline"),
        ("grüße 😀.jpg", "grüße 😀"),
        ("a#b?c{0..1}[x]*.jpg", "a#b?c{0..1}[x]*"),
    ],
)
def test_any_file_name_can_be_read(tmp_path: Path, name: str, key: str):
    write(tmp_path, name)

    [spec] = specs(tmp_path)
    [item] = read_partition(spec)

    assert isinstance(item, ReadPair)
    assert item.pair.key == key
    assert item.pair.image is not None
    assert read_bytes(item.pair.image) == os.fsencode(name)
    "".join([*spec.members, item.pair.image.uri]).encode()


def test_cuts_slices_and_keeps_their_members(tmp_path: Path):
    first = specs(write(tmp_path, "b.jpg", "d.jpg", "f.jpg"))

    second = specs(write(tmp_path, "a.jpg", "c.jpg", "e.jpg"), members(first))

    assert members(first) == {"slice-00000": ("b.jpg", "d.jpg"), "slice-00001": ("f.jpg",)}
    assert members(second) == {
        **members(first),
        "slice-00002": ("a.jpg", "c.jpg"),
        "slice-00003": ("e.jpg",),
    }
    assert [spec.input_fingerprint for spec in second[:2]] == [spec.input_fingerprint for spec in first]


def test_a_vanished_image_reads_as_missing_and_changes_its_slice_only(tmp_path: Path):
    first = specs(write(tmp_path, "a.jpg", "a.txt", "b.jpg", "c.jpg"))
    (tmp_path / "a.jpg").unlink()

    second = specs(tmp_path, members(first))
    [gone, there] = [item for item in read_partition(second[0]) if isinstance(item, ReadPair)]

    assert (gone.pair.key, gone.pair.image, gone.image, gone.caption) == ("a", None, None, b"a.txt")
    assert there.image == b"b.jpg"
    assert members(second) == members(first)
    assert second[0].input_fingerprint != first[0].input_fingerprint
    assert second[1].input_fingerprint == first[1].input_fingerprint


def test_a_caption_that_gets_its_image_later_leaves_the_pair_to_it(tmp_path: Path):
    first = specs(write(tmp_path, "a.txt", "b.jpg"))
    write(tmp_path, "a.jpg")

    second = specs(tmp_path, members(first))
    pairs = [item for spec in second for item in read_partition(spec) if isinstance(item, ReadPair)]

    assert [(p.image, p.caption) for p in pairs] == [(b"b.jpg", None), (b"a.jpg", b"a.txt")]
    assert second[0].input_fingerprint != first[0].input_fingerprint


def test_a_changed_caption_changes_the_slice(tmp_path: Path):
    first = specs(write(tmp_path, "a.jpg", "a.txt"))
    (tmp_path / "a.txt").write_text("another")

    assert specs(tmp_path, members(first))[0].input_fingerprint != first[0].input_fingerprint


def test_pipes_and_folders_with_image_names_are_left_out(tmp_path: Path):
    write(tmp_path, "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "folder.jpg").mkdir()

    assert [item.pair.key for item in read(tmp_path)] == ["a"]
