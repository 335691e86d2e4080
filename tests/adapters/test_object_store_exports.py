"""Exports to an object store, through a proxy that fails as networks and stores do."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from hashlib import md5, sha256
from pathlib import Path

import fsspec
import pytest

from pairsift.adapters import uploading
from pairsift.adapters.durable import FileFacts
from pairsift.adapters.exports import (
    ExportedFile,
    files_are_there,
    manifest_is_current,
    out_folder,
    require_out,
    write_export,
    write_manifest,
)
from pairsift.adapters.published import facts_at, publish, publish_text
from pairsift.adapters.store.queries import ActiveExport
from pairsift.adapters.store.rows import ExportRow
from pairsift.errors import ConfigError, StorageDeniedError, StorageError
from tests.adapters.test_exports import images as images  # noqa: PLC0414 - a fixture
from tests.adapters.test_exports import request as export_request
from tests.object_store import Fault, Store, lose_answer, reset, status

OUT = "s3://bucket/a b/out"
FOLDER = "a b/out/cats/0%2F1/0123456789abcdef"
FILES = [
    *(f"{FOLDER}/{name}" for name in ("embeddings.parquet", "pairs.parquet", "uids.npy")),
    *(f"a b/out/cats/shards/0%2F1-0123456789abcdef{suffix}" for suffix in (".tar", "_stats.json")),
]
URI = "s3://bucket/out/file.bin"
LEAST_PART_BYTES = 5 << 20  # what S3 takes
SMALL = b"some bytes" * 100


@pytest.fixture
def data() -> bytes:
    return SMALL


@contextmanager
def no_lock() -> Iterator[None]:
    raise AssertionError("a lock was held through a network's delays")
    yield


def put(uri: str, data: bytes, scratch: Path) -> FileFacts:
    return publish(uri, scratch, lambda path: path.write_bytes(data))


def rows(files: list[ExportedFile]) -> list[ExportRow]:
    return [ExportRow(file.name, file.uri, file.rows, file.sha256, file.size, "") for file in files]


def listed(files: list[ExportedFile]) -> list[ActiveExport]:
    return [ActiveExport("0%2F1", file.name, file.uri, file.rows, file.sha256, file.size) for file in files]


def test_the_files_are_those_of_a_folder(bucket: Store, tmp_path: Path, images: Path):
    local = write_export(export_request(images, tmp_path / "local"))

    files = write_export(replace(export_request(images, tmp_path), out=f"{OUT}/"))

    assert [replace(file, uri="") for file in files] == [replace(file, uri="") for file in local]
    assert bucket.names() == FILES
    assert files[0].uri == f"s3://bucket/{FOLDER}/pairs.parquet"
    assert [facts_at(file.uri) for file in files] == [FileFacts(file.sha256, file.size) for file in files]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_second_look_costs_one_request_and_no_bytes(bucket: Store, tmp_path: Path, images: Path):
    files = rows(
        write_export(replace(export_request(images, tmp_path, formats=("pairs", "embeddings", "uids")), out=OUT))
    )
    bucket.forget()

    assert files_are_there(files)
    assert [request.method for request in bucket.requests] == ["GET"]
    assert "list-type" in bucket.requests[0].query

    bucket.system.pipe_file(f"bucket/{FOLDER}/pairs.parquet", b"half")
    assert not files_are_there(files)
    bucket.system.rm_file(f"bucket/{FOLDER}/pairs.parquet")
    assert not files_are_there(files)
    assert not files_are_there([replace(files[0], uri="s3://bucket/none/pairs.parquet")])


def test_a_shard_is_asked_for_by_name_as_its_folder_has_all_the_others_too(bucket: Store, tmp_path: Path, images: Path):
    files = rows(write_export(replace(export_request(images, tmp_path, formats=("shard",)), out=OUT)))
    bucket.forget()

    assert files_are_there(files)
    assert [request.method for request in bucket.requests] == ["HEAD", "HEAD"]

    bucket.system.rm_file("bucket/" + FILES[3])
    assert not files_are_there(files)


def test_what_is_there_is_not_sent_again(bucket: Store, tmp_path: Path, images: Path):
    request = replace(export_request(images, tmp_path, formats=("pairs",)), out=OUT)
    first = write_export(request)
    bucket.forget()

    assert write_export(request) == first
    assert bucket.asked("PUT") == []


@pytest.mark.parametrize(
    "fault", [status(503), status(500), reset(0), lose_answer], ids=["503", "500", "reset", "no answer"]
)
def test_a_file_put_through_faults_is_the_file(bucket: Store, tmp_path: Path, data: bytes, fault: Fault):
    bucket.fail("PUT", "file.bin", fault, 2)

    facts = put(URI, data, tmp_path)

    assert facts == FileFacts(sha256(data).hexdigest(), len(data))
    assert bucket.system.cat_file("bucket/out/file.bin") == data


def test_an_upload_that_arrives_cut_is_noticed_and_replaced(bucket: Store, tmp_path: Path, data: bytes):
    bucket.cut_uploads("file.bin", 300)
    with pytest.raises(StorageError, match="the store has not what was sent to it"):
        put(URI, data, tmp_path)

    put(URI, data, tmp_path)

    assert bucket.system.cat_file("bucket/out/file.bin") == data


def test_bytes_that_only_have_the_right_length_are_replaced(bucket: Store, tmp_path: Path, data: bytes):
    bucket.system.pipe_file("bucket/out/file.bin", b"x" * len(data))

    put(URI, data, tmp_path)

    assert bucket.system.cat_file("bucket/out/file.bin") == data


def test_a_large_file_is_nothing_until_all_its_parts_are_one(
    bucket: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(uploading, "PART_BYTES", LEAST_PART_BYTES)
    large = os.urandom(2 * LEAST_PART_BYTES + 5)
    bucket.fail("POST", "file.bin", status(403), query="uploadId=")  # the request that makes one of its parts
    with pytest.raises(StorageDeniedError):
        put(URI, large, tmp_path)

    assert bucket.names() == []
    assert bucket.asked("DELETE", "file.bin"), "the parts were left to be paid for"

    bucket.fail("PUT", "file.bin", status(503))
    assert put(URI, large, tmp_path).size == len(large)
    assert max(int(request.headers["Content-Length"]) for request in bucket.asked("PUT")) == LEAST_PART_BYTES
    bucket.forget()
    assert facts_at(URI) == put(URI, large, tmp_path), "its ETag is that of its parts"
    assert bucket.asked("PUT") == []


def test_where_the_etag_says_nothing_the_file_is_read_back(
    bucket: Store, tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch
):
    def no_md5(path: Path) -> set[str]:  # noqa: ARG001 - as where a key of KMS encrypts
        return set()

    monkeypatch.setattr(uploading, "_etags_of", no_md5)

    put(URI, data, tmp_path)
    assert len(bucket.asked("GET", "file.bin")) == 1

    bucket.cut_uploads("other.bin", 300)
    with pytest.raises(StorageError, match="has not what was sent"):
        put("s3://bucket/out/other.bin", data, tmp_path)


def test_nothing_is_listed_of_what_ended_before_its_manifest(bucket: Store, tmp_path: Path, images: Path):
    files = listed(write_export(replace(export_request(images, tmp_path, formats=("uids",)), out=OUT)))
    assert not manifest_is_current(OUT, "cats", files)
    bucket.fail("PUT", "manifest.json", status(403))
    with pytest.raises(StorageDeniedError):
        write_manifest(OUT, "cats", lambda: files, no_lock)
    assert bucket.names() == [f"{FOLDER}/uids.npy"]

    path = write_manifest(OUT, "cats", lambda: files, no_lock)

    assert path == f"{OUT}/cats/manifest.json"
    assert manifest_is_current(OUT, "cats", files)
    manifest = json.loads(bucket.system.cat_file("bucket/a b/out/cats/manifest.json"))
    assert [file["path"] for file in manifest["files"]] == ["0%2F1/0123456789abcdef/uids.npy"]


@pytest.mark.parametrize("there", [None, b"older"], ids=["new", "over another"])
def test_an_older_manifest_never_takes_the_place_of_a_newer_one(bucket: Store, there: bytes | None):
    """Another process writes while this one has asked the database and not written yet."""
    state = ["old"]
    if there is not None:
        bucket.system.pipe_file("bucket/out/file.bin", there)
    bucket.forget()

    def overtaken() -> str:
        seen = state[0]
        if seen == "old":
            state[0] = "new"
            publish_text(URI, lambda: "new", no_lock)
        return seen

    publish_text(URI, overtaken, no_lock)

    assert bucket.system.cat_file("bucket/out/file.bin") == b"new"
    assert [request.status for request in bucket.asked("PUT")] == [200, 412], "the new one, and the old one refused"


@pytest.mark.parametrize("fault", [status(503), lose_answer], ids=["503", "no answer"])
@pytest.mark.parametrize("there", [None, b"older"], ids=["new", "over another"])
def test_a_manifest_is_written_through_faults(bucket: Store, fault: Fault, there: bytes | None):
    if there is not None:
        bucket.system.pipe_file("bucket/out/file.bin", there)
    bucket.fail("PUT", "file.bin", fault)

    publish_text(URI, lambda: "text", no_lock)

    assert bucket.system.cat_file("bucket/out/file.bin") == b"text"


def test_a_manifest_that_arrives_cut_is_written_again(bucket: Store):
    bucket.cut_uploads("file.bin", 2)

    publish_text(URI, lambda: "text", no_lock)

    assert bucket.system.cat_file("bucket/out/file.bin") == b"text"


def test_a_manifest_that_is_right_is_not_written(bucket: Store):
    bucket.system.pipe_file("bucket/out/file.bin", b"text")
    bucket.forget()

    publish_text(URI, lambda: "text", no_lock)

    assert [request.method for request in bucket.requests] == ["HEAD"]


def test_a_store_without_conditional_writes_is_written_under_the_lock(bucket: Store):
    locked: list[bool] = []

    @contextmanager
    def lock() -> Iterator[None]:
        locked.append(True)
        yield

    bucket.fail("PUT", "file.bin", status(501))

    publish_text(URI, lambda: "text", lock)

    assert locked == [True]
    assert bucket.system.cat_file("bucket/out/file.bin") == b"text"


@pytest.mark.usefixtures("bucket")
def test_a_bucket_is_asked_for_before_anything_is_done():
    require_out(OUT, ())

    with pytest.raises(ConfigError, match="cannot write kohya to s3://"):
        require_out(OUT, ("kohya",))
    with pytest.raises(ConfigError, match="there is no bucket 'none': make it first"):
        require_out("s3://none/out", ())


def test_a_store_that_refuses_says_what_to_look_at(bucket: Store, tmp_path: Path):
    bucket.fail("HEAD", "/bucket", status(403))
    with pytest.raises(StorageDeniedError, match="check the address, the credentials and what they allow"):
        require_out(OUT, ())
    with pytest.raises(StorageDeniedError, match="there is no such bucket"):
        put("s3://none/file.bin", SMALL, tmp_path)


def test_a_store_that_is_not_s3_is_read_back(tmp_path: Path, data: bytes, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploading, "STORES", ("memory",))
    uri = f"{out_folder('memory://bucket/out')}/file.bin"

    assert put(uri, data, tmp_path) == facts_at(uri)
    assert files_are_there([ExportRow("pairs", uri, 1, "", len(data), "")])

    fsspec.filesystem("memory").rm("/bucket", recursive=True)
    assert facts_at(uri) is None


def test_the_tag_of_parts_is_the_one_that_s3_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(uploading, "PART_BYTES", 4)
    path = tmp_path / "file.bin"
    path.write_bytes(b"aaaabb")
    parts = md5(b"aaaa").digest() + md5(b"bb").digest()

    assert uploading._etags_of(path) == {md5(b"aaaabb").hexdigest(), f"{md5(parts).hexdigest()}-2"}  # noqa: SLF001 - made by hand here
