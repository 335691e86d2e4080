"""Sources in an object store, through a proxy that fails as networks and stores do."""

import io
import re
import tarfile
from hashlib import sha256
from pathlib import Path

import pytest

from pairsift.adapters import remote
from pairsift.adapters.sources import identify_now, open_source, read_bytes, read_image, read_partition
from pairsift.adapters.sources.files import look_at, open_stream, walk
from pairsift.config import IngestConfig, RunRequest, explain_validation
from pairsift.core.records import Damage, IngestedPair, Location, ReadPair
from pairsift.errors import ConfigError, SourceChangedError, SourceError, StorageDeniedError, StorageError
from tests.object_store import Fault, Store, cut, lose_answer, reset, shorten, stall, status

URI = "s3://bucket/pairs/0.tar"
PAIRS = 40
PICTURE_BYTES = 20_000

FAULTS = {
    "503": status(503),
    "500": status(500),
    "reset": reset(700),
    "cut": cut(700),
    "stall": stall(700),
    "no answer": lose_answer,
}


def picture(n: int) -> bytes:
    return b"%06d" % n * (PICTURE_BYTES // 6 + 1)


def shard() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for n in range(PAIRS):
            for suffix, data in (("jpg", picture(n)), ("txt", b"caption %d" % n)):
                member = tarfile.TarInfo(f"{n:06d}.{suffix}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def stored(bucket: Store) -> Store:
    bucket.system.pipe_file("bucket/pairs/0.tar", shard())
    bucket.forget()
    return bucket


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "BLOCK_BYTES", 100_000)


def read_all(uri: str) -> list[ReadPair | Damage]:
    return [found for spec in open_source(uri).partitions({}, IngestConfig()) for found in read_partition(spec)]


def ingested(found: ReadPair | Damage) -> IngestedPair:
    assert isinstance(found, ReadPair)
    assert found.image is not None
    return IngestedPair(0, "0" * 32, found.pair.key, found.pair.image, sha256(found.image).hexdigest(), None)


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
@pytest.mark.usefixtures("small_blocks")
def test_a_shard_read_through_faults_is_the_shard(stored: Store, tmp_path: Path, fault: Fault):
    (tmp_path / "0.tar").write_bytes(shard())
    local = read_all(str(tmp_path / "0.tar"))
    stored.fail("GET", "0.tar", fault, 2)

    found = read_all(URI)

    assert [(item.pair.key, item.image, item.caption) for item in found if isinstance(item, ReadPair)] == [
        (item.pair.key, item.image, item.caption) for item in local if isinstance(item, ReadPair)
    ]
    assert len(found) == PAIRS
    assert len(stored.asked("GET", "0.tar")) > len(shard()) // 100_000 + 2


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_member_read_through_faults_is_the_member(stored: Store, fault: Fault):
    stored.fail("GET", "0.tar", fault, 2)

    assert read_bytes(Location(URI, 512, PICTURE_BYTES)) == picture(0)[:PICTURE_BYTES]
    assert len(stored.asked("GET")) == 3


@pytest.mark.parametrize("fault", [shorten(1), shorten(PICTURE_BYTES // 2)], ids=["a byte", "half"])
@pytest.mark.usefixtures("small_blocks")
def test_bytes_that_are_missing_are_the_store_s_fault_and_never_a_pair(stored: Store, fault: Fault):
    """The nastiest: an answer that is shorter, and says itself that it is whole."""
    stored.fail("GET", "0.tar", fault)
    with pytest.raises(StorageError, match=r"the store sent \d+ of \d+ bytes at offset 0, and the file is longer"):
        read_all(URI)

    stored.fail("GET", "0.tar", fault)
    with pytest.raises(StorageError, match=f"of {PICTURE_BYTES} bytes at offset 512"):
        read_bytes(Location(URI, 512, PICTURE_BYTES))


@pytest.mark.parametrize(
    ("fault", "error", "said", "asked"),
    [
        (status(503), StorageError, "did not answer as it should", 5),
        (status(403), StorageDeniedError, "check the address, the credentials", 1),
    ],
)
def test_a_fault_that_stays_is_named_after_one_layer_of_tries(
    stored: Store, fault: Fault, error: type[Exception], said: str, asked: int
):
    stored.fail("GET", "0.tar", fault, 100)

    with pytest.raises(error, match=said):
        read_bytes(Location(URI, 0, 512))
    assert len(stored.asked("GET")) == asked


def test_one_member_costs_its_own_bytes_and_no_more(stored: Store):
    place = Location(URI, 512 + 21_504, 1_000)

    assert len(read_bytes(place)) == 1_000
    assert [request.sent for request in stored.asked("GET")] == [1_000]


def test_members_in_order_come_out_of_a_few_large_reads(stored: Store):
    pairs = [ingested(found) for found in read_all(URI)]
    stored.requests.clear()

    images = [read_image(pair) for pair in pairs]

    assert images == [picture(n) for n in range(PAIRS)]
    assert [request.method for request in stored.requests] == ["GET", "HEAD", "GET"]


@pytest.mark.usefixtures("small_blocks")
def test_no_more_than_a_block_is_asked_for_at_a_time(stored: Store):
    assert len(read_all(URI)) == PAIRS
    assert max(request.sent for request in stored.asked("GET", "0.tar")) == 100_000


@pytest.mark.usefixtures("small_blocks")
def test_a_shard_that_changes_while_it_is_read_is_noticed(stored: Store):
    found = read_partition(open_source(URI).partitions({}, IngestConfig())[0])
    next(found)

    stored.system.pipe_file("bucket/pairs/0.tar", shard()[:-1] + b"x")

    with pytest.raises(SourceChangedError, match="changed while it was being read"):
        list(found)


@pytest.mark.usefixtures("small_blocks")
def test_a_picture_is_read_again_only_if_it_is_the_same(stored: Store):
    pairs = [ingested(found) for found in read_all(URI)]
    assert read_image(pairs[0]) == picture(0)

    stored.system.pipe_file("bucket/pairs/0.tar", shard().replace(b"000002" * 3, b"x" * 18))
    with pytest.raises(SourceChangedError, match="the image of '000002' changed"):
        read_image(pairs[2])
    assert [read_image(pair) for pair in pairs[3:5]] == [picture(3), picture(4)]

    stored.system.pipe_file("bucket/pairs/0.tar", shard())
    with pytest.raises(SourceChangedError, match="changed while it was being read"):
        [read_image(pair) for pair in pairs[5:]]

    stored.system.rm_file("bucket/pairs/0.tar")
    with pytest.raises(SourceChangedError, match="is gone since it was read first"):
        read_image(pairs[0])


def test_a_file_that_became_shorter_has_changed(stored: Store):
    stored.system.pipe_file("bucket/pairs/0.tar", b"12345")

    assert read_bytes(Location(URI, 1, 4)) == b"2345"
    with pytest.raises(SourceChangedError, match="3 of 4 bytes at offset 2"):
        read_bytes(Location(URI, 2, 4))
    with pytest.raises(SourceChangedError, match="0 of 4 bytes at offset 9"):
        read_bytes(Location(URI, 9, 4))


def test_a_shard_is_recognised_until_its_etag_changes(stored: Store):
    [spec] = open_source("s3://bucket/pairs/*.tar").partitions({}, IngestConfig())
    assert identify_now(spec) == spec.input_fingerprint
    assert [file.version for file in walk("s3://bucket/pairs")] == [getattr(look_at(URI), "version", None)]

    stored.system.pipe_file("bucket/pairs/0.tar", shard())
    assert identify_now(spec) == spec.input_fingerprint, "the same bytes, put there again"

    stored.system.pipe_file("bucket/pairs/0.tar", shard()[:-1] + b"x")
    assert identify_now(spec) != spec.input_fingerprint


def test_every_listing_is_fresh(stored: Store):
    assert [spec.key for spec in open_source("s3://bucket/pairs").partitions({}, IngestConfig())] == ["0"]

    stored.system.pipe_file("bucket/pairs/1.tar", shard())

    assert [spec.key for spec in open_source("s3://bucket/pairs").partitions({}, IngestConfig())] == ["0", "1"]


def test_a_range_of_shards_is_found_by_one_listing(stored: Store):
    for n in range(1, 12):
        stored.system.pipe_file(f"bucket/pairs/{n}.tar", b"")
    stored.requests.clear()

    specs = open_source("s3://bucket/pairs/{0..11}.tar").partitions({}, IngestConfig())

    assert len(specs) == 12
    assert len(stored.requests) <= 4
    with pytest.raises(SourceError, match=r"pairs/12\.tar is not there"):
        open_source("s3://bucket/pairs/{0..12}.tar")


def test_a_folder_of_pictures_is_read(bucket: Store):
    bucket.system.pipe_file("bucket/pictures/a b/1.jpg", b"picture")
    bucket.system.pipe_file("bucket/pictures/a b/1.txt", b"a cat")
    bucket.fail("GET", "1.jpg", cut(3))

    [found] = read_all("s3://bucket/pictures")

    assert isinstance(found, ReadPair)
    assert (found.pair.key, found.image, found.caption) == ("a b/1", b"picture", b"a cat")


@pytest.mark.usefixtures("bucket")
def test_what_is_not_there_is_said_as_of_any_source():
    with pytest.raises(SourceError, match="names no file"):
        open_source("s3://bucket/none/*.tar")
    with pytest.raises(SourceError, match="names no file"):
        open_source("s3://no-such-bucket/0.tar")
    with pytest.raises(FileNotFoundError):
        open_stream("s3://bucket/none.tar")


@pytest.mark.parametrize("uri", ["https://host/0.tar", "http://host/pairs", "simplecache::https://host/0.tar"])
def test_the_web_is_no_source(uri: str):
    with pytest.raises(SourceError, match="Pairsift fetches nothing from the web"):
        open_source(uri)


def test_a_secret_in_an_address_is_refused_without_telling_it():
    uri = "s3://key:hunter2@bucket/0.tar"

    with pytest.raises(ConfigError, match=re.escape("s3://key:***@bucket/0.tar has a secret in it")) as refused:
        open_source(uri)
    assert "hunter2" not in str(refused.value)
    with pytest.raises(ValueError, match="secret") as invalid:
        RunRequest(source=uri)
    assert "hunter2" not in explain_validation("the command", invalid.value)  # type: ignore[arg-type] # pydantic's
    assert RunRequest(source="abfs://container@account.dfs.core.windows.net/0.tar")
