import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.chunks import ChunkData
from pairsift.adapters.exports import (
    ExportBatch,
    ExportedFile,
    ExportRequest,
    manifest_is_current,
    write_export,
    write_manifest,
)
from pairsift.adapters.sources import open_source, read_partition
from pairsift.adapters.store.queries import ActiveExport
from pairsift.config import IngestConfig
from pairsift.core.deciding import Decision
from pairsift.core.records import IngestedPair, Location, ReadPair, Reason, SignalValue, Verdict
from pairsift.core.signals import SIGNALS
from pairsift.errors import ConfigError, SourceChangedError

COUNT = 2_345
SIZE = 4
FORMATS = ("pairs", "embeddings", "uids", "shard")
PICTURE = b"\xff\xd8\xff picture "

KEEP = Decision(Verdict.KEEP, None, 1.5, 0.01, 0.02)
DROP = Decision(Verdict.DROP, Reason.BLURRY)
QUARANTINE = Decision(Verdict.QUARANTINE, Reason.IMAGE_CORRUPT)


def decision(n: int) -> Decision:
    return (KEEP, DROP, KEEP, QUARANTINE)[n % 4]


def value(n: int, kind: str) -> SignalValue:
    values: dict[str, SignalValue] = {"float": n / 7, "int": n, "str": f"word {n % 3}"}
    return None if n % 5 == 0 else values[kind]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    path = tmp_path / "images.bin"
    path.write_bytes(b"".join(PICTURE + b"%06d" % n for n in range(COUNT)))
    return path


def pair(n: int, images: Path) -> IngestedPair:
    data = PICTURE + b"%06d" % n
    uid = sha256(b"%d" % n).hexdigest()[:32]
    location = Location(str(images), n * len(data), len(data))
    return IngestedPair(n, uid, f"{n:09d}", location, sha256(data).hexdigest(), b"raw", None)


def batch(start: int, stop: int, images: Path) -> ExportBatch:
    numbers = range(start, stop)
    vectors = np.arange(start * SIZE, stop * SIZE, dtype=np.float32).reshape(-1, SIZE).astype(np.float16)
    chunk = ChunkData(
        uids=[pair(n, images).uid for n in numbers],
        captions=[f"caption {n} ü" for n in numbers],
        signals={signal.name: [value(n, signal.type) for n in numbers] for signal in SIGNALS},
        unmeasurable=[{} for _ in numbers],
        image_embedding=vectors,
        text_embedding=-vectors,
        fused_embedding=np.tile(vectors, 2),
    )
    return ExportBatch([pair(n, images) for n in numbers], chunk, [decision(n) for n in numbers])


def request(images: Path, out: str | Path, chunk: int = 500, formats: tuple[str, ...] = FORMATS) -> ExportRequest:
    def batches() -> Iterator[ExportBatch]:
        for start in range(0, COUNT, chunk):
            yield batch(start, min(start + chunk, COUNT), images)

    return ExportRequest(
        out=str(out),
        dataset="cats",
        partition="0%2F1",
        fingerprint="0123456789abcdef" + "f" * 48,
        formats=formats,
        batches=batches,
        models={"image": "abc", "text": "def"},
        policy="default",
        policy_version=3,
    )


def one(batch: ExportBatch, out: Path, formats: tuple[str, ...] = ("uids", "shard")) -> list[ExportedFile]:
    return write_export(replace(request(Path(), out), batches=lambda: [batch], formats=formats))


def kept_numbers() -> list[int]:
    return [n for n in range(COUNT) if decision(n) is KEEP]


def test_writes_each_format_once_and_says_what_it_is(tmp_path: Path, images: Path):
    files = write_export(request(images, tmp_path / "out"))

    folder = tmp_path / "out/cats/0%2F1/0123456789abcdef"
    kept = len(kept_numbers())
    assert [(file.uri, file.rows) for file in files] == [
        (f"{folder}/pairs.parquet", COUNT),
        (f"{folder}/embeddings.parquet", kept),
        (f"{folder}/uids.npy", kept),
        (f"{folder}/shard.tar", kept),
    ]
    contents = [Path(file.uri).read_bytes() for file in files]
    assert [(file.sha256, file.size) for file in files] == [(sha256(c).hexdigest(), len(c)) for c in contents]
    assert len(list(folder.iterdir())) == len(files)


@pytest.mark.parametrize("chunk", [COUNT, 1_000, 999, 37])
def test_bytes_depend_neither_on_the_chunk_size_nor_on_the_folder(tmp_path: Path, images: Path, chunk: int):
    once = write_export(request(images, tmp_path / "once"))

    again = write_export(request(images, tmp_path / "again", chunk))

    assert [file.sha256 for file in again] == [file.sha256 for file in once]


def test_writing_again_changes_nothing(tmp_path: Path, images: Path):
    assert write_export(request(images, tmp_path)) == write_export(request(images, tmp_path))


def test_pairs_have_every_pair_in_order_with_all_columns(tmp_path: Path, images: Path):
    [file] = write_export(request(images, tmp_path, formats=("pairs",)))

    table = pq.read_table(file.uri)

    assert table.column_names == [
        *("uid", "key", "caption", "width", "height"),
        *(signal.column for signal in SIGNALS),
        *("pair_alignment_z", "pair_alignment_p", "pair_alignment_q", "pair_neg_clip_loss", "pair_norm_sim"),
        *("verdict", "reason"),
    ]
    assert table["key"].to_pylist() == [f"{n:09d}" for n in range(COUNT)]
    assert table["width"].to_pylist() == table["image_width"].to_pylist() == [value(n, "int") for n in range(COUNT)]
    assert table["pair_alignment"].to_pylist() == [value(n, "float") for n in range(COUNT)]
    assert table["verdict"].to_pylist()[:4] == ["keep", "drop", "keep", "quarantine"]
    assert table["reason"].to_pylist()[:4] == [None, "blurry", None, "image_corrupt"]
    assert table["pair_alignment_q"].to_pylist()[:2] == [0.02, None]
    assert [pq.read_metadata(file.uri).row_group(n).num_rows for n in range(3)] == [1_000, 1_000, 345]


def test_embeddings_are_those_of_the_kept_pairs(tmp_path: Path, images: Path):
    [file] = write_export(request(images, tmp_path, formats=("embeddings",)))

    table, whole = pq.read_table(file.uri), batch(0, COUNT, images)

    kept = kept_numbers()
    assert table["key"].to_pylist() == [f"{n:09d}" for n in kept]
    for name, size in (("image_embedding", SIZE), ("text_embedding", SIZE), ("fused_embedding", 2 * SIZE)):
        vectors = np.array(table[name].to_pylist(), np.float16)
        assert str(table.schema.field(name).type) == f"fixed_size_list<element: halffloat>[{size}]"
        np.testing.assert_array_equal(vectors, getattr(whole.chunk, name)[kept])
    assert json.loads(table.schema.metadata[b"pairsift.models"]) == {"image": "abc", "text": "def"}
    assert b"pandas" not in table.schema.metadata
    assert pd.read_parquet(file.uri)["image_embedding"][1].tolist() == whole.chunk.image_embedding[2].tolist()


def test_an_absent_embedding_is_a_row_of_nan(tmp_path: Path, images: Path):
    whole = batch(0, 1, images)
    whole.chunk.image_embedding[:] = np.nan

    [file] = one(whole, tmp_path, ("embeddings",))

    assert np.isnan(pq.read_table(file.uri)["image_embedding"].to_pylist()).all()


def test_uids_are_sorted_and_can_be_mapped_and_searched(tmp_path: Path, images: Path):
    [file] = write_export(request(images, tmp_path, formats=("uids",)))

    subset = np.load(file.uri, mmap_mode="r")

    halves = sorted((int(u[:16], 16), int(u[16:], 16)) for u in (pair(n, images).uid for n in kept_numbers()))
    assert subset.dtype == np.dtype("u8,u8")
    assert subset.tolist() == halves
    assert np.searchsorted(subset, np.array(halves[7], "u8,u8")) == 7


@pytest.mark.parametrize(("source_uid", "used"), [("F" * 32, True), ("f" * 31, False), ("g" * 32, False), ("", False)])
def test_the_sources_uid_is_used_where_it_is_one(tmp_path: Path, images: Path, source_uid: str, used: bool):
    own = batch(0, 1, images)

    files = one(replace(own, pairs=[replace(own.pairs[0], source_uid=source_uid)]), tmp_path, ("uids",))

    uid = source_uid if used else own.pairs[0].uid
    assert np.load(files[0].uri).tolist() == [(int(uid[:16], 16), int(uid[16:], 16))]


def test_the_shard_is_a_source_with_the_original_pictures(tmp_path: Path, images: Path):
    [file] = write_export(request(images, tmp_path / "out", formats=("shard",)))

    [spec] = open_source(file.uri).partitions({}, IngestConfig())
    pairs = [item for item in read_partition(spec) if isinstance(item, ReadPair)]

    assert [item.pair.key for item in pairs] == [f"{n:09d}" for n in kept_numbers()]
    assert [item.image for item in pairs] == [PICTURE + b"%06d" % n for n in kept_numbers()]
    assert pairs[1].caption == "caption 2 ü".encode()
    assert pairs[1].pair.source_uid == pair(2, images).uid


def test_members_have_no_time_or_owner_and_are_sorted(tmp_path: Path, images: Path):
    [file] = one(batch(0, 2, images), tmp_path, ("shard",))

    with tarfile.open(file.uri) as tar:
        members = tar.getmembers()
        facts = json.load(tar.extractfile("000000000.json") or io.BytesIO())

    assert [m.name for m in members] == ["000000000.jpg", "000000000.json", "000000000.txt"]
    assert {(m.mtime, m.uid, m.gid, m.uname, m.gname, m.mode) for m in members} == {(0, 0, 0, "", "", 0o444)}
    assert facts == {
        "uid": pair(0, images).uid,
        "key": "000000000",
        "source_uid": None,
        "alignment": None,
        "policy": "default",
        "policy_version": 3,
    }


@pytest.mark.parametrize("key", ["a/b", "../x", "a.b", "ü", "k" * 91, "", "/etc/passwd"])
def test_an_unsafe_key_becomes_uid_and_ordinal(tmp_path: Path, images: Path, key: str):
    own = batch(0, 1, images)

    [file] = one(replace(own, pairs=[replace(own.pairs[0], key=key)]), tmp_path, ("shard",))

    with tarfile.open(file.uri) as tar:
        assert tar.getnames()[0] == f"{own.pairs[0].uid}-00000000.jpg"


def test_a_key_that_comes_twice_stays_two_samples(tmp_path: Path, images: Path):
    own = batch(0, 3, images)

    [file] = one(replace(own, pairs=[replace(p, key="same") for p in own.pairs]), tmp_path, ("shard",))

    with tarfile.open(file.uri) as tar:
        assert [n for n in tar.getnames() if n.endswith("txt")] == ["same.txt", f"{own.pairs[2].uid}-00000002.txt"]


def test_a_changed_picture_is_never_exported(tmp_path: Path, images: Path):
    own = batch(0, 4, images)
    images.write_bytes(b"x" * images.stat().st_size)

    with pytest.raises(SourceChangedError, match="run again"):
        one(own, tmp_path / "out", ("shard",))

    assert list((tmp_path / "out/cats/0%2F1/0123456789abcdef").iterdir()) == []


def test_a_partition_without_pairs_or_without_kept_pairs_has_empty_files(tmp_path: Path, images: Path):
    none = write_export(replace(request(images, tmp_path), batches=list))
    dropped = one(batch(1, 2, images), tmp_path, FORMATS)

    assert [file.rows for file in none] == [0, 0, 0, 0]
    assert [file.rows for file in dropped] == [1, 0, 0, 0]
    assert pq.read_table(dropped[1].uri).schema.field("fused_embedding").type.list_size == 2 * SIZE
    assert np.load(dropped[2].uri).shape == (0,)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"out": "s3://bucket/out"}, "object stores are not supported for exports yet"),
        ({"formats": ("lance",)}, "unknown export format 'lance': known are pairs"),
        ({"dataset": "a/b"}, "'a/b' cannot name a folder"),
        ({"partition": ".."}, "'..' cannot name a folder"),
        ({"partition": ""}, "'' cannot name a folder"),
    ],
)
def test_an_impossible_request_is_refused(tmp_path: Path, images: Path, change: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        write_export(replace(request(images, tmp_path), **change))


def test_out_may_be_a_file_url_or_relative(tmp_path: Path, images: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)

    for out in (f"file://{tmp_path}/my%20out", "my out"):
        [file] = write_export(request(images, out, formats=("uids",)))
        assert file.uri == f"{tmp_path}/my out/cats/0%2F1/0123456789abcdef/uids.npy"


def listed(files: list[ExportedFile]) -> list[ActiveExport]:
    return [ActiveExport("0%2F1", f.name, f.uri, f.rows, f.sha256, f.size) for f in files]


def test_the_manifest_lists_files_by_path_and_is_the_same_anywhere(tmp_path: Path, images: Path):
    texts = []
    for out in ("here", "there"):
        files = listed(write_export(request(images, tmp_path / out)))
        path = write_manifest(str(tmp_path / out), "cats", reversed(files))
        texts.append(path.read_text())

    manifest = json.loads(texts[0])
    assert texts[0] == texts[1]
    assert path == tmp_path / "there/cats/manifest.json"
    assert [file["path"] for file in manifest["files"]] == [
        f"0%2F1/0123456789abcdef/{name}" for name in ("embeddings.parquet", "pairs.parquet", "shard.tar", "uids.npy")
    ]
    assert manifest["files"][1]["rows"] == COUNT
    assert (
        sha256((path.parent / manifest["files"][1]["path"]).read_bytes()).hexdigest() == manifest["files"][1]["sha256"]
    )


def test_an_empty_manifest_replaces_a_full_one(tmp_path: Path, images: Path):
    write_manifest(str(tmp_path), "cats", listed(write_export(request(images, tmp_path, formats=("uids",)))))

    path = write_manifest(str(tmp_path), "cats", [])

    assert json.loads(path.read_text()) == {"dataset": "cats", "files": []}


def test_a_manifest_is_current_until_its_files_or_its_bytes_change(tmp_path: Path, images: Path):
    files = listed(write_export(request(images, tmp_path, formats=("uids", "pairs"))))
    assert not manifest_is_current(str(tmp_path), "cats", files)

    path = write_manifest(str(tmp_path), "cats", files)

    assert manifest_is_current(str(tmp_path), "cats", reversed(files))
    assert not manifest_is_current(str(tmp_path), "cats", files[:1])
    path.write_bytes(b"\xff half")
    assert not manifest_is_current(str(tmp_path), "cats", files)
