from collections.abc import Iterator
from datetime import date
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.sources import Source, open_source, read_bytes, read_partition
from pairsift.config import IngestConfig, SourceFormat
from pairsift.core.records import PartitionSpec, ReadPair
from pairsift.errors import ConfigError, SourceError
from tests.adapters.tiny_shard import tiny_shard

DAYS = [date(2026, 11, 29), date(2026, 11, 30), date(2026, 12, 1)]
CONFIG = IngestConfig(partition_pairs=2)


@pytest.fixture(params=["local", "remote"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty folder: on this machine, and behind fsspec."""
    if request.param == "local":
        yield str(tmp_path)
        return
    system = fsspec.filesystem("memory")
    system.mkdir("/bucket")
    yield "memory://bucket"
    system.rm("/bucket", recursive=True)


def put(place: str, *names: str) -> str:
    """Write a shard, or for other names their own bytes, below a place; a name that ends in / is a folder."""
    system, root = fsspec.core.url_to_fs(place)
    for name in names:
        path = f"{root}/{name}"
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        if not name.endswith("/"):
            system.pipe_file(path, tiny_shard() if name.endswith(".tar") else name.encode())
    return place


def specs(source: Source, known: dict[str, tuple[str, ...]] | None = None) -> list[PartitionSpec]:
    return source.partitions(known or {}, CONFIG)


def keys(uri: str, source_format: SourceFormat = "auto") -> list[str]:
    return [spec.key for spec in specs(open_source(uri, source_format, DAYS))]


def missing(uri: str) -> list[str]:
    return [str(day) for day in open_source(uri, "auto", DAYS).missing_days]


@pytest.mark.parametrize(
    "source",
    [
        "pairs/{date}/*.tar",
        "pairs/{date}/{0..1}.tar",
        "pairs/{date}/[01].tar",
        "pairs/{date}",
        "pairs/{date}/",
        "pairs/{date:%Y-%m}-{date:%d}/*",
        "pairs/{date:%Y}-*-{date:%d}/?.tar",
    ],
)
def test_the_same_names_every_day_are_partitions_of_that_day(place: str, source: str):
    put(place, *(f"pairs/{day}/{number}.tar" for day in DAYS for number in range(2)), "pairs/2026-11-28/0.tar")

    found = open_source(f"{place}/{source}", "auto", DAYS)

    assert [spec.key for spec in specs(found)] == [
        "2026-11-29%2F0", "2026-11-29%2F1", "2026-11-30%2F0", "2026-11-30%2F1", "2026-12-01%2F0", "2026-12-01%2F1",
    ]  # fmt: skip
    assert found.missing_days == ()
    pairs = [item for spec in specs(found) for item in read_partition(spec) if isinstance(item, ReadPair)]
    assert [read_bytes(item.pair.image) for item in pairs if item.pair.image] == [b"picture"] * 6


@pytest.mark.parametrize(
    ("name", "source", "key"),
    [
        ("2026/11/30/0.tar", "{date:%Y/%m/%d}/*.tar", "2026%2F11%2F30%2F0"),
        ("year=2026/month=11/30/0.tar", "{date:year=%Y/month=%m}/{date:%d}", "year%3D2026%2Fmonth%3D11%2F30%2F0"),
        ("2026-11-30.tar", "{date}.tar", "2026-11-30"),
        ("part-7/2026-11-30/0.tar", "part-{6..7}/{date}/0.tar", "part-7%2F2026-11-30%2F0"),
        ("a/2026-11-30/0.tar", "*/{date}/0.tar", "a%2F2026-11-30%2F0"),
        ("2026-11-30/deep/er/0.tar", "{date}", "2026-11-30%2Fdeep%2Fer%2F0"),
        ("100%/2026-11-30/0.tar", "100%/{date}/*.tar", "2026-11-30%2F0"),
        ("2026-11-30%41/50%25.tar", "{date}%41", "2026-11-30%2541%2F50%2525"),
        ("2026-11-30%/50%25.tar", "{date:%Y-%m-%d%%}/*", "2026-11-30%25%2F50%2525"),
        ("my{dir}/2026-11-30/{x}.tar", "my{dir}/{date}", "my%7Bdir%7D%2F2026-11-30%2F%7Bx%7D"),
        ("my{dir}/2026-11-30/{x}.tar", "my{dir}/{date}/*.tar", "my%7Bdir%7D%2F2026-11-30%2F%7Bx%7D"),
        ("{date}/2026-11-30/0.tar", "[{]date}/{date}/0.tar", "%7Bdate%7D%2F2026-11-30%2F0"),
    ],
)
def test_a_key_is_the_path_below_the_first_pattern(place: str, name: str, source: str, key: str):
    put(place, f"pairs/{name}")

    assert keys(f"{place}/pairs/{source}") == [key]


def test_a_file_uri_and_a_relative_path_give_the_same_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    put(str(tmp_path), "100%/2026-11-30/0.tar", "2026-11-30/0.tar")
    monkeypatch.chdir(tmp_path)

    assert keys(f"file://{tmp_path}/100%25/{{date}}/*.tar") == ["2026-11-30%2F0"]
    assert keys("{date}/*.tar") == keys("./{date}") == ["2026-11-30%2F0"]


def test_a_date_stays_a_date_where_its_name_is_a_path(tmp_path: Path):
    put(str(tmp_path), "{date}/0.tar", "2026-11-30/0.tar")

    assert keys(f"{tmp_path}/{{date}}/0.tar") == ["2026-11-30%2F0"]


def test_a_file_that_two_days_name_is_one_partition(place: str):
    put(place, "2026-11-29_2026-11-30.tar")

    assert keys(f"{place}/*{{date}}*.tar") == ["2026-11-29_2026-11-30"]


@pytest.mark.parametrize("source", ["{date}/*.tar", "{date}/0.tar", "{date}/{0..1}.tar", "{date}"])
def test_a_day_of_which_nothing_is_there_is_missing_and_keeps_back_no_other(place: str, source: str):
    put(place, "2026-11-30/0.tar", "2026-11-30/1.tar", "2026-12-01/")

    assert missing(f"{place}/{source}") == ["2026-11-29", "2026-12-01"]
    assert keys(f"{place}/{source}")[0] == "2026-11-30%2F0"


def test_a_day_s_folder_without_a_shard_is_missing(place: str):
    put(place, "2026-11-29/_SUCCESS", "2026-11-30/0.tar", "2026-12-01/.0.tar")

    assert missing(f"{place}/{{date}}") == ["2026-11-29", "2026-12-01"]


def test_a_day_of_which_a_shard_of_the_range_is_not_there_is_missing_but_its_others_are_read(place: str):
    put(place, *(f"{day}/{number}.tar" for day in DAYS for number in range(2)), "2026-11-30/3.tar")
    fsspec.core.url_to_fs(place)[0].rm(f"{place.removeprefix('memory:/')}/2026-11-30/1.tar")

    source = open_source(f"{place}/{{date}}/{{0..1}}.tar", "auto", DAYS)

    assert [str(day) for day in source.missing_days] == ["2026-11-30"]
    assert [spec.key for spec in specs(source)] == [
        "2026-11-29%2F0", "2026-11-29%2F1", "2026-11-30%2F0", "2026-12-01%2F0", "2026-12-01%2F1",
    ]  # fmt: skip
    assert source.why == (
        f"5 WebDataset shard(s) of 3 day(s) named by {place}/{{date}}/{{0..1}}.tar; nothing, or not all, of 2026-11-30 "
        f"({place}/2026-11-30/1.tar is not there)"
    )


@pytest.mark.parametrize(
    ("source", "source_format", "message"),
    [
        (
            "none/{date}",
            "auto",
            "names no shards, tables or image files on 2026-11-29, 2026-11-30, 2026-12-01: check the path",
        ),
        ("none/{date}/*.tar", "webdataset", "names no WebDataset shard.s. on 2026-11-29"),
        ("none/{date}/{0..1}.tar", "auto", "names no shards, tables or image files on 2026-11-29"),
        ("pairs/{date}", "folder", "names no image file.s. on 2026-11-29"),
        ("mixed/{date}", "auto", r"holds 1 .tar file\(s\) and 1 image file\(s\): say which"),
        ("pictures/{date}/*.jpg", "auto", "give their folder"),
    ],
)
def test_an_unusable_source_says_what_to_do(place: str, source: str, source_format: SourceFormat, message: str):
    put(place, "pairs/2026-11-30/0.tar", "pictures/2026-11-30/a.jpg")
    put(place, "mixed/2026-11-29/0.tar", "mixed/2026-11-30/a.jpg")

    with pytest.raises(SourceError, match=message):
        open_source(f"{place}/{source}", source_format, DAYS)


def test_braces_that_name_nothing_on_any_day_are_told(place: str):
    put(place, "2026-11-30/0.tar")

    with pytest.raises(ConfigError, match=r"names no file: \{hour\} is neither a date"):
        open_source(f"{place}/{{date}}/{{hour}}.tar", "auto", DAYS)


def test_a_folder_of_pictures_a_day_is_cut_day_by_day(place: str):
    put(place, *(f"pairs/2026-11-29/{name}.jpg" for name in "abc"), "pairs/2026-11-29/a.txt", "pairs/2026-11-30/a.jpg")

    source = open_source(f"{place}/pairs/{{date}}", "auto", DAYS)

    assert {spec.key: spec.members for spec in specs(source)} == {
        "2026-11-29%2Fslice-00000": ("2026-11-29/a.jpg", "2026-11-29/b.jpg"),
        "2026-11-29%2Fslice-00001": ("2026-11-29/c.jpg",),
        "2026-11-30%2Fslice-00000": ("2026-11-30/a.jpg",),
    }
    assert source.missing_days == (date(2026, 12, 1),)
    pairs = [item for spec in specs(source) for item in read_partition(spec) if isinstance(item, ReadPair)]
    assert [(item.pair.key, item.image, item.caption) for item in pairs] == [
        ("2026-11-29/a", b"pairs/2026-11-29/a.jpg", b"pairs/2026-11-29/a.txt"),
        ("2026-11-29/b", b"pairs/2026-11-29/b.jpg", None),
        ("2026-11-29/c", b"pairs/2026-11-29/c.jpg", None),
        ("2026-11-30/a", b"pairs/2026-11-30/a.jpg", None),
    ]


def test_another_day_s_run_touches_no_known_slice_and_a_late_picture_makes_a_new_one(place: str):
    put(place, *(f"2026-11-29/{name}.jpg" for name in "abc"), "2026-11-30/a.jpg")
    before = {spec.key: spec for spec in specs(open_source(f"{place}/{{date}}", "auto", DAYS))}
    known = {key: spec.members for key, spec in before.items()}
    put(place, "2026-11-30/b.jpg", "2026-12-01/a.jpg")

    after = {spec.key: spec for spec in specs(open_source(f"{place}/{{date}}", "auto", DAYS[1:]), known)}

    assert {key: spec.members for key, spec in after.items()} == {
        "2026-11-30%2Fslice-00000": ("2026-11-30/a.jpg",),
        "2026-11-30%2Fslice-00001": ("2026-11-30/b.jpg",),
        "2026-12-01%2Fslice-00000": ("2026-12-01/a.jpg",),
    }
    assert after["2026-11-30%2Fslice-00000"] == before["2026-11-30%2Fslice-00000"]


def test_captions_that_came_before_their_pictures_do_not_make_a_day(place: str):
    put(place, "2026-11-29/a.txt", "2026-11-30/a.jpg", "2026-12-01/a.jpg")

    assert missing(f"{place}/{{date}}") == ["2026-11-29"]
    assert keys(f"{place}/{{date}}") == ["2026-11-30%2Fslice-00000", "2026-12-01%2Fslice-00000"]


def test_tables_and_parquet_files_that_arrive_every_day_are_cut_day_by_day(place: str, tmp_path: Path):
    for day in DAYS[:2]:
        put(place, f"pairs/{day}/a.jpg")
        system, root = fsspec.core.url_to_fs(f"{place}/pairs/{day}")
        system.pipe_file(f"{root}/pairs.csv", b"path,text\na.jpg,x\nb.jpg,y\nc.jpg,z\n")
        pq.write_table(pa.table({"jpg": [b"picture"], "text": ["x"]}), tmp_path / "0.parquet")
        system.pipe_file(f"{root}/0.parquet", (tmp_path / "0.parquet").read_bytes())

    table = open_source(f"{place}/pairs/{{date}}/pairs.csv", "auto", DAYS)
    files = open_source(f"{place}/pairs/{{date}}/*.parquet", "auto", DAYS)

    assert [spec.key for spec in specs(table)] == [
        f"2026-11-{day}%2Fpairs.csv-slice-0000{n}" for day in (29, 30) for n in range(2)
    ]
    assert [spec.key for spec in specs(files)] == ["2026-11-29%2F0", "2026-11-30%2F0"]
    assert table.missing_days == files.missing_days == (date(2026, 12, 1),)
    pairs = [item for spec in specs(table) for item in read_partition(spec) if isinstance(item, ReadPair)]
    assert [item.image for item in pairs][:3] == [b"pairs/2026-11-29/a.jpg", None, None]
