from pathlib import Path

from pairsift.adapters.scratch import read_decided
from pairsift.adapters.store.rows import Claim
from pairsift.config import PartitionJob
from pairsift.core.records import Reason, Verdict
from tasks.threshold import threshold_partition
from tests.tasks.steps import scored


def test_decides_every_pair_of_all_chunks_in_order(job: PartitionJob, claim: Claim):
    ingested = scored(job, claim)

    decided = threshold_partition.fn(job, ingested)

    decisions = read_decided(Path(decided.decided)).decisions
    kept = (Verdict.KEEP, None)
    blurry, corrupt = (Verdict.DROP, Reason.BLURRY), (Verdict.QUARANTINE, Reason.IMAGE_CORRUPT)
    assert [(made.verdict, made.reason) for made in decisions] == [*[kept] * 6, blurry, corrupt, kept]


def test_decides_the_same_when_it_is_called_again(job: PartitionJob, claim: Claim):
    ingested = scored(job, claim)

    first = Path(threshold_partition.fn(job, ingested).decided).read_bytes()
    again = Path(threshold_partition.fn(job, ingested).decided).read_bytes()

    assert first == again
