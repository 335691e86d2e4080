"""Recall what is known of a partition's pairs: those that were measured before are not measured again."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from prefect import get_run_logger, task

from pairsift.adapters.pairlist import read_contents
from pairsift.adapters.recalling import recall
from pairsift.config import PartitionJob
from pairsift.core.records import PairContent
from tasks.references import IngestedPartition
from tasks.retrying import STAGE
from tasks.workplace import storage, store


@task(task_run_name="recall {job.key}", **STAGE)
def recall_pairs(job: PartitionJob, ingested: IngestedPartition) -> IngestedPartition:
    """Put what any partition's chunk files have of the pairs that are not scored yet into local scratch."""
    wanted = unscored_pairs(ingested)
    target = Path(ingested.scratch) / "recalled.arrow"
    found = recall(store(), storage(), job.score_fingerprint, wanted, target)
    told = (found.pairs, sum(map(len, wanted.values())), found.files)
    get_run_logger().info("%s: %d of %d pairs measured before, in %d chunk files", job.key, *told)
    return replace(ingested, recalled=str(target) if found.pairs else None)


def unscored_pairs(ingested: IngestedPartition) -> dict[PairContent, list[int]]:
    """Give the ordinals of all pairs, by what they are, whose chunk is not in the ledger."""
    contents = read_contents(Path(ingested.pair_list))
    ordinals: dict[PairContent, list[int]] = defaultdict(list)
    for chunk in ingested.chunks:
        for ordinal in () if chunk.ledgered else range(chunk.start, chunk.stop):
            ordinals[contents[ordinal]].append(ordinal)
    return ordinals
