import io
import json
import os
import tarfile
from pathlib import Path

import pytest

from pairsift.adapters.sources import open_source, read_bytes, read_partition
from pairsift.config import IngestConfig
from pairsift.core.ingesting import identify
from pairsift.core.records import Damage, PartitionSpec, ReadPair
from pairsift.errors import ContainerDamagedError, SourceChangedError

Files = list[tuple[str, bytes]]

SHARD: Files = [(f"{key}.{suffix}", f"{key} {suffix}".encode()) for key in "abcd" for suffix in ("jpg", "txt")]


def write(path: Path, files: Files) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in files:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def specs(source: Path | str) -> list[PartitionSpec]:
    return open_source(str(source)).partitions({}, IngestConfig())


def read(path: Path) -> tuple[list[ReadPair], list[Damage]]:
    [spec] = specs(path)
    items = list(read_partition(spec))
    return [item for item in items if isinstance(item, ReadPair)], [item for item in items if isinstance(item, Damage)]


def keys(pairs: list[ReadPair]) -> list[str]:
    return [item.pair.key for item in pairs]


def test_reads_every_pair_with_its_bytes_and_their_place(tmp_path: Path):
    pairs, damages = read(write(tmp_path / "0.tar", SHARD))

    assert damages == []
    assert [(p.pair.key, p.image, p.caption) for p in pairs] == [
        (key, f"{key} jpg".encode(), f"{key} txt".encode()) for key in "abcd"
    ]
    for item in pairs:
        assert item.pair.image is not None
        assert item.pair.caption is not None
        assert read_bytes(item.pair.image) == item.image
        assert read_bytes(item.pair.caption) == item.caption


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("x/y.z/000.jpg", "x/y.z/000"),
        ("./000.jpg", "./000"),
        ("000.JPG", "000"),
        ("k" * 200 + ".webp", "k" * 200),
        ("grüße.jpg", "grüße"),
        ("bad\udcff.jpg", "bad\\udcff"),
    ],
)
def test_the_key_ends_at_the_first_dot_of_the_base_name(tmp_path: Path, name: str, key: str):
    pairs, _ = read(write(tmp_path / "0.tar", [(name, b"picture")]))

    assert [(item.pair.key, item.image) for item in pairs] == [(key, b"picture")]


def test_a_dotted_suffix_is_not_an_image(tmp_path: Path):
    pairs, _ = read(write(tmp_path / "0.tar", [("0.mask.png", b"mask"), ("0.jpg", b"picture"), ("0.txt", b"text")]))

    assert [(item.pair.key, item.image) for item in pairs] == [("0", b"picture")]


@pytest.mark.parametrize("name", ["__0__", "._0.jpg", ".jpg", "readme", "__x.jpg__"])
def test_passes_over_names_that_are_not_samples(tmp_path: Path, name: str):
    pairs, _ = read(write(tmp_path / "0.tar", [(name, b"x"), *SHARD]))

    assert keys(pairs) == list("abcd")


def test_a_suffix_that_comes_again_starts_a_new_sample(tmp_path: Path):
    pairs, _ = read(write(tmp_path / "0.tar", [("0.jpg", b"1"), ("0.txt", b"one"), ("0.jpg", b"2"), ("0.txt", b"two")]))

    assert [(item.image, item.caption) for item in pairs] == [(b"1", b"one"), (b"2", b"two")]


def test_only_consecutive_members_are_one_sample(tmp_path: Path):
    pairs, _ = read(write(tmp_path / "0.tar", [("0.jpg", b"1"), ("1.jpg", b"2"), ("0.txt", b"late")]))

    assert [(item.image, item.caption) for item in pairs] == [(b"1", None), (b"2", None), (None, b"late")]


def test_the_picture_is_the_first_suffix_that_open_clip_takes(tmp_path: Path):
    pairs, _ = read(write(tmp_path / "0.tar", [("0.webp", b"w"), ("0.png", b"p"), ("0.jpeg", b"j"), ("0.txt", b"t")]))

    assert [item.image for item in pairs] == [b"p"]


@pytest.mark.parametrize(
    ("fields", "caption", "uid"),
    [
        ({"caption": "a cat", "text": "no", "uid": "f" * 32}, b"a cat", "f" * 32),
        ({"caption": None, "text": "a dog"}, b"a dog", None),
        ({"caption": "", "text": "no"}, b"", None),
        ({"caption": 7, "uid": 7}, None, None),
        (["caption"], None, None),
    ],
)
def test_takes_the_caption_and_the_uid_from_json(tmp_path: Path, fields: object, caption: bytes | None, uid: str):
    data = json.dumps(fields).encode()

    [item], _ = read(write(tmp_path / "0.tar", [("0.jpg", b"p"), ("0.json", data)]))

    assert (item.caption, item.pair.source_uid) == (caption, uid)
    assert (item.pair.caption is None) == (caption is None)


@pytest.mark.parametrize(
    ("data", "column"),
    [
        (b'{"similarity": 0.3}', 0.3),
        (b'{"similarity": 0.3, "similarity": 0.4}', 0.4),
        (b'{"similarity": [[[0.3]]]}', None),
        (b'{"similarity": NaN}', None),
        (b'["similarity"]', None),
        (b'"similarity"', None),
        (b'{"similarity": 0.3', None),
        (b'{"similarity": ' + b"[" * 100_000 + b"}", None),
        (b'{"similarity": ' + b"9" * 5000 + b"}", None),
    ],
)
def test_hostile_json_costs_no_more_than_its_columns(tmp_path: Path, data: bytes, column: float | None):
    [item], _ = read(write(tmp_path / "0.tar", [("0.jpg", b"p"), ("0.json", data), ("0.txt", b"a cat")]))

    pair = identify(0, item, 100, {"similarity"})

    assert pair.source_columns.get("similarity") == column
    assert (item.image, pair.raw_caption) == (b"p", b"a cat")


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"caption": ' + b"9" * 5000 + b"}"])
def test_broken_json_costs_the_json_only(tmp_path: Path, data: bytes):
    [item], damages = read(write(tmp_path / "0.tar", [("0.jpg", b"p"), ("0.json", data), ("0.txt", b"a cat")]))

    assert (item.image, item.caption, damages) == (b"p", b"a cat", [])


def test_a_lone_surrogate_in_json_stays_visible_as_bytes(tmp_path: Path):
    [item], _ = read(write(tmp_path / "0.tar", [("0.jpg", b"p"), ("0.json", b'{"caption": "a \\ud800 cat"}')]))

    assert item.caption == b"a \xed\xa0\x80 cat"


def test_a_sample_without_picture_and_caption_is_no_pair(tmp_path: Path):
    pairs, _ = read(write(tmp_path / "0.tar", [("0.npy", b"x"), ("1.json", b"{}"), ("2.txt", b"a cat")]))

    assert [(item.pair.key, item.image) for item in pairs] == [("2", None)]


def test_every_cut_yields_true_pairs_and_one_damage(tmp_path: Path):
    data = write(tmp_path / "0.tar", SHARD).read_bytes()
    whole, _ = read(tmp_path / "0.tar")
    end = len(SHARD) * 1024

    for cut in range(2048, end + 1, 512):
        (tmp_path / "0.tar").write_bytes(data[:cut])
        pairs, damages = read(tmp_path / "0.tar")

        assert pairs == whole[: cut // 2048]
        assert [damage.lost_pairs for damage in damages] == [1]


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 1024, 1540])
def test_a_shard_without_a_readable_pair_fails(tmp_path: Path, cut: int):
    path = write(tmp_path / "0.tar", SHARD)
    path.write_bytes(path.read_bytes()[:cut])

    with pytest.raises(ContainerDamagedError, match="no pair is readable"):
        read(path)


def test_a_compressed_shard_fails_and_says_what_to_do(tmp_path: Path):
    path = tmp_path / "0.tar"
    path.write_bytes(b"\x1f\x8b\x08\x00" + b"data" * 500)

    with pytest.raises(ContainerDamagedError, match=r"gzip-compressed.*decompress it first"):
        read(path)


def test_a_shard_that_is_gone_has_changed(tmp_path: Path):
    [spec] = specs(write(tmp_path / "0.tar", SHARD))
    (tmp_path / "0.tar").unlink()

    with pytest.raises(SourceChangedError, match="is gone since the source was listed"):
        list(read_partition(spec))


def test_an_empty_shard_has_no_pairs(tmp_path: Path):
    assert read(write(tmp_path / "0.tar", [])) == ([], [])


def test_img2dataset_statistics_count_what_a_damage_cost(tmp_path: Path):
    path = write(tmp_path / "0.tar", SHARD)
    path.write_bytes(path.read_bytes()[:2048])
    (tmp_path / "0_stats.json").write_text('{"count": 9, "successes": 4}')

    pairs, damages = read(path)

    assert (keys(pairs), [damage.lost_pairs for damage in damages]) == (["a"], [3])


def test_img2dataset_statistics_find_pairs_missing_from_a_whole_shard(tmp_path: Path):
    write(tmp_path / "0.tar", SHARD)
    (tmp_path / "0_stats.json").write_text('{"successes": 6}')

    pairs, damages = read(tmp_path / "0.tar")

    assert (len(pairs), [damage.lost_pairs for damage in damages]) == (4, [2])


@pytest.mark.parametrize("content", ['{"successes": 4}', "{", "[]", '{"successes": null}', "{}"])
def test_statistics_that_agree_or_are_broken_change_nothing(tmp_path: Path, content: str):
    write(tmp_path / "0.tar", SHARD)
    (tmp_path / "0_stats.json").write_text(content)

    pairs, damages = read(tmp_path / "0.tar")

    assert (len(pairs), damages) == (4, [])


def test_partition_keys_are_unique_and_safe_as_folder_names(tmp_path: Path):
    for name in ("0.tar", "a/0.tar", "a%2F0.tar", "b c/ü.tar", "...tar"):
        write(tmp_path / name, SHARD)

    found = [spec.key for spec in specs(tmp_path / "*")] + [spec.key for spec in specs(tmp_path)]

    assert sorted(set(found)) == ["0", "a%252F0", "a%2F0", "b%20c%2F%C3%BC"]


def test_the_input_fingerprint_follows_name_size_and_time_only(tmp_path: Path):
    here, there = write(tmp_path / "here/0.tar", SHARD), write(tmp_path / "there/0.tar", SHARD)
    times = here.stat().st_mtime_ns
    os.utime(there, ns=(times, times))

    assert specs(here)[0].input_fingerprint == specs(tmp_path / "there")[0].input_fingerprint
    os.utime(there, ns=(times, times + 1))
    assert specs(here)[0].input_fingerprint != specs(tmp_path / "there")[0].input_fingerprint
