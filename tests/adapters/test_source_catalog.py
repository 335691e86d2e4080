import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import fsspec
import pytest

from pairsift.adapters.sources import FORMATS, open_source, read_bytes, read_image, read_partition
from pairsift.adapters.sources.patterns import expand_ranges
from pairsift.config import IngestConfig, SourceFormat
from pairsift.core.records import IngestedPair, Location, ReadPair
from pairsift.errors import SourceChangedError, SourceError, UnusableInputError
from tests.adapters.tiny_shard import tiny_shard


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for number in range(4):
        (tmp_path / f"{number:05d}.tar").write_bytes(tiny_shard())
    return tmp_path


@pytest.fixture
def bucket() -> Iterator[str]:
    system = fsspec.filesystem("memory")
    for number in range(3):
        system.pipe_file(f"/bucket/pairs/{number:05d}.tar", tiny_shard())
        system.pipe_file(f"/bucket/pictures/{number}.jpg", b"picture %d" % number)
        system.pipe_file(f"/bucket/pictures/{number}.txt", b"a cat")
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def keys(uri: str, source_format: SourceFormat = "auto") -> list[str]:
    return [spec.key for spec in open_source(uri, source_format).partitions({}, IngestConfig())]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("", ["00000", "00001", "00002", "00003"]),
        ("/", ["00000", "00001", "00002", "00003"]),
        ("/00002.tar", ["00002"]),
        ("/0000[12].tar", ["00001", "00002"]),
        ("/*.tar", ["00000", "00001", "00002", "00003"]),
        ("/{00001..00002}.tar", ["00001", "00002"]),
        ("/0000{1..1}.tar", ["00001"]),
    ],
)
def test_finds_shards_by_folder_file_glob_and_range(shards: Path, pattern: str, expected: list[str]):
    assert keys(f"{shards}{pattern}") == expected
    assert keys(f"file://{shards}{pattern}") == expected


def test_relative_paths_are_found(shards: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(shards)

    assert [keys(uri) for uri in (".", "*.tar", "00001.tar", "./{00001..00001}.tar")] == [
        ["00000", "00001", "00002", "00003"],
        ["00000", "00001", "00002", "00003"],
        ["00001"],
        ["00001"],
    ]


def test_ranges_keep_their_zeros_and_combine():
    assert expand_ranges("{08..11}-{1..2}.tar") == [f"{a}-{b}.tar" for a in ("08", "09", "10", "11") for b in (1, 2)]


def test_says_what_it_chose_and_why(shards: Path):
    source = open_source(str(shards))

    assert (source.format, source.why) == ("webdataset", f"4 WebDataset shard(s) under {shards}")


@pytest.mark.parametrize(
    ("uri", "source_format", "message"),
    [
        ("nothing", "auto", "names no file: check the path"),
        ("nothing/", "auto", "names no file: check the path"),
        ("nothing/*.tar", "auto", "names no file: check the path"),
        ("{00003..00005}.tar", "auto", "00004.tar is not there, but the range names it"),
        ("{5..4}.tar", "auto", "names no file"),
        ("empty", "auto", "holds no shards, tables or image files"),
        ("empty", "folder", "holds no image file"),
        ("pictures", "webdataset", "holds no WebDataset shard"),
        ("pictures/a.jpg", "auto", "give their folder"),
        ("pictures/*.jpg", "folder", "give their folder"),
        ("mixed", "auto", "holds 1 .tar file"),
        ("notes/README", "auto", "holds no shards, tables or image files .1 file.s. seen, such as .*README"),
        ("{day}/*.tar", "auto", "names no file: {day} is neither a date .{date}, or a format"),
        ("{day}/{00000..00001}.tar", "auto", "names no file: {day} is neither a date"),
    ],
)
def test_an_unusable_source_says_what_to_do(shards: Path, uri: str, source_format: SourceFormat, message: str):
    (shards / "empty").mkdir()
    for name in ("pictures/a.jpg", "mixed/a.jpg", "mixed/0.tar", "notes/README"):
        (shards / name).parent.mkdir(exist_ok=True)
        (shards / name).write_bytes(b"x")

    with pytest.raises(UnusableInputError, match=message):
        open_source(f"{shards}/{uri}", source_format)


def test_the_formats_to_choose_from_are_those_that_have_a_reader():
    assert set(get_args(SourceFormat)) == {"auto", *FORMATS}


def test_braces_that_are_there_are_part_of_the_path(shards: Path):
    (shards / "my{dir}").mkdir()
    (shards / "00000.tar").rename(shards / "my{dir}/{x}.tar")

    assert keys(f"{shards}/my{{dir}}") == ["%7Bx%7D"]
    assert keys(f"{shards}/my{{dir}}/{{x}}.tar") == ["%7Bx%7D"]
    assert keys(f"{shards}/my{{dir}}/*.tar") == ["my%7Bdir%7D%2F%7Bx%7D"]


@pytest.mark.parametrize("uri", ["nosuch://bucket/*.tar", "dropbox://a/*.tar"])
def test_an_unknown_protocol_or_a_missing_package_is_named(uri: str):
    with pytest.raises(SourceError, match="cannot open"):
        open_source(uri)


@pytest.mark.parametrize("pattern", ["/pairs", "/pairs/*.tar", "/pairs/{00000..00002}.tar"])
def test_reads_shards_behind_fsspec(bucket: str, pattern: str):
    specs = open_source(bucket + pattern).partitions({}, IngestConfig())

    pairs = [item for spec in specs for item in read_partition(spec) if isinstance(item, ReadPair)]

    assert [spec.key for spec in specs] == ["00000", "00001", "00002"]
    assert [read_bytes(item.pair.image) for item in pairs if item.pair.image] == [b"picture"] * 3


def test_reads_a_folder_behind_fsspec(bucket: str):
    [spec] = open_source(f"{bucket}/pictures").partitions({}, IngestConfig())

    pairs = [item for item in read_partition(spec) if isinstance(item, ReadPair)]

    assert [(item.pair.key, item.image, item.caption) for item in pairs] == [
        (str(number), b"picture %d" % number, b"a cat") for number in range(3)
    ]
    assert [read_bytes(item.pair.image) for item in pairs if item.pair.image] == [item.image for item in pairs]


def test_a_remote_fingerprint_is_the_same_until_the_file_changes(bucket: str):
    def identities() -> list[str]:
        return [s.input_fingerprint for s in open_source(f"{bucket}/pairs").partitions({}, IngestConfig())]

    before = identities()
    assert identities() == before

    fsspec.filesystem("memory").pipe_file("/bucket/pairs/00001.tar", tiny_shard())

    assert [same for same, now in zip(before, identities(), strict=True) if same == now] == [before[0], before[2]]


@pytest.mark.parametrize("uri", ["{tmp}/0.tar", "file://{tmp}/0.tar", "memory://short/0.tar"])
def test_a_file_that_became_shorter_or_is_gone_has_changed(tmp_path: Path, uri: str):
    (tmp_path / "0.tar").write_bytes(b"12345")
    fsspec.filesystem("memory").pipe_file("/short/0.tar", b"12345")
    name = uri.format(tmp=tmp_path)

    assert read_bytes(Location(name, 1, 4)) == b"2345"
    with pytest.raises(SourceChangedError, match="3 of 4 bytes at offset 2"):
        read_bytes(Location(name, 2, 4))
    with pytest.raises(SourceChangedError, match="is gone"):
        read_bytes(Location(f"{name}x", 0, 1))


def test_an_image_is_read_again_only_if_it_is_the_same(tmp_path: Path):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"before")
    digest = hashlib.sha256(b"before").hexdigest()
    pair = IngestedPair(0, "0" * 32, "a", Location(str(path), 0, 6), digest, None)

    assert read_image(pair) == b"before"
    assert read_image(replace(pair, image=None)) is None
    path.write_bytes(b"after!")
    with pytest.raises(SourceChangedError, match="the image of 'a' changed"):
        read_image(pair)
