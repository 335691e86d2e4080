"""Plan a run before anything is started: what it covers, and, once its calibration is known, what is to be done."""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from prefect import get_run_logger, task
from prefect.runtime import flow_run

from pairsift.adapters.chunks import chunks_are_there
from pairsift.adapters.evaluation_sets import find_evaluation_sets
from pairsift.adapters.exports import file_names, files_are_there, out_folder, require_out
from pairsift.adapters.policies import find_policy
from pairsift.adapters.scratch import remove_scratch
from pairsift.adapters.sources import open_source
from pairsift.adapters.store.claims import find_committed, partitions_to_rerun
from pairsift.adapters.store.decisions import decision_sets
from pairsift.adapters.store.engine import prepare
from pairsift.adapters.store.registry import (
    activate_decision_set,
    current_calibration,
    known_members,
    open_decision_set,
    register_dataset,
    register_partitions,
    register_policy,
)
from pairsift.adapters.store.rows import Committed, PartitionRow
from pairsift.adapters.store.runs import register_run
from pairsift.adapters.store.trained import best_head
from pairsift.adapters.targets import find_target
from pairsift.config import DispatchConfig, PartitionJob, RunRequest
from pairsift.core.calibration import decision_basis, pilot_order, references_basis
from pairsift.core.conditions import nearest
from pairsift.core.days import days_of, resolve_request
from pairsift.core.fingerprint import decision_fingerprint
from pairsift.core.naming import dataset_name
from pairsift.core.policy import Policy
from pairsift.core.training import BEST
from pairsift.errors import ConfigError
from pairsift.models.device import resolve
from pairsift.models.encoder import model_cards, require_signals, score_fingerprint, space_of
from pairsift.settings import Settings
from tasks.references import PlannedPartition, RunPlan
from tasks.retrying import STAGE
from tasks.workplace import scratch, storage, store

LOOKS_AT_ONCE = 16

MOST_PILOTS = 16
"""Partitions that a calibration is drawn from at most: of small ones there are pairs enough in these."""


@task(name="plan", task_run_name="plan", **STAGE)
def plan_run(request: RunRequest) -> RunPlan:
    """Register the source's partitions and find those that the run is about, before any work starts.

    UnusableInputError if the request cannot be met: database, source, policy and models are looked at before anything
    is registered.
    """
    started = time.time()
    request = resolve_request(request, flow_run.scheduled_start_time)
    prepare(Settings().store_url)
    source = open_source(request.source, request.format, days_of(request), request.config.ingest)
    policy = find_policy(store(), request.config.policy)
    warn_of_encoder(policy, request.config.score.encoder)
    job = job_template(request, policy)
    compared = {
        "target": find_target(store(), policy, job.score_fingerprint),
        "evaluation_sets": find_evaluation_sets(store(), policy, job.score_fingerprint),
    }
    require_out(job.out, job.config.export.written)
    dataset_id = register_dataset(store(), job.dataset)
    register_run(store(), job.run_id, dataset_id, request.model_dump(mode="json"))
    specs = source.partitions(known_members(store(), dataset_id), job.config.ingest)
    rows = register_partitions(store(), dataset_id, specs)
    known = current_calibration(store(), dataset_id, job.score_fingerprint) if policy.needs_calibration else None
    return RunPlan(
        run_id=job.run_id,
        request=request,
        policy=f"{policy.name} {policy.version}",
        dataset=job.dataset,
        out=job.out,
        source=f"{source.format}: {source.why}",
        started=started,
        job=job.model_copy(update={"dataset_id": dataset_id, "calibration": known, **compared}),
        pilots=planned(pilots(rows) if policy.needs_calibration and known is None else []),
        chosen=planned(choose(rows, request, {row.key for row in partitions_to_rerun(store(), dataset_id)})),
        day=request.day.isoformat() if request.day else None,
        drift=policy.drift,
        missing_days=() if is_narrowed(request) else tuple(day.isoformat() for day in source.missing_days),
    )


@task(name="pin", task_run_name="pin the calibration", **STAGE)
def pin_calibration(plan: RunPlan, calibration: str | None) -> RunPlan:
    """Make a job of every partition that is not committed with this policy and calibration (None without one).

    From here on the policy is the one that the lineage shows, unless it settles: then it is when the run has ended.
    """
    policy, sets = Policy.model_validate_json(plan.job.policy), (each for _, each in plan.job.evaluation_sets)
    basis = decision_basis(references_basis(calibration, plan.job.target, sets))
    pinned = {
        "calibration": calibration,
        "decision_set_id": open_decisions(policy, plan.job, basis),
        "decision_fingerprint": decision_fingerprint(plan.job.score_fingerprint, basis, policy.sha256),
    }
    job = plan.job.model_copy(update=pinned)
    names = file_names(job.config.export.written)
    committed = find_committed(store(), job.dataset_id, job.decision_fingerprint, job.out, names)
    done = whole_ones({row.id: committed[row.id] for row in plan.chosen if row.id in committed})
    for partition_id in done:  # what a process left that was killed right after its commit
        remove_scratch(scratch(), partition_id, committed[partition_id].number)
    return replace(
        plan,
        job=job,
        jobs=tuple(for_partition(job, row) for row in plan.chosen if row.id not in done),
        skipped=tuple(row.key for row in plan.chosen if row.id in done),
    )


def job_template(request: RunRequest, policy: Policy) -> PartitionJob:
    """Resolve everything that is the same for all partitions of a run; a partition's own is filled in later."""
    score = resolve(request.config.score, elsewhere=request.config.dispatch.work_pool is not None)
    if score.fusion == BEST:
        score = score.model_copy(update={"fusion": best_head(store(), space_of(score), score.encoder)})
    require_signals(policy, score)
    config = request.config.model_copy(update={"score": score, "dispatch": DispatchConfig()})
    scored = score_fingerprint(config.score, config.preprocess, policy.cleaner)
    cards = model_cards(config.score)
    return PartitionJob(
        partition_id=0,
        key="",
        dataset=request.dataset or dataset_name(request.source),
        out=out_folder(request.out or str(storage() / "exports")),
        config=config,
        policy=policy.text,
        dataset_id=0,
        decision_set_id=0,
        score_fingerprint=scored,
        decision_fingerprint="",
        calibration=None,
        models={card.name: card.fingerprint for card in cards},
        model_facts={card.name: dict(card.facts) for card in cards if card.facts},
        run_id=str(flow_run.id),
    )


def warn_of_encoder(policy: Policy, encoder: str) -> None:
    """Warn where a policy's numbers are for another encoder: a cosine means something else under each."""
    if not policy.is_meant_for(encoder):
        get_run_logger().warning(
            "the numbers of policy %r are for the encoder %s; under %s they mean something else",
            policy.name,
            policy.encoder,
            encoder,
        )


def open_decisions(policy: Policy, job: PartitionJob, basis: str) -> int:
    """Make the policy known, and show its decision set unless another is shown until the run settles; return its id."""
    policy_id = register_policy(store(), policy.name, str(policy.version), policy.sha256, job.policy)
    decision_set_id = open_decision_set(store(), job.dataset_id, policy_id, basis)
    if not policy.settles or not any(each.active for each in decision_sets(store(), job.dataset_id)):
        activate_decision_set(store(), job.dataset_id, decision_set_id)
    return decision_set_id


def for_partition(job: PartitionJob, row: PlannedPartition) -> PartitionJob:
    """Fill in what is a partition's own."""
    return job.model_copy(update={"partition_id": row.id, "key": row.key})


def pilots(rows: Sequence[PartitionRow]) -> list[PartitionRow]:
    """Pick the partitions that a calibration may be drawn from, whichever of them are asked for."""
    by_key = {row.key: row for row in rows}
    return [by_key[key] for key in pilot_order(by_key)[:MOST_PILOTS]]


def planned(rows: Sequence[PartitionRow]) -> tuple[PlannedPartition, ...]:
    """Name partitions without their members."""
    return tuple(PlannedPartition(row.id, row.key) for row in rows)


def whole_ones(committed: Mapping[int, Committed]) -> set[int]:
    """Find the partitions of which everything is in place, many at a time: an object store answers within 30 ms."""
    with ThreadPoolExecutor(LOOKS_AT_ONCE) as pool:
        whole = pool.map(is_whole, committed.values())
        return {partition_id for partition_id, there in zip(committed, whole, strict=True) if there}


def is_whole(committed: Committed) -> bool:
    """Look whether a committed partition's chunk files and exported files are all in place."""
    return chunks_are_there(storage(), committed.chunks) and files_are_there(committed.exports)


def is_narrowed(request: RunRequest) -> bool:
    """Say whether a run is about chosen partitions, whatever else arrives."""
    return bool(request.partitions) or request.rerun_failed


def choose(rows: Sequence[PartitionRow], request: RunRequest, to_rerun: set[str]) -> list[PartitionRow]:
    """Pick the partitions asked for; ConfigError for a key that the source has not got."""
    keys = {row.key for row in rows}
    for wanted in request.partitions:
        if wanted not in keys:
            raise ConfigError(f"{request.source} has no partition {wanted!r}: {nearest(wanted, keys)}")
    wanted_keys = set(request.partitions) or keys
    return [row for row in rows if row.key in wanted_keys and (not request.rerun_failed or row.key in to_rerun)]
