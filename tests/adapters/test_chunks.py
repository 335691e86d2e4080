from dataclasses import fields
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from pairsift.adapters.chunks import ChunkData, chunk_is_there, read_chunk, write_chunk
from pairsift.core.records import Reason, SignalValue
from pairsift.core.signals import SIGNALS
from pairsift.errors import ChunkDamagedError

FINGERPRINT = "ab" + "0" * 62
VALUES: dict[str, list[SignalValue]] = {"float": [0.1, None, -0.0], "int": [2**40, None, 0], "str": ["en", None, ""]}


def chunk(seed: int = 0, size: int = 8) -> ChunkData:
    vectors = np.random.default_rng(seed).standard_normal((3, 3, size)).astype(np.float16)
    vectors[:, 1] = np.nan
    return ChunkData(
        uids=["a", "b", "c"],
        captions=["a cat", None, "ein Käse 🧀"],
        signals={signal.name: VALUES[signal.type] for signal in SIGNALS},
        unmeasurable=[{}, {"pair.alignment": Reason.IMAGE_CORRUPT, "image.width": Reason.IMAGE_CORRUPT}, {}],
        image_embedding=vectors[0],
        text_embedding=vectors[1],
        fused_embedding=vectors[2],
    )


def assert_same(read: ChunkData, written: ChunkData) -> None:
    for each in fields(ChunkData):
        np.testing.assert_equal(getattr(read, each.name), getattr(written, each.name))
    assert read.image_embedding.dtype == np.float16


def test_what_is_written_is_read_to_the_bit(tmp_path: Path):
    written = write_chunk(tmp_path, FINGERPRINT, chunk())

    assert (written.uri, written.rows) == (f"chunks/ab/{FINGERPRINT}.parquet", 3)
    assert_same(read_chunk(tmp_path / written.uri), chunk())


def test_a_chunk_of_no_pairs_keeps_the_embedding_size(tmp_path: Path):
    empty = ChunkData([], [], {s.name: [] for s in SIGNALS}, [], *[np.empty((0, 8), np.float16)] * 3)

    assert_same(read_chunk(tmp_path / write_chunk(tmp_path, FINGERPRINT, empty).uri), empty)


def test_embeddings_can_be_left_out(tmp_path: Path):
    written = write_chunk(tmp_path, FINGERPRINT, chunk())

    read = read_chunk(tmp_path / written.uri, embeddings=False)

    assert read.captions == chunk().captions
    assert read.image_embedding.shape == (0, 0)


def test_the_same_data_are_the_same_bytes(tmp_path: Path):
    assert write_chunk(tmp_path / "a", FINGERPRINT, chunk()) == write_chunk(tmp_path / "b", FINGERPRINT, chunk())


def test_a_whole_file_stays_as_it_is(tmp_path: Path):
    first = write_chunk(tmp_path, FINGERPRINT, chunk(seed=0))

    second = write_chunk(tmp_path, FINGERPRINT, chunk(seed=1))

    assert second == first
    assert_same(read_chunk(tmp_path / first.uri), chunk(seed=0))


def test_a_damaged_file_is_written_anew(tmp_path: Path):
    first = write_chunk(tmp_path, FINGERPRINT, chunk())
    (tmp_path / first.uri).write_bytes(b"PAR1")

    assert write_chunk(tmp_path, FINGERPRINT, chunk()) == first
    assert_same(read_chunk(tmp_path / first.uri), chunk())


def test_a_flipped_byte_of_any_column_is_found(tmp_path: Path):
    path = tmp_path / write_chunk(tmp_path, FINGERPRINT, chunk()).uri
    whole = path.read_bytes()
    metadata = pq.read_metadata(path).row_group(0)
    for number in range(metadata.num_columns):
        column = metadata.column(number)
        start = min(column.data_page_offset, column.dictionary_page_offset or column.data_page_offset)
        broken = bytearray(whole)
        broken[start + column.total_compressed_size - 1] ^= 1
        path.write_bytes(broken)

        with pytest.raises(ChunkDamagedError, match="gone or damaged"):
            read_chunk(path)


@pytest.mark.parametrize("size", [0, 3, 1000, -1])
def test_a_cut_file_is_damaged(tmp_path: Path, size: int):
    path = tmp_path / write_chunk(tmp_path, FINGERPRINT, chunk()).uri
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ChunkDamagedError, match="gone or damaged"):
        read_chunk(path)


def test_a_ledgered_chunk_is_there_byte_for_byte_or_not_at_all(tmp_path: Path):
    written = write_chunk(tmp_path, FINGERPRINT, chunk())

    assert chunk_is_there(tmp_path, written.uri, written.sha256)
    assert not chunk_is_there(tmp_path, written.uri, "0" * 64)
    assert not chunk_is_there(tmp_path, "chunks/none.parquet", written.sha256)


def test_a_missing_file_is_damaged(tmp_path: Path):
    with pytest.raises(ChunkDamagedError, match="gone or damaged"):
        read_chunk(tmp_path / "none.parquet")
