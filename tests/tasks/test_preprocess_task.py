from pathlib import Path

import pytest

from pairsift.adapters.scratch import read_prepared
from pairsift.core.records import Reason
from pairsift.errors import SourceChangedError
from tasks.ingest import ingest_partition
from tasks.preprocess import preprocess_chunk
from tests.tasks.shards import Members, pairs_of, write_shard
from tests.tasks.steps import claimed, folder_of, planned


def variants() -> dict[str, Members]:
    """One good pair in five broken forms, and whole."""
    ((_, good),) = pairs_of([1]).items()
    return {
        "cut": {"jpg": good["jpg"][:500], "txt": good["txt"]},
        "html": {"jpg": b"<html><body>404</body></html>", "txt": good["txt"]},
        "imageless": {"txt": good["txt"]},
        "latin1": {"jpg": good["jpg"], "txt": b"caf\xe9 au lait"},
        "wordless": {"jpg": good["jpg"]},
        "whole": good,
    }


def test_a_bad_image_or_caption_is_an_outcome_of_its_pair_and_of_no_other(tmp_path: Path):
    job = planned(write_shard(tmp_path / "a.tar", variants()), chunk_pairs=6)
    ingested = ingest_partition.fn(job, folder_of(claimed(job)))

    reference = preprocess_chunk.fn(job, ingested, ingested.chunks[0])

    prepared = read_prepared(Path(reference.pixels), Path(reference.measurements))
    cut, html, imageless, latin1, wordless, whole = (one.unmeasurable for one in prepared.measurements)
    assert cut["image.sharpness"] is Reason.IMAGE_CORRUPT
    assert html["image.sharpness"] is Reason.IMAGE_UNKNOWN_FORMAT
    assert imageless["image.sharpness"] is Reason.IMAGE_MISSING
    assert latin1["text.words"] is Reason.CAPTION_NOT_UTF8
    assert wordless["text.words"] is Reason.CAPTION_MISSING
    assert whole == {}
    assert prepared.image_of.tolist() == [-1, -1, -1, 0, 0, 0]
    assert prepared.pixels.shape == (1, 224, 224, 3)


def test_stops_where_the_source_changed_after_ingest(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", pairs_of([1, 2]))
    job = planned(shard)
    ingested = ingest_partition.fn(job, folder_of(claimed(job)))
    data = bytearray(shard.read_bytes())
    data[512 + 1000] ^= 1
    shard.write_bytes(data)

    with pytest.raises(SourceChangedError, match="changed since it was read first"):
        preprocess_chunk.fn(job, ingested, ingested.chunks[0])


def test_stops_where_the_source_is_gone_after_ingest(tmp_path: Path):
    shard = write_shard(tmp_path / "a.tar", pairs_of([1, 2]))
    job = planned(shard)
    ingested = ingest_partition.fn(job, folder_of(claimed(job)))
    shard.unlink()

    with pytest.raises(SourceChangedError, match="is gone"):
        preprocess_chunk.fn(job, ingested, ingested.chunks[0])


def test_a_repeated_call_writes_the_same_bytes(tmp_path: Path):
    job = planned(write_shard(tmp_path / "a.tar", variants()), chunk_pairs=6)
    ingested = ingest_partition.fn(job, folder_of(claimed(job)))

    first = preprocess_chunk.fn(job, ingested, ingested.chunks[0])
    bytes_of_first = (Path(first.pixels).read_bytes(), Path(first.measurements).read_bytes())
    again = preprocess_chunk.fn(job, ingested, ingested.chunks[0])

    assert (Path(again.pixels).read_bytes(), Path(again.measurements).read_bytes()) == bytes_of_first
