"""The values that go into the store and come out of it; database rows never leave this folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from pairsift.core.drift import Statistics

LEASE_S = 90.0


class PartitionStatus(StrEnum):
    """The state of a partition's last attempt; earlier committed rows stay visible whatever it is.

    Lost: it ended without a word, and another process noticed. Interrupted: its run was stopped on purpose.
    """

    PENDING = "pending"
    RUNNING = "running"
    COMMITTED = "committed"
    FAILED = "failed"
    LOST = "lost"
    INTERRUPTED = "interrupted"


class AttemptKind(StrEnum):
    """What an attempt does: the whole partition, or its export once more from stored results."""

    CURATE = "curate"
    EXPORT = "export"


@dataclass(frozen=True, slots=True)
class PartitionRow:
    """A registered partition; `members` as stored at first sight."""

    id: int
    dataset_id: int
    key: str
    uri: str
    format: str
    input_fingerprint: str
    members: tuple[str, ...]
    status: PartitionStatus
    committed_attempt_id: int | None


@dataclass(frozen=True, slots=True)
class AttemptRequest:
    """What an attempt is asked to do, and with what; `files` are the names of the files to export to `out_uri`.

    `again` asks for it even where the same is committed already, because stored results are gone. `run_id` is the flow
    run of the whole run, `flow_run_id` that of this partition alone.
    """

    kind: AttemptKind
    out_uri: str
    files: tuple[str, ...]
    input_fingerprint: str
    score_fingerprint: str
    decision_fingerprint: str
    config_hash: str
    device: str
    dtype: str
    run_id: str | None = None
    flow_run_id: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    lease_s: float = LEASE_S
    again: bool = False


@dataclass(frozen=True, slots=True)
class ExportRow:
    """One exported file; `name` is its format's name (`pairs`, `embeddings`, …), `rows` the rows in it."""

    name: str
    uri: str
    rows: int
    sha256: str
    size: int
    export_fingerprint: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to write a partition, until another attempt raises the fence.

    `committed_attempt_id` is the attempt whose rows stand while this one works.
    """

    partition_id: int
    attempt_id: int
    fence: int
    kind: AttemptKind
    lease_s: float
    committed_attempt_id: int | None


@dataclass(frozen=True, slots=True)
class Committed:
    """There is a committed attempt with the same input and decision.

    `number` is its fence, `chunks` are the fingerprints of its chunk files, `exports` its files for the output asked
    for: if all are there, nothing is to be done. No exports if this output was never given just these files.
    """

    partition_id: int
    attempt_id: int
    number: int
    chunks: tuple[str, ...]
    exports: tuple[ExportRow, ...]


@dataclass(frozen=True, slots=True)
class ChunkRow:
    """One durable chunk file; `uri` is relative to the storage, `size` in bytes.

    `recalled` names the places in it, from 0, of the pairs that other attempts measured, by those attempts' ids.
    """

    fingerprint: str
    uri: str
    sha256: str
    size: int
    rows: int
    recalled: Mapping[int, Sequence[int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model that measured; `facts` is what was measured of it, JSON-able."""

    name: str
    fingerprint: str
    facts: Mapping[str, object] | None = None


@dataclass(frozen=True, slots=True)
class CalibrationRow:
    """One calibration: `summary` is JSON-able, `sha256` is its file's."""

    fingerprint: str
    score_fingerprint: str
    summary: Mapping[str, object]
    sha256: str


@dataclass(frozen=True, slots=True)
class NamedSetRow:
    """A target or evaluation set under a name, for pairs scored in one way; `rows` pictures of `source`."""

    name: str
    score_fingerprint: str
    fingerprint: str
    rows: int
    source: str


@dataclass(frozen=True, slots=True)
class Counts:
    """Pairs of one partition; read = kept + dropped + quarantined, or something was lost."""

    read: int
    kept: int
    dropped: int
    quarantined: int

    @property
    def conserved(self) -> bool:
        """Whether every pair read got exactly one verdict."""
        return self.read == self.kept + self.dropped + self.quarantined


@dataclass(frozen=True, slots=True)
class DecidedRow:
    """What an attempt came to under a decision set; `mismatch` is {share, low, high, tested}, if it was estimated."""

    attempt_id: int
    decision_set_id: int
    counts: Counts
    mismatch: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """Everything a finished partition commits.

    `pairs`, `scores` and `decisions` are rows of plain Python values in the order of PAIR_COLUMNS, SCORE_COLUMNS and
    DECISION_COLUMNS, ordinals rising from 0; they are read once, so that a retry needs a new result.
    """

    decision_set_id: int
    pairs: Iterable[tuple[object, ...]]
    scores: Iterable[tuple[object, ...]]
    decisions: Iterable[tuple[object, ...]]
    counts: Counts
    chunks: Sequence[str]
    models: Sequence[ModelRow]
    exports: Sequence[ExportRow]
    out_uri: str
    calibration_fingerprint: str | None = None
    mismatch: Mapping[str, float] | None = None
    damage: Sequence[str] = ()
    statistics: Statistics | None = None


@dataclass(frozen=True, slots=True)
class AttemptAccount:
    """What a committed attempt says it holds, beside what is found; `decision_set_id` None if it was never decided."""

    dataset: str
    partition: str
    attempt: int
    decision_set_id: int | None
    said: Counts
    found: Counts
    pair_rows: int
    score_rows: int

    @property
    def holds(self) -> bool:
        """Whether every pair read is there exactly once, scored and decided."""
        return self.said.conserved and self.said == self.found and self.pair_rows == self.score_rows == self.said.read


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file that a row of the store promises; `kind` is `chunk` (uri relative to the storage) or `export`."""

    kind: str
    dataset: str
    partition: str
    uri: str
    sha256: str


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt that ended without a word; `partition` is its key."""

    dataset: str
    partition: str
    number: int
    run_id: str | None
    flow_run_id: str | None
    host: str
    pid: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a partition, for the text of Busy."""

    partition: str
    attempt: int
    host: str
    pid: int
    started_at: datetime
    lease_until: datetime

    def __str__(self) -> str:
        """Say who, where and since when."""
        return (
            f"partition {self.partition} is being worked on by attempt {self.attempt} (process {self.pid} on "
            f"{self.host}) since {self.started_at:%Y-%m-%d %H:%M:%S} UTC; its lease runs until "
            f"{self.lease_until:%H:%M:%S} UTC and is renewed while it works"
        )
