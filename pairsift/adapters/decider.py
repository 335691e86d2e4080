"""Decides one committed partition after the other by a plan; many of them in several processes, one a core."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from multiprocessing.connection import wait
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.calibrations import load_calibration
from pairsift.adapters.evaluation_sets import load_evaluation_sets
from pairsift.adapters.memory import collect_rarely
from pairsift.adapters.results import count_verdicts, decision_rows
from pairsift.adapters.store.decisions import CommittedPartition, decide_attempt
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.rows import DecidedRow
from pairsift.adapters.stored import (
    Decided,
    calibrated_anew,
    stored_decided,
    stored_embeddings,
    stored_matches,
    stored_relative,
    stored_signals,
    stored_suspects,
    stored_table,
)
from pairsift.adapters.targets import load_target
from pairsift.core.calibration import Calibrated, references_basis
from pairsift.core.columns import Columns
from pairsift.core.deciding import PartitionDecision, calibratable, decide_partition
from pairsift.core.judgements import Judgements
from pairsift.core.judging import NamedCopies, PairTable
from pairsift.core.mismatch import BOOTSTRAP_SEED
from pairsift.core.policy import Policy
from pairsift.core.relative import (
    DECONTAMINATED,
    References,
    complete,
    decontaminated,
    frozen_pools,
    relative_identities,
    relative_signals,
)
from pairsift.core.selection import Pools
from pairsift.core.selects import Pool
from pairsift.core.signals import BASELINE_SIGNALS, CONSISTENCY, FUSION_MATCH, MASKED
from pairsift.errors import ConfigError

PAIRS_OF_A_PROCESS = 100_000
"""To start a process takes a second, in which it would decide about so many pairs."""
MOST_PROCESSES = 8
"""SQLite has one writer at a time: more of them would only wait."""


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A partition to decide: `sets` are those that it is decided under already, `target` is the one it is to be.

    Without a target nothing is stored. `copies` are those found in the data set, None to look within the partition.
    """

    part: CommittedPartition
    sets: Sequence[int]
    target: int | None
    copies: NamedCopies | None = None


@dataclass(frozen=True, slots=True)
class DecidingPlan:
    """How partitions are decided: `calibrations` are those of the known decision sets.

    `relatives` say what the relative signals of the known sets depend on (`relative_identities`); `target` is the
    target set's fingerprint, `evaluation_sets` are names with fingerprints, and `pools` are those of all partitions
    that are decided together. Without `writes` nothing is stored.
    """

    storage: Path
    policy: Policy
    score_fingerprint: str
    calibration: str | None
    target: str | None
    evaluation_sets: tuple[tuple[str, str], ...]
    calibrations: Mapping[int, str]
    relatives: Mapping[int, Mapping[str, str]]
    pools: Pools
    writes: bool

    @property
    def basis(self) -> str:
        """What decisions by it rest on, but for what other partitions say."""
        return references_basis(self.calibration, self.target, (each for _, each in self.evaluation_sets))


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """What was said of a partition's pairs, and what is said now; `known` if that had been decided before."""

    before: Judgements
    after: Judgements
    known: bool


@dataclass(frozen=True)
class Decider:
    """Decides partitions of one store by one plan."""

    engine: Engine
    plan: DecidingPlan

    def decide(self, task: Task) -> Outcome:
        """Decide a partition, unless it is decided under the target already, and append the decisions if planned."""
        part = task.part
        shown = stored_decided(self.engine, part, part.shown_decision_set_id)
        if task.target is not None and task.target in task.sets:
            same = task.target == part.shown_decision_set_id
            known = shown if same else stored_decided(self.engine, part, task.target)
            return Outcome(shown.judged, known.judged, known=True)
        made = self._made(task, shown)
        if task.target is not None and self.plan.writes:
            counts = count_verdicts(made.decisions.verdicts)
            mismatch = None if made.mismatch is None else asdict(made.mismatch)
            row = DecidedRow(part.attempt_id, task.target, counts, mismatch)
            decide_attempt(self.engine, row, decision_rows(made.decisions))
        return Outcome(shown.judged, Judgements(made.decisions.verdicts, made.decisions.reasons), known=False)

    def signals(self, part: CommittedPartition, sets: Sequence[int]) -> Columns:
        """Read what the policy's rules go by of a partition that is decided under some sets."""
        return self._completed(part, sets, stored_signals(self.engine, part, self.plan.policy))

    def table(self, part: CommittedPartition, sets: Sequence[int], copies: NamedCopies | None = None) -> PairTable:
        """Read all that the policy goes by of such a partition, in which `copies` are known, or are to be found."""
        table = stored_table(self.engine, self.plan.storage, part, self.plan.policy, copies)
        return replace(table, columns=self._completed(part, sets, table.columns))

    def _completed(self, part: CommittedPartition, sets: Sequence[int], columns: Columns) -> Columns:
        """Put relative signals beside what is stored with the pairs: from a set on the same basis, else computed."""
        known = self._known_relatives(sets)
        decided_in = known.pop(DECONTAMINATED, None)
        found = {name: stored_relative(self.engine, part, each, name) for name, each in known.items()}
        if found.keys() < self.plan.policy.relative:
            embedded = stored_embeddings(self.engine, self.plan.storage, part)
            eligible = calibratable(columns, embedded)
            found = relative_signals(self.plan.policy, self._references, embedded, eligible) | found
        return self._decontaminated(part, complete(columns, found), decided_in)

    def _known_relatives(self, sets: Sequence[int]) -> dict[str, int]:
        """Find for what compares pairs with reference sets one of the sets that holds the same, if there is one."""
        wanted = relative_identities(self.plan.policy, self.plan.basis)
        return {
            name: each
            for name, identity in wanted.items()
            for each in reversed(sets)
            if self.plan.relatives.get(each, {}).get(name) == identity
        }

    def _decontaminated(self, part: CommittedPartition, columns: Columns, decided_in: int | None) -> Columns:
        """Say which pairs are in an evaluation set: as a decision set says that holds the same, else compared anew."""
        policy = self.plan.policy
        if policy.decontaminate is None:
            return columns
        if decided_in is not None:
            return replace(columns, matches=stored_matches(self.engine, part, decided_in))
        suspects = stored_suspects(self.engine, self.plan.storage, part, policy.decontaminate)
        return decontaminated(policy, self._references, suspects, columns)

    def _made(self, task: Task, shown: Decided) -> PartitionDecision:
        table = self.table(task.part, task.sets, task.copies)
        require_measured(self.plan.policy, table, task.part.key)
        calibrated = self._calibrated(task.part, table.columns, task.sets, shown)
        generator = np.random.default_rng(BOOTSTRAP_SEED)
        return decide_partition(table, self.plan.policy, calibrated, self._pools, generator)

    @cached_property
    def _pools(self) -> Pools:
        """Give the values from beyond the partition that the policy's selection cuts by, if it does."""
        frozen = any(request.pool is Pool.CALIBRATION for request in self.plan.policy.pools)
        return {**self.plan.pools, **(frozen_pools(self.plan.policy, self._references) if frozen else {})}

    def _calibrated(
        self, part: CommittedPartition, columns: Columns, sets: Sequence[int], shown: Decided
    ) -> Calibrated:
        """Take z and p from a decision set of the same calibration, else compute them from the embeddings."""
        if self.plan.calibration is None:
            nothing = np.full(part.pairs, np.nan)
            return Calibrated(nothing, nothing)
        same = [each for each in sets if self.plan.calibrations.get(each) == self.plan.calibration]
        if part.shown_decision_set_id in same:
            return shown.calibrated
        if same:
            return stored_decided(self.engine, part, same[0]).calibrated
        return calibrated_anew(self.engine, self.plan.storage, part, columns, self._references.calibration)

    @cached_property
    def _references(self) -> References:
        """Load what pairs are compared with when it is asked for first."""
        plan = self.plan
        known, target = plan.calibration, plan.target
        return References(
            None if known is None else load_calibration(plan.storage, known, plan.score_fingerprint),
            None if target is None else load_target(plan.storage, target),
            load_evaluation_sets(plan.storage, plan.evaluation_sets),
        )


def decide_in_processes(decider: Decider, tasks: Sequence[Task], processes: int | None = None) -> Iterator[Outcome]:
    """Decide partitions and give the outcomes in their order, in as many processes as there is work and cores for.

    The first error ends it, when the partitions in hand are done.
    """
    pairs = sum(task.part.pairs for task in tasks)
    count = min(pairs // PAIRS_OF_A_PROCESS, len(os.sched_getaffinity(0)), MOST_PROCESSES)
    count = count if processes is None else processes
    if count < 2:
        yield from map(decider.decide, tasks)
        return
    url = decider.engine.url.render_as_string(hide_password=False)
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (url, decider.plan))
    try:
        yield from pool.map(_decide, tasks)
    finally:
        pool.shutdown(cancel_futures=True)


_REMEDIES = {FUSION_MATCH: "name a head in score.fusion", MASKED: "set score.mask_text to true"}


def require_measured(policy: Policy, table: PairTable, key: str) -> None:
    """Refuse (ConfigError) a policy that goes by signals which the partition's encoder did not measure of any pair."""
    for signal_name in sorted(policy.signals & frozenset({FUSION_MATCH, MASKED, CONSISTENCY, *BASELINE_SIGNALS})):
        absent = np.isnan(table.columns.numbers(signal_name)) & (table.columns.why_absent(signal_name) == 0)
        if table.columns.count > 0 and bool(absent.all()):
            remedy = _REMEDIES.get(signal_name, "set score.baseline to on")
            raise ConfigError(
                f"policy {policy.name!r} goes by {signal_name}, which was not measured in partition {key}: {remedy} "
                "and run the source again"
            )


_deciders: list[Decider] = []
"""The one of this process, if it is one of a pool: what the pool's initialiser makes can only be handed on so."""


def _begin(url: str, plan: DecidingPlan) -> None:
    """Open the store in a process of the pool, which ends with the process that started it, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all of them, and one tells it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    collect_rarely()
    _deciders.append(Decider(open_engine(url), plan))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)  # at once: its transaction is rolled back


def _decide(task: Task) -> Outcome:
    return _deciders[-1].decide(task)
