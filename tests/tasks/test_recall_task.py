"""Pairs that were measured before are not measured again: what is recalled, from where, and what is not."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import select, text

from pairsift.adapters.chunks import chunk_uri, read_chunk
from pairsift.adapters.pairlist import read_pairs
from pairsift.adapters.recalled import read_recalled
from pairsift.adapters.sources import read_image
from pairsift.adapters.store.tables import attempt
from pairsift.config import PartitionJob
from pairsift.core.records import IngestedPair, Reason
from pairsift.models.encoder import load_encoder
from tasks import workplace
from tasks.ingest import ingest_partition
from tasks.recall import recall_pairs
from tasks.references import IngestedPartition
from tests.flows.running import EncoderCalls
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import BLURRED, FILENAME_CAPTION, GOOD, TRUNCATED, Members, cut, pairs_of, write_shard
from tests.tasks.steps import claimed, committed, folder_of, planned, scored

NEW = 9
SHUFFLED = (3, TRUNCATED, BLURRED, 1, NEW, FILENAME_CAPTION, 6, 2)
"""Day two: pair 9 alone is new, among neighbours in other places than on day one."""


class Opened:
    """Stands where images are read: counts the pairs, by the last digits of their keys."""

    def __init__(self) -> None:
        self.keys: list[int] = []

    def __call__(self, pair: IngestedPair) -> bytes | None:
        self.keys.append(int(pair.key))
        return read_image(pair)


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Opened:
    opened = Opened()
    monkeypatch.setattr("tasks.preparing.read_image", opened)
    return opened


@pytest.fixture
def encoder_calls(monkeypatch: pytest.MonkeyPatch) -> EncoderCalls:
    calls = EncoderCalls(load_encoder)
    monkeypatch.setattr("tasks.score.load_encoder", calls)
    return calls


@dataclass(frozen=True)
class Day:
    """A curated shard: its job, and the storage that holds what was made of it."""

    job: PartitionJob
    shard: Path
    storage: Path


@pytest.fixture(scope="module")
def curated(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """Curate nine pairs of the sample, once, in chunks of four."""
    folder = tmp_path_factory.mktemp("day-one")
    shard = cut(folder / "source" / "a.tar", (*GOOD, BLURRED, TRUNCATED, FILENAME_CAPTION))
    with pytest.MonkeyPatch.context() as patch, disable_run_logger():
        patch.delenv("PAIRSIFT_DATABASE_URL", raising=False)
        patch.setenv("PAIRSIFT_STORAGE", str(folder / "storage"))
        job = planned(shard, policy=str(fixed_cut(folder)))
        committed(job, claimed(job))
        workplace.store().dispose()
    return Day(job, shard, folder / "storage")


@pytest.fixture
def day_one(curated: Day, storage: Path) -> PartitionJob:
    """Begin in a copy of the storage in which day one is committed."""
    shutil.copytree(curated.storage, storage)
    return curated.job


def job_over(folder: Path, pairs: Mapping[str, Members], **config: Any) -> PartitionJob:
    """Plan a shard of its own data set, in chunks of four pairs, under day one's policy."""
    return planned(write_shard(folder / "later" / "b.tar", pairs), policy=str(fixed_cut(folder)), **config)


def recalled(job: PartitionJob) -> IngestedPartition:
    return recall_pairs.fn(job, ingest_partition.fn(job, folder_of(claimed(job))))


def keys_recalled(job: PartitionJob) -> list[int]:
    """Name the pairs that are taken from the store, in their order."""
    ingested = recalled(job)
    places = read_recalled(ingested.recalled, 0, ingested.pairs).places
    pairs = read_pairs(Path(ingested.pair_list), 0, ingested.pairs)
    return [int(pairs[place].key) for place in places]


def chunk_bytes(storage: Path, ingested: IngestedPartition) -> list[bytes]:
    return [(storage / chunk_uri(fingerprint)).read_bytes() for fingerprint in ingested.fingerprints]


def lineage(dataset: str) -> list[tuple[Any, ...]]:
    query = text(
        "SELECT key, measured_dataset, measured_partition, measured_attempt, recalled FROM pair_lineage "
        "WHERE dataset = :dataset ORDER BY key"
    )
    with workplace.store().connect() as connection:
        return [(int(key), *rest) for key, *rest in connection.execute(query, {"dataset": dataset})]


def test_a_known_pair_is_neither_opened_nor_encoded_again(
    day_one: PartitionJob, tmp_path: Path, opened: Opened, encoder_calls: EncoderCalls
):
    job = job_over(tmp_path, pairs_of(SHUFFLED))

    committed(job, claimed(job))

    assert day_one.dataset != job.dataset
    assert opened.keys == [NEW]
    assert encoder_calls.pairs == [1]


def test_chunk_files_are_the_same_bytes_as_without_anything_known(
    day_one: PartitionJob,  # noqa: ARG001 - it is committed
    tmp_path: Path,
    storage: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    job = job_over(tmp_path, pairs_of(SHUFFLED))
    reused = chunk_bytes(storage, scored(job, claimed(job)))
    workplace.store().dispose()
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path / "another"))

    job = job_over(tmp_path, pairs_of(SHUFFLED))
    assert keys_recalled(job) == []
    afresh = chunk_bytes(tmp_path / "another", scored(job, claimed(job)))

    workplace.store().dispose()
    assert reused == afresh
    assert len(afresh) == 2


def test_the_lineage_names_the_attempt_that_measured_and_never_one_that_recalled(day_one: PartitionJob, tmp_path: Path):
    second = job_over(tmp_path, pairs_of(SHUFFLED))
    committed(second, claimed(second))
    third = planned(cut(tmp_path / "third" / "c.tar", (1, NEW, 2)), policy=str(fixed_cut(tmp_path)))
    committed(third, claimed(third))

    own, first = (NEW, second.dataset, "b", 1), (day_one.dataset, "a", 1, 1)
    assert lineage(second.dataset) == sorted([(*own, 0), *((key, *first) for key in SHUFFLED if key != NEW)])
    assert lineage(third.dataset) == [(1, *first), (2, *first), (*own, 1)]


def test_a_policy_that_decides_anew_shows_who_measured(day_one: PartitionJob, curated: Day, tmp_path: Path):
    job = planned(curated.shard, run_id="run-2", policy=str(fixed_cut(tmp_path, cut=0.9, version=2)))
    committed(job, claimed(job))

    assert {row[1:] for row in lineage(day_one.dataset)} == {(day_one.dataset, "a", 1, 1)}


@pytest.mark.usefixtures("day_one")
def test_a_pair_that_comes_twice_is_known_in_both_places(tmp_path: Path):
    (one, members), two = *pairs_of([1]).items(), pairs_of([2])
    twice = {one: members, **two, "000000777": members}

    assert keys_recalled(job_over(tmp_path, twice)) == [1, 2, 777]


@pytest.mark.usefixtures("day_one")
def test_the_same_image_with_another_caption_is_measured_anew(tmp_path: Path):
    (key, members), *_ = pairs_of([1]).items()

    assert keys_recalled(job_over(tmp_path, {key: members | {"txt": b"Something else."}})) == []


def test_pairs_without_image_or_caption_are_recalled_with_their_reasons(tmp_path: Path, storage: Path, opened: Opened):
    (_, members), *_ = pairs_of([1]).items()
    bare = {"000000001": {"txt": members["txt"]}, "000000002": {"jpg": members["jpg"]}}
    first = planned(write_shard(tmp_path / "a.tar", bare), policy=str(fixed_cut(tmp_path)))
    committed(first, claimed(first))
    opened.keys.clear()
    second = job_over(tmp_path, dict(reversed(bare.items())))

    ingested = scored(second, claimed(second))

    wordless, imageless = read_chunk(storage / chunk_uri(ingested.fingerprints[0])).unmeasurable
    assert opened.keys == []
    assert wordless["text.words"] is wordless["pair.alignment"] is Reason.CAPTION_MISSING
    assert imageless["image.width"] is imageless["pair.alignment"] is Reason.IMAGE_MISSING


@pytest.mark.usefixtures("day_one")
def test_another_way_of_preprocessing_recalls_nothing(tmp_path: Path):
    job = job_over(tmp_path, pairs_of(GOOD), preprocess={"max_image_pixels": 1_000_000})

    assert keys_recalled(job) == []


def test_what_is_in_a_chunk_file_that_is_gone_or_damaged_is_measured_anew(
    day_one: PartitionJob, tmp_path: Path, storage: Path
):
    job = job_over(tmp_path, pairs_of((*GOOD, FILENAME_CAPTION)))
    first, second, _ = chunk_files(storage, day_one)
    first.unlink()
    second.write_bytes(second.read_bytes()[:-1] + b"!")

    assert keys_recalled(job) == [FILENAME_CAPTION]


def test_what_the_newest_partition_has_lost_is_recalled_from_an_older_one(
    day_one: PartitionJob,  # noqa: ARG001 - it is committed
    tmp_path: Path,
    storage: Path,
):
    newer = planned(cut(tmp_path / "later" / "b.tar", (TRUNCATED, *GOOD)), policy=str(fixed_cut(tmp_path)))
    committed(newer, claimed(newer))
    chunk_files(storage, newer)[0].unlink()

    third = planned(cut(tmp_path / "third" / "c.tar", (5, 2, 1)), policy=str(fixed_cut(tmp_path)))

    assert keys_recalled(third) == [5, 2, 1]


def test_a_partition_that_lost_its_chunk_files_recalls_what_others_have_and_nothing_of_its_own(
    day_one: PartitionJob, curated: Day, tmp_path: Path, storage: Path
):
    newer = planned(cut(tmp_path / "later" / "b.tar", (2, 1)), policy=str(fixed_cut(tmp_path)))
    committed(newer, claimed(newer))
    for path in chunk_files(storage, day_one):
        path.unlink()
    again = planned(curated.shard, run_id="run-2", policy=str(fixed_cut(tmp_path)))

    assert again.partition_id == day_one.partition_id
    assert keys_recalled(again) == [1, 2]


def test_chunks_that_the_ledger_has_are_not_looked_up(day_one: PartitionJob, tmp_path: Path, storage: Path):
    job = job_over(tmp_path, pairs_of(SHUFFLED))
    scored(job, claimed(job))
    for path in chunk_files(storage, day_one):
        path.unlink()

    assert recalled(job).recalled is None


def chunk_files(storage: Path, job: PartitionJob) -> list[Path]:
    """Name the chunk files of a committed partition in the order of its pairs."""
    with workplace.store().connect() as connection:
        here = (attempt.c.partition_id == job.partition_id, attempt.c.status == "committed")
        fingerprints = connection.execute(select(attempt.c.chunks).where(*here)).scalar_one()
    return [storage / chunk_uri(fingerprint) for fingerprint in fingerprints]
