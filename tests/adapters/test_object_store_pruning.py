"""Files in an object store are listed and removed as those in a folder are."""

from pathlib import Path
from typing import TYPE_CHECKING

from pairsift.adapters.pruning import owner_of
from pairsift.adapters.published import files_below, remove_file

if TYPE_CHECKING:
    from tests.object_store import Store

OUT = "s3://bucket/exports/cats"


def test_files_below_a_folder_of_a_store_have_uris_sizes_and_times(bucket: "Store"):
    bucket.system.pipe_file("bucket/exports/cats/a/0123456789abcdef/pairs.parquet", b"12345")
    bucket.system.pipe_file("bucket/exports/dogs/b/0123456789abcdef/pairs.parquet", b"")

    (file,) = files_below(OUT)

    assert (file.uri, file.size) == (f"{OUT}/a/0123456789abcdef/pairs.parquet", 5)
    assert file.modified > 1_700_000_000
    assert owner_of(file.uri.removeprefix(f"{OUT}/")) == "a"

    remove_file(file.uri)
    remove_file(file.uri)

    assert list(files_below(OUT)) == []
    assert bucket.names() == ["exports/dogs/b/0123456789abcdef/pairs.parquet"]


def test_files_below_a_folder_that_is_not_there_are_none(bucket: "Store", tmp_path: Path):  # noqa: ARG001 - S3 is there
    assert list(files_below("s3://bucket/nothing")) == []
    assert list(files_below(str(tmp_path / "nothing"))) == []


def test_only_names_that_pairsift_gives_belong_to_a_partition():
    digits = "0123456789abcdef"
    owners = {
        f"a/{digits}/pairs.parquet": "a",
        f"a/{digits}/kohya/1_pairs/x.jpg": "a",
        f"shards/a-b-{digits}.tar": "a-b",
        f"shards/a-{digits}_stats.json": "a",
        f"a/{digits}/.pairs.parquet.{'0' * 32}.tmp": None,
        "manifest.json": None,
        "shards/sizes.json": None,
        "shards/mine.tar": None,
        "releases/first.json": None,
        "a/mine.parquet": None,
        f"a/{digits}0/pairs.parquet": None,
    }

    assert {place: owner_of(place) for place in owners} == owners
