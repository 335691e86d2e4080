"""Ingest one partition: identify and locate every pair, and plan the chunks that are still to be scored."""

from collections.abc import Iterator
from pathlib import Path

from prefect import get_run_logger, task

from pairsift.adapters.chunks import chunk_is_there
from pairsift.adapters.pairlist import PairList, read_identities, write_pairs
from pairsift.adapters.sources import read_partition
from pairsift.adapters.store.protocol import ledgered_chunks
from pairsift.adapters.store.registry import partition_spec
from pairsift.adapters.store.tombstones import load_tombstones
from pairsift.config import PartitionJob
from pairsift.core.chunking import chunk_size
from pairsift.core.fingerprint import chunk_fingerprint
from pairsift.core.forgetting import blank, is_forgotten, is_hidden
from pairsift.core.ingesting import check_damage, identify, tell_damage
from pairsift.core.policy import Policy
from pairsift.core.records import Damage, IngestedPair
from tasks.references import ChunkSlice, IngestedPartition
from tasks.retrying import STAGE
from tasks.workplace import storage, store


@task(task_run_name="ingest {job.key}", **STAGE)
def ingest_partition(job: PartitionJob, folder: str) -> IngestedPartition:
    """List a partition's pairs in a folder of local scratch and find which chunks an earlier attempt has scored."""
    damage: list[Damage] = []
    listed = write_pairs(Path(folder) / "pairs.arrow", identified(job, damage))
    check_damage(job.key, listed.count, damage, job.config.ingest)
    ingested = IngestedPartition(
        pair_list=str(listed.path),
        scratch=folder,
        pairs=listed.count,
        digest=listed.digest,
        chunks=plan_chunks(job, listed),
        damage=tell_damage(damage),
        lost=sum(part.lost_pairs for part in damage),
    )
    log_ingested(job.key, ingested)
    return ingested


def log_ingested(key: str, ingested: IngestedPartition) -> None:
    """Say how many pairs and chunks there are, and what of the container could not be read."""
    logger = get_run_logger()
    done = sum(chunk.ledgered for chunk in ingested.chunks)
    logger.info("%s: %d pairs in %d chunks, %d scored already", key, ingested.pairs, len(ingested.chunks), done)
    if ingested.damage:
        logger.warning(
            "%s: %d parts unreadable, %d pairs lost; the first: %s",
            key,
            len(ingested.damage),
            ingested.lost,
            ingested.damage[0],
        )


def identified(job: PartitionJob, damage: list[Damage]) -> Iterator[IngestedPair]:
    """Read the source's pairs one by one, of forgotten ones only that they are there; damage is put aside."""
    spec = partition_spec(store(), job.partition_id)
    wanted = Policy.model_validate_json(job.policy).source_columns.union(job.config.ingest.source_columns)
    config = job.config.ingest.model_copy(update={"source_columns": tuple(sorted(wanted))})
    tombstones = load_tombstones(store())
    ordinal = 0
    for found in read_partition(spec, config):
        if isinstance(found, Damage):
            damage.append(found)
            continue
        pair = identify(ordinal, found, job.config.preprocess.max_caption_bytes, wanted)
        forgotten = is_hidden(pair.key) or is_forgotten(pair.uid, pair.image_sha256, tombstones)
        yield blank(ordinal) if forgotten else pair
        ordinal += 1


def plan_chunks(job: PartitionJob, listed: PairList) -> tuple[ChunkSlice, ...]:
    """Cut the pair list into chunks; one that is in the ledger, its file in place, need not be scored again."""
    identities = read_identities(listed.path)
    size = chunk_size(job.config.chunk_pairs, listed.count, job.config.score.device)
    slices = [(start, min(start + size, listed.count)) for start in range(0, listed.count, size)]
    prints = [chunk_fingerprint(job.score_fingerprint, identities[start:stop]) for start, stop in slices]
    ledger = ledgered_chunks(store(), job.partition_id, prints)
    there = {row.fingerprint for row in ledger.values() if chunk_is_there(storage(), row.uri, row.sha256)}
    return tuple(
        ChunkSlice(number, len(slices), start, stop, print_, print_ in there)
        for number, ((start, stop), print_) in enumerate(zip(slices, prints, strict=True))
    )
