"""What the store's tests do with it: rows, requests, and one whole life of a partition."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from pairsift.adapters.store.claims import begin_attempt
from pairsift.adapters.store.process import ProcessIdentity
from pairsift.adapters.store.protocol import commit_attempt, ledgered_chunks, record_chunk
from pairsift.adapters.store.registry import (
    activate_decision_set,
    open_decision_set,
    register_calibration,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import (
    AttemptKind,
    AttemptRequest,
    AttemptResult,
    CalibrationRow,
    ChunkRow,
    Claim,
    Committed,
    Counts,
    ExportRow,
    ModelRow,
)
from pairsift.core.records import PartitionSpec, Reason, Verdict
from pairsift.core.signals import SIGNALS

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
OUT = "file:///out"
FORMATS = ("embeddings", "pairs")
SPEC = PartitionSpec("shard-0", "file:///data/shard-0.tar", "webdataset", "input-1")
REQUEST = AttemptRequest(
    kind=AttemptKind.CURATE,
    out_uri=OUT,
    files=FORMATS,
    input_fingerprint="input-1",
    score_fingerprint="score-1",
    decision_fingerprint="decision-1",
    config_hash="config-1",
    device="cpu",
    dtype="float32",
    versions={"pairsift": "0.1.0"},
)
EXPORT_REQUEST = replace(REQUEST, kind=AttemptKind.EXPORT)
ME = ProcessIdentity.current()
ELSEWHERE = ProcessIdentity("other-host", 4711, "another-boot", "pid:[1]", 99)
"""A process of which nobody here can know whether it lives."""
SAMPLE_VALUES = {"float": 0.25, "int": 3, "str": "en"}


@dataclass
class Clock:
    """A clock that stands until it is moved."""

    time: datetime = field(default=START)

    def __call__(self) -> datetime:
        return self.time

    def advance(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


def pair_rows(n: int = 6) -> list[tuple[object, ...]]:
    columns = {2: {"similarity": 0.25, "NSFW": "UNLIKELY"}}
    return [
        (
            *(i, f"key-{i}", f"{i:032x}", None, SPEC.uri, 512 * i, 100, f"{i:064x}"),
            *(f"A cat no. {i}\n", f"A cat no. {i}", columns.get(i)),
        )
        for i in range(n)
    ]


def score_rows(n: int = 6, measured_by: int | None = None) -> list[tuple[object, ...]]:
    values = [SAMPLE_VALUES[signal.type] for signal in SIGNALS]
    reasons = {1: {"pair.alignment": Reason.LANGUAGE_UNSUPPORTED}}
    return [(i, *values, reasons.get(i, {}), {}, measured_by) for i in range(n)]


def decision_rows(n: int = 6, dropped: int = 0) -> list[tuple[object, ...]]:
    """Quarantine pair 1, drop pair `dropped` and keep the others."""
    return [(i, 1.5, 0.01, 0.02, *_verdict(i, dropped), i, 1, None, None, -0.2, None, None, None) for i in range(n)]


def _verdict(ordinal: int, dropped: int) -> tuple[Verdict, Reason | None]:
    if ordinal == 1:
        return Verdict.QUARANTINE, Reason.IMAGE_CORRUPT
    return (Verdict.DROP, Reason.BLURRY) if ordinal == dropped else (Verdict.KEEP, None)


def export_rows(fingerprint: str = "export-1") -> tuple[ExportRow, ...]:
    return tuple(
        ExportRow(name, f"{OUT}/{fingerprint}/{name}.parquet", 4, "ab" * 32, 1000, fingerprint) for name in FORMATS
    )


def result(decision_set_id: int, dropped: int = 0, tick: Callable[[], None] = lambda: None) -> AttemptResult:
    """Six pairs: four kept, one dropped, one quarantined; `tick` is called after every row."""
    return AttemptResult(
        decision_set_id=decision_set_id,
        pairs=_ticking(pair_rows(), tick),
        scores=_ticking(score_rows(), tick),
        decisions=_ticking(decision_rows(dropped=dropped), tick),
        counts=Counts(6, 4, 1, 1),
        chunks=("chunk-0", "chunk-1"),
        models=(ModelRow("sentence encoder", "model-2"), ModelRow("classifier", "model-1", {"top_overlap": 0.98})),
        exports=export_rows(f"export-{dropped}"),
        out_uri=OUT,
        calibration_fingerprint="calibration-1",
        mismatch={"share": 0.2, "low": 0.1, "high": 0.3, "tested": 5},
        damage=("shard-0.tar: 1 member unreadable at 4096",),
    )


def _ticking(rows: list[tuple[object, ...]], tick: Callable[[], None]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        yield row
        tick()


def chunk_row(number: int) -> ChunkRow:
    return ChunkRow(f"chunk-{number}", f"chunks/{number}.arrow", "cd" * 32, 4096, 3)


@dataclass(frozen=True)
class Prepared:
    """A data set with one partition, and a decision set."""

    dataset_id: int
    partition_id: int
    decision_set_id: int


def prepare(engine: Engine, dataset_name: str = "cats", policy: str = "default") -> Prepared:
    dataset_id = register_dataset(engine, dataset_name)
    (registered,) = register_partitions(engine, dataset_id, [SPEC])
    calibration = CalibrationRow("calibration-1", "score-1", {"pairs": 6}, "ef" * 32)
    register_calibration(engine, dataset_id, calibration)
    policy_id = register_policy(engine, policy, "1", f"sha-of-{policy}", f"name: {policy}")
    return Prepared(dataset_id, registered.id, open_decision_set(engine, dataset_id, policy_id, "own-1000"))


def claim(engine: Engine, partition_id: int, request: AttemptRequest = REQUEST, me: ProcessIdentity = ME) -> Claim:
    claimed = begin_attempt(engine, partition_id, request, me)
    assert isinstance(claimed, Claim)
    return claimed


def live(engine: Engine, dataset_name: str, dropped: int, tick: Callable[[], None] = lambda: None) -> None:
    """Take a partition through every step of the protocol; the policy drops pair `dropped`."""
    prepared = prepare(engine, dataset_name, policy=f"drops-{dropped}")
    request = replace(REQUEST, decision_fingerprint=f"decision-{dropped}")
    claimed = begin_attempt(engine, prepared.partition_id, request, ProcessIdentity.current())
    if not isinstance(claimed, Committed):
        for number in range(2):
            if not ledgered_chunks(engine, prepared.partition_id, [f"chunk-{number}"]):
                record_chunk(engine, claimed, chunk_row(number))
        commit_attempt(engine, claimed, result(prepared.decision_set_id, dropped, tick))
    activate_decision_set(engine, prepared.dataset_id, prepared.decision_set_id)
