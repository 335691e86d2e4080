"""What travels between tasks: ids, chunk numbers, paths, digests and counts; never rows or arrays."""

from dataclasses import dataclass

from pairsift.config import PartitionJob, RunRequest
from pairsift.core.drift_policy import DriftPolicy
from pairsift.core.policy import Policy


@dataclass(frozen=True, slots=True)
class ChunkSlice:
    """Pairs `start` to `stop` of a partition; `ledgered` if an earlier attempt has scored exactly them.

    `number` counts from 0 and `of` is the number of the partition's chunks.
    """

    number: int
    of: int
    start: int
    stop: int
    fingerprint: str
    ledgered: bool

    @property
    def pairs(self) -> int:
        """The number of its pairs."""
        return self.stop - self.start

    @property
    def place(self) -> str:
        """Which of the partition's chunks it is, as people count: `3/20`."""
        return f"{self.number + 1}/{self.of}"


@dataclass(frozen=True, slots=True)
class IngestedPartition:
    """A partition's pair list in local scratch; `recalled` is the file of what was measured of its pairs before.

    `damage` says what of the container could not be read, and `lost` how many pairs that cost at least.
    """

    pair_list: str
    scratch: str
    pairs: int
    digest: str
    chunks: tuple[ChunkSlice, ...]
    damage: tuple[str, ...] = ()
    lost: int = 0
    recalled: str | None = None

    @property
    def fingerprints(self) -> tuple[str, ...]:
        """The chunks' fingerprints, in order."""
        return tuple(chunk.fingerprint for chunk in self.chunks)


@dataclass(frozen=True, slots=True)
class PreparedChunk:
    """Pixels and measurements, in local scratch, of a chunk's pairs that are not in the partition's `recalled`.

    `scored` if there is nothing to prepare: the chunk's file is there, and only the ledger does not know it.
    """

    chunk: ChunkSlice
    pixels: str
    measurements: str
    recalled: str | None = None
    scored: bool = False


@dataclass(frozen=True, slots=True)
class DecidedPartition:
    """A partition's verdicts in local scratch, and the statistics to tell drift by."""

    decided: str
    statistics: str


@dataclass(frozen=True, slots=True)
class PartitionOutcome:
    """How one partition ended in one run."""

    key: str
    status: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedPartition:
    """A registered partition."""

    id: int
    key: str


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a run will do: a job for every partition that needs work, and which others it covers.

    `job` is the same for all of them; it says how they are calibrated once `jobs` and `skipped` are known. `pilots` are
    the partitions, in order, of which a calibration is made; none where the policy needs none or the data set has one.
    `source` says what was found there and how it is read. `day` is the run's own day and `missing_days` are those of
    its days whose files have not all arrived, for a source with a date; a run of chosen partitions waits for none.
    `request` has that day filled in, `policy` is the policy's name and version, and `drift` its limits of drift.
    """

    run_id: str
    request: RunRequest
    policy: str
    dataset: str
    out: str
    source: str
    started: float
    job: PartitionJob
    pilots: tuple[PlannedPartition, ...]
    chosen: tuple[PlannedPartition, ...]
    day: str | None
    missing_days: tuple[str, ...]
    drift: DriftPolicy
    jobs: tuple[PartitionJob, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def settles(self) -> bool:
        """Whether partitions cannot be decided for good before all of them are measured."""
        return Policy.model_validate_json(self.job.policy).settles

    @property
    def partition_ids(self) -> tuple[int, ...]:
        """The ids of the partitions that the run covers."""
        return tuple(partition.id for partition in self.chosen)
