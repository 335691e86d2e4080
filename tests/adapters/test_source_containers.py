"""Shards in every state that they come in: compressed, cut, flipped, with something else beside or in them."""

import bz2
import gzip
import hashlib
import io
import json
import lzma
import random
import tarfile
import tracemalloc
from collections.abc import Callable, Mapping
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.sources import compressed, files, read_image, read_partition, reading
from pairsift.core.ingesting import identify
from pairsift.core.records import ReadPair
from pairsift.errors import ContainerDamagedError, SourceChangedError
from tests.adapters.reading import facts, images_again, read_all, specs_of

PICTURES = [bytes([65 + n]) * 3000 for n in range(5)]


def tar_of(members: list[tuple[str, bytes]], kinds: dict[str, bytes] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.type = (kinds or {}).get(name, tarfile.REGTYPE)
            info.linkname = "/etc/passwd"
            info.size = len(data) if info.type == tarfile.REGTYPE else 0
            tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


SHARD = tar_of([(f"{n:09d}.{e}", d) for n in range(5) for e, d in (("jpg", PICTURES[n]), ("txt", b"%d" % n))])


def zstd(data: bytes) -> bytes:
    return bytes(pa.compress(data, codec="zstd", asbytes=True))


PACKERS: list[tuple[str, Callable[[bytes], bytes]]] = [
    ("0.tar.gz", gzip.compress),
    ("0.TGZ", gzip.compress),
    ("0.tar.zst", zstd),
    ("0.tar.bz2", bz2.compress),
    ("0.tar.xz", lzma.compress),
]


@pytest.mark.parametrize(("name", "pack"), PACKERS)
def test_reads_compressed_shards_and_every_image_again(tmp_path: Path, name: str, pack: Callable[[bytes], bytes]):
    (tmp_path / name).write_bytes(pack(SHARD))

    pairs, damages = read_all(tmp_path)

    assert damages == []
    assert facts(pairs) == [(f"{n:09d}", PICTURES[n], b"%d" % n) for n in range(5)]
    assert images_again(pairs) == PICTURES
    assert images_again(pairs[::-1]) == PICTURES[::-1]
    assert [spec.key for spec in specs_of(tmp_path)] == ["0"]


def test_reads_compressed_shards_behind_fsspec():
    system = fsspec.filesystem("memory")
    system.pipe_file("/packed/0.tar.gz", gzip.compress(SHARD))

    pairs, _ = read_all("memory://packed/*.tar.gz")

    assert images_again(pairs) == PICTURES
    system.rm("/packed", recursive=True)


@pytest.mark.parametrize(("name", "pack"), PACKERS)
def test_what_comes_out_before_a_cut_is_read(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(compressed, "_BLOCK", 64)
    noise = [random.Random(n).randbytes(150_000) for n in range(3)]
    whole = tar_of([(f"{n}.jpg", data) for n, data in enumerate(noise)])
    data = pack(whole)
    (tmp_path / name).write_bytes(data)
    before = facts(read_all(tmp_path)[0])
    (tmp_path / name).write_bytes(data[: len(data) - 8])

    pairs, [damage] = read_all(tmp_path)

    assert facts(pairs) == before[: len(pairs)]
    assert "compressed data is damaged" in damage.message


def test_a_wrong_checksum_at_the_end_of_a_gzip_is_told(tmp_path: Path):
    data = bytearray(gzip.compress(SHARD))
    data[-8] ^= 1
    (tmp_path / "0.tar.gz").write_bytes(data)

    pairs, [damage] = read_all(tmp_path)

    assert len(pairs) == 5
    assert (damage.lost_pairs, "CRC" in damage.message) == (0, True)


@pytest.mark.parametrize(
    "data",
    [b"", b"\x1f\x8b", b"no gzip at all", gzip.compress(b""), gzip.compress(b"no tar" * 500)],
    ids=["empty", "start", "no-gzip", "gzip-of-nothing", "gzip-of-no-tar"],
)
def test_a_compressed_shard_without_a_readable_pair_fails(tmp_path: Path, data: bytes):
    (tmp_path / "0.tar.gz").write_bytes(data)

    with pytest.raises(ContainerDamagedError, match="no pair is readable"):
        read_all(tmp_path)


def test_a_shard_that_grows_beyond_all_measure_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(compressed, "ALWAYS_ALLOWED_BYTES", 1 << 20)
    (tmp_path / "0.tar.gz").write_bytes(gzip.compress(tar_of([("0.jpg", bytes(4 << 20))])))

    with pytest.raises(ContainerDamagedError, match="grows to more than 50 times its size"):
        read_all(tmp_path)


def test_a_compressed_shard_that_became_another_has_changed(tmp_path: Path):
    path = tmp_path / "0.tar.gz"
    path.write_bytes(gzip.compress(SHARD))
    pairs, _ = read_all(path)

    path.write_bytes(b"no gzip any more")
    with pytest.raises(SourceChangedError, match="run again"):
        images_again(pairs)
    path.write_bytes(gzip.compress(SHARD[:3000]))
    with pytest.raises(SourceChangedError, match="run again"):
        images_again(pairs)
    path.unlink()
    with pytest.raises(SourceChangedError, match="is gone"):
        images_again(pairs)


def stats(successes: object) -> bytes:
    return json.dumps({"count": 9, "successes": successes}).encode()


def sidecar(rows: Mapping[str, str | None]) -> bytes:
    sink = io.BytesIO()
    status = ["failed_to_download" if each is None else each for each in rows.values()]
    pq.write_table(pa.table({"key": list(rows), "status": status, "url": ["u"] * len(rows)}), sink)
    return sink.getvalue()


ALL = {f"{n:09d}": "success" for n in range(5)}


@pytest.mark.parametrize(
    ("beside", "lost", "message"),
    [
        pytest.param({}, None, "", id="nothing"),
        pytest.param(
            {"00000_stats.json": stats(5), "00000.parquet": sidecar({**ALL, "000000007": None})}, None, "",
            id="as img2dataset leaves them",
        ),
        pytest.param({"00000_stats.json": stats(7)}, 2, "5 pairs, but its _stats.json counts 7", id="stats count more"),
        pytest.param(
            {"00000.parquet": sidecar({**ALL, "000000007": "success"})}, 1, "its .parquet counts 6, such as 000000007",
            id="the sidecar names a missing key",
        ),
        pytest.param(
            {"sizes.json": b'{"00000.tar": 6, "00001.tar": 9}'}, 1, "its sizes.json counts 6",
            id="DataComp's sizes",
        ),
        pytest.param(
            {"00000_stats.json": stats(7), "00000.parquet": sidecar(ALL)}, 2, "_stats.json counts 7",
            id="they disagree: the larger count",
        ),
        pytest.param(
            {"00000_stats.json": stats(4)}, 0, "its _stats.json counts 4 pairs, but 5 are there",
            id="another shard's stats",
        ),
        pytest.param({"00000_stats.json": stats("5")}, None, "", id="no number"),
        pytest.param({"00000_stats.json": stats(True)}, None, "", id="true"),
        pytest.param({"00000_stats.json": b"["}, None, "", id="no JSON"),
        pytest.param({"00000_stats.json": b"[" * 100_000}, None, "", id="deep JSON"),
        pytest.param({"00000.parquet": b"PAR1"}, None, "", id="no Parquet"),
        pytest.param({"00000.parquet": sidecar({})}, None, "", id="an empty sidecar"),
        pytest.param({"sizes.json": b'{"00001.tar": 9}'}, None, "", id="sizes of others"),
    ],
)  # fmt: skip
def test_what_lies_beside_a_shard_tells_what_it_lacks(
    tmp_path: Path, beside: dict[str, bytes], lost: int | None, message: str
):
    (tmp_path / "00000.tar").write_bytes(SHARD)
    for name, data in beside.items():
        (tmp_path / name).write_bytes(data)

    pairs, damages = read_all(tmp_path)

    assert len(pairs) == 5
    assert [damage.lost_pairs for damage in damages] == ([] if lost is None else [lost])
    assert all(message in damage.message for damage in damages)


def test_a_cut_shard_s_loss_is_counted_and_named_by_what_lies_beside(tmp_path: Path):
    (tmp_path / "00000000.tar").write_bytes(SHARD[:10_000])
    (tmp_path / "00000000_stats.json").write_bytes(stats(5))
    (tmp_path / "00000000.parquet").write_bytes(sidecar({**ALL, "000000009": None}))

    pairs, [damage] = read_all(tmp_path)

    assert [item.pair.key for item in pairs] == ["000000000", "000000001"]
    assert damage.lost_pairs == 3
    assert "such as 000000002, 000000003, 000000004" in damage.message


A, B = ("a.jpg", b"A"), ("b.jpg", b"B")


@pytest.mark.parametrize(
    ("members", "kinds", "expected"),
    [
        pytest.param(
            [A, ("a.txt", b"x"), A, ("a.txt", b"y")], {}, [("a", b"A", b"x"), ("a", b"A", b"y")],
            id="a key twice",
        ),
        pytest.param(
            [A, ("a.txt", b"x"), B, A], {}, [("a", b"A", b"x"), ("b", b"B", None), ("a", b"A", None)],
            id="a key that comes again",
        ),
        pytest.param([A, ("b.txt", b"x")], {}, [("a", b"A", None), ("b", None, b"x")], id="missing members"),
        pytest.param([("A.JPG", b"A"), ("A.Txt", b"x")], {}, [("A", b"A", b"x")], id="suffixes in capitals"),
        pytest.param(
            [("../../x.jpg", b"A"), ("/etc/x.jpg", b"B")], {}, [("../../x", b"A", None), ("/etc/x", b"B", None)],
            id="unsafe names are only names",
        ),
        pytest.param(
            [A, ("a.txt", b"")], {"a.jpg": tarfile.SYMTYPE}, [("a", None, b"")],
            id="a picture that is a link",
        ),
        pytest.param(
            [A, ("a.txt", b"x")], {"a.txt": tarfile.LNKTYPE}, [("a", b"A", None)],
            id="a caption that is a hard link",
        ),
        pytest.param([A, B], {"a.jpg": tarfile.CHRTYPE}, [("b", b"B", None)], id="a device"),
        pytest.param([A, B], {"a.jpg": tarfile.FIFOTYPE}, [("b", b"B", None)], id="a pipe"),
        pytest.param([("d.jpg", b""), B], {"d.jpg": tarfile.DIRTYPE}, [("b", b"B", None)], id="a folder"),
        pytest.param([("", b"x"), B], {}, [("b", b"B", None)], id="no name"),
        pytest.param([("a.jpg", b""), ("a.txt", b"x")], {}, [("a", b"", b"x")], id="an empty picture"),
        pytest.param([("n\nl.jpg", b"A")], {}, [("n\nl", b"A", None)], id="a line break in a name"),
    ],
)  # fmt: skip
def test_what_is_odd_in_a_shard_costs_no_other_pair(
    tmp_path: Path,
    members: list[tuple[str, bytes]],
    kinds: dict[str, bytes],
    expected: list[tuple[str, bytes | None, bytes | None]],
):
    (tmp_path / "0.tar").write_bytes(tar_of(members, kinds))

    pairs, damages = read_all(tmp_path)

    assert (facts(pairs), damages) == (expected, [])


def test_a_large_shard_is_read_in_flat_memory(tmp_path: Path):
    with tarfile.open(tmp_path / "0.tar", "w") as tar:
        for n in range(400):
            member = tarfile.TarInfo(f"{n}.jpg")
            member.size = 100_000
            tar.addfile(member, io.BytesIO(bytes(100_000)))
    [spec] = specs_of(tmp_path)

    tracemalloc.start()
    pairs = sum(isinstance(item, ReadPair) for item in read_partition(spec))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert pairs == 400
    assert peak < 2_000_000


@pytest.mark.parametrize("name", ["0.tar", "0.tar.gz", "0.jpg"])
def test_an_image_too_large_to_hold_is_hashed_and_shown_too_large(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(files, "MOST_HELD_BYTES", 2 << 20)
    monkeypatch.setattr(reading, "MOST_HELD_BYTES", 2 << 20)
    image = random.Random(0).randbytes((2 << 20) + 7)
    shard = tar_of([("0.jpg", image), ("0.txt", b"x"), ("1.jpg", image[: 2 << 20])])
    (tmp_path / name).write_bytes({"0.tar": shard, "0.tar.gz": gzip.compress(shard, 1), "0.jpg": image}[name])

    pairs = [identify(n, item, 100) for n, item in enumerate(read_all(tmp_path)[0])]

    assert pairs[0].image_sha256 == hashlib.sha256(image).hexdigest()
    assert pairs[0].image is not None
    assert pairs[0].image.size == len(image)
    assert read_image(pairs[0]) == image[: (2 << 20) + 1]
    assert [len(read_image(pair) or b"") for pair in pairs[1:]] == [2 << 20] * (len(pairs) - 1)


class Failing(io.FileIO):
    """A file of which nothing comes, as of a network that is gone."""

    def read(self, size: int | None = -1) -> bytes:
        raise TimeoutError(f"the network is gone: {size}")


def test_a_network_that_fails_is_no_damage_of_a_compressed_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "0.tar.gz").write_bytes(gzip.compress(SHARD))
    [spec] = specs_of(tmp_path)
    monkeypatch.setattr(files, "open_stream", Failing)

    with pytest.raises(TimeoutError, match="the network is gone"):
        list(read_partition(spec))
