"""What people and automations see of a run in Prefect beside its states: artifacts and events.

None of it may fail a run or hold it up, and nothing depends on it: SQL says what is done. Outside of a flow run, as in
tests of single tasks, nothing is shown.
"""

import json
import re
import time
from collections.abc import Sequence
from dataclasses import asdict
from uuid import UUID

from prefect import get_run_logger
from prefect.client.schemas.actions import ArtifactCreate, ArtifactUpdate
from prefect.context import FlowRunContext
from prefect.events import emit_event
from prefect.runtime import flow_run

from pairsift.adapters.store.rows import Claim, Counts
from pairsift.config import PartitionJob
from pairsift.report.escaping import clip, markdown, visible
from pairsift.report.histogram import Bin, draw_histogram
from pairsift.report.summary import RunFacts, headline, picture_address, reason_rows, render_run
from tasks.asking import ask
from tasks.references import IngestedPartition, PartitionOutcome

PROGRESS_EVERY_S = 10.0
MOST_ERROR = 2000
MOST_DAMAGE = 20

_NOT_IN_KEYS = re.compile(r"[^a-z0-9]+")
_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]+")


def show_run(run: RunFacts, bins: Sequence[Bin], bin_width: float) -> None:
    """Show what a run came to: the summary, the histogram of alignment and the reasons as a table."""
    flow_run_id = flow_run.id
    if flow_run_id is None:
        return
    histogram = draw_histogram(
        bins, bin_width, f"Alignment of {run.dataset}", "alignment: cosine of picture and caption"
    )
    shown = (
        ("run", "markdown", markdown(headline(run)), render_run(run, histogram)),
        ("alignment", "image", "Pairs by alignment, kept and not kept", picture_address(histogram)),
        ("reasons", "table", "Why pairs were not kept", json.dumps(reason_rows(run))),
    )
    artifacts = [
        ArtifactCreate(
            key=artifact_key(run.dataset, part), type=kind, description=title, data=data, flow_run_id=UUID(flow_run_id)
        )
        for part, kind, title, data in shown
    ]
    ask(lambda client: [client.create_artifact(artifact) for artifact in artifacts])


def show_committed(
    job: PartitionJob, claim: Claim, counts: Counts | None = None, ingested: IngestedPartition | None = None
) -> None:
    """Tell that a partition was committed, and that it is degraded if part of its container could not be read.

    Without counts only its files were made again.
    """
    facts: dict[str, object] = {"kind": claim.kind.value, "pairs": asdict(counts) if counts else None}
    _emit("committed", job, claim, facts)
    if ingested is not None and ingested.damage:
        told = [clip(part, MOST_ERROR) for part in ingested.damage[:MOST_DAMAGE]]
        parts = "1 part" if len(ingested.damage) == 1 else f"{len(ingested.damage)} parts"
        reason = f"{parts} of its container could not be read, pairs lost: {ingested.lost}; the first: {told[0]}"
        numbers = {"damaged_parts": len(ingested.damage), "pairs_lost": ingested.lost}
        _emit("degraded", job, claim, facts | numbers | {"reason": reason, "damage": told})


def show_failed(job: PartitionJob, claim: Claim, error: str) -> None:
    """Tell that a partition failed, and why."""
    _emit("failed", job, claim, {"kind": claim.kind.value, "error": clip(error, MOST_ERROR)})


def _emit(what: str, job: PartitionJob, claim: Claim, facts: dict[str, object]) -> None:
    """Hand an event to Prefect, which sends it in the background; automations group by `pairsift.run`."""
    flow_run_id = flow_run.id
    if flow_run_id is None:
        return
    emit_event(
        f"pairsift.partition.{what}",
        resource={
            "prefect.resource.id": resource_id(job.dataset, job.key),
            "prefect.resource.name": visible(f"{job.dataset}/{job.key}"),
            "pairsift.dataset": job.dataset,
            "pairsift.run": job.run_id,
        },
        payload={
            "dataset": job.dataset,
            "partition": visible(job.key),
            "run_id": job.run_id,
            "flow_run_id": flow_run_id,
            "attempt": claim.fence,
            **facts,
        },
    )


class Progress:
    """How far something is, as a progress artifact of the flow run; made and renewed every 10 s at most.

    What ends sooner has none: asking the server costs more than small partitions take.
    """

    def __init__(self, total: int, done: int, what: str) -> None:
        self._total, self._done, self._what = total, done, what
        self._shown_at = time.monotonic()
        self._artifact: UUID | None = None

    def advance(self, count: int) -> None:
        """Count what was done since, and show it if it is time to, or if this was the last of it."""
        self._done += count
        ended = self._done >= self._total and self._artifact is not None
        if flow_run.id is not None and (ended or time.monotonic() - self._shown_at >= PROGRESS_EVERY_S):
            self._show(UUID(flow_run.id))
            self._shown_at = time.monotonic()

    def __str__(self) -> str:
        """Say how much of it is done."""
        return f"{self._done:,} of {self._total:,} {self._what}"

    def _show(self, flow_run_id: UUID) -> None:
        data, description = round(100 * self._done / self._total, 1), str(self)
        if self._artifact is None:
            new = ArtifactCreate(type="progress", description=description, data=data, flow_run_id=flow_run_id)
            made = ask(lambda client: client.create_artifact(new))
            self._artifact = made.id if made else None
            return
        known, update = self._artifact, ArtifactUpdate(data=data, description=description)
        ask(lambda client: client.update_artifact(known, update))


class ScoringProgress:
    """How much of a partition is scored: a line in the log for every chunk, and a progress artifact."""

    def __init__(self, job: PartitionJob, ingested: IngestedPartition) -> None:
        scored = sum(chunk.pairs for chunk in ingested.chunks if chunk.ledgered)
        self._key, self._chunks = job.key, ingested.chunks
        self._progress = Progress(ingested.pairs, scored, "pairs scored")

    def advance(self, number: int) -> None:
        """Count a chunk that was scored."""
        chunk = self._chunks[number]
        self._progress.advance(chunk.pairs)
        get_run_logger().info("%s: chunk %s, %d pairs, %s", self._key, chunk.place, chunk.pairs, self._progress)


class RunProgress:
    """How many of a run's partitions have ended: a line in the log for each, and a progress artifact."""

    def __init__(self, jobs: Sequence[PartitionJob]) -> None:
        self._total, self._committed, self._failed = len(jobs), 0, 0
        self._progress = Progress(len(jobs), 0, "partitions ended")

    def count(self, outcome: PartitionOutcome) -> PartitionOutcome:
        """Count a partition that has ended, and give its outcome back."""
        self._committed += outcome.status == "committed"
        self._failed += outcome.status == "failed"
        logger = get_run_logger()
        if outcome.status == "failed":
            logger.error("%s failed: %s", outcome.key, outcome.error)
        logger.info("committed %d of %d, %d failed", self._committed, self._total, self._failed)
        self._progress.advance(1)
        return outcome


def is_deployed() -> bool:
    """Say whether the flow run is a deployment's, so that Prefect can start it again.

    Not by `prefect.runtime.deployment`, which asks the server, and takes a subflow for its parent.
    """
    context = FlowRunContext.get()
    return context is not None and context.flow_run is not None and context.flow_run.deployment_id is not None


def artifact_key(dataset: str, part: str) -> str:
    """Name an artifact of a data set's runs, in the letters that Prefect takes; its history is that of the runs."""
    return "-".join(("pairsift", *_NOT_IN_KEYS.sub(" ", dataset.lower()).split(), part))


def resource_id(dataset: str, key: str) -> str:
    """Name a partition as the resource of an event; the event's payload has its key to the letter."""
    return f"pairsift.partition.{_NOT_IN_IDS.sub('-', dataset)}.{_NOT_IN_IDS.sub('-', key)}"
