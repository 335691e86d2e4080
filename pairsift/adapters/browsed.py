"""A data set's committed pairs in memory, by columns, so that a million of them are put in order in an instant."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import RLock

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Engine

from pairsift.adapters.comparing import ACTIVE, Advance, choose_sets, no_progress
from pairsift.adapters.store.columns import pair_columns
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    DecisionSetRow,
    committed_partitions,
    decision_sets,
    find_dataset,
    sets_deciding,
)
from pairsift.adapters.stored import stored_judged, stored_numbers
from pairsift.adapters.viewed import DECIDED, PairColumns, Recent, View
from pairsift.core.arrays import Flags, Floats, Integers
from pairsift.core.browsing import Places, Wanted, matching
from pairsift.core.differences import Change, find_differences, mark_changes
from pairsift.core.duplicates import Bytes, to_bytes
from pairsift.core.judgements import Judgements, reason_code
from pairsift.core.records import Reason
from pairsift.core.signals import NUMBERS
from pairsift.errors import ConfigError

LOOK_EVERY_S = 2.0
"""How often at most the store is asked whether anything was committed or decided meanwhile."""
MOST_VIEWS, MOST_TEXTS = 4, 24
"""What is remembered, of some 60 and of 1 byte a pair."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which pairs are asked for, and in which order: `text` is in key or caption, from `against` they differ.

    `change` is what became of them from `against` to the set that is looked at.
    """

    wanted: Wanted
    text: str = ""
    sort: str | None = None
    descending: bool = True
    against: str = ""
    change: Change | None = None


class Browsed:
    """The pairs of one data set, read anew where something was committed or decided meanwhile."""

    def __init__(self, engine: Engine, dataset: str, clock: Callable[[], float] = time.monotonic) -> None:
        self.engine, self.dataset = engine, dataset
        self.dataset_id = find_dataset(engine, dataset)
        self._clock, self._looked, self._lock = clock, -LOOK_EVERY_S, RLock()
        self._views, self._texts = Recent(MOST_VIEWS), Recent(MOST_TEXTS)
        self._parts: Sequence[CommittedPartition] = ()
        self._deciding: Mapping[int, Sequence[int]] = {}
        self._sets: Sequence[DecisionSetRow] = ()
        self._columns = Recent(1)
        self._last: PairColumns | None = None

    def sets(self) -> Sequence[DecisionSetRow]:
        """List the data set's decision sets, the oldest first."""
        with self._lock:
            self._look()
            return self._sets

    def view(self, name: str = ACTIVE, advance: Advance = no_progress) -> View:
        """Give the pairs as a decision set has them, named as `choose_sets` asks; ConfigError if there is none."""
        with self._lock:
            self._look()
            known, parts, deciding = self._sets, self._parts, self._deciding
        chosen = choose_sets(known, name)
        named = [(part, chosen.of(part, deciding[part.attempt_id])) for part in parts]
        sets = {part.attempt_id: found.id for part, found in named if found is not None}
        if not sets:
            raise ConfigError(f"no committed partition is decided under {chosen.newest}")
        attempts = tuple(part.attempt_id for part in parts)
        columns = self._columns.get_or_make(attempts, lambda: self._read_columns(parts, advance))
        key = (chosen.newest.id, tuple(sets.items()), attempts)
        return self._views.get_or_make(key, lambda: _read_view(self.engine, parts, columns, (chosen.newest, sets)))

    def choose(self, view: View, asked: Chosen) -> Integers:
        """Give the places of the pairs that are asked for, in their order."""
        against = self.view(asked.against) if asked.against else None
        key = (asked, None if against is None else tuple(against.sets.items()))
        return view.remember(key, lambda: self._choose(view, asked, against))

    def compare(self, before: View, after: View) -> dict[Change, dict[Reason, int]]:
        """Count what changes from one decision set to another, of the pairs that both decide, the frequent first."""
        key = ("compared", before.shown.id, tuple(before.sets.items()))
        return after.remember(key, lambda: _compare(before, after))

    def _choose(self, view: View, asked: Chosen, against: View | None) -> Integers:
        wanted = asked.wanted
        if against is not None and asked.change is Change.NEWLY_KEPT:
            wanted = Wanted(wanted.verdict, None, wanted.partition)  # the reason is then the one it had before
        marked = view.decided & matching(view.places, view.judged, wanted)
        if asked.text:
            marked &= self._with_text(view.columns, asked.text.casefold())
        if against is not None:
            marked &= against.decided & _changed(view, against, asked)
        if asked.sort is None:
            return np.flatnonzero(marked)
        order = view.order(asked.sort, descending=asked.descending)
        return order[marked[order]]

    def _with_text(self, columns: PairColumns, text: str) -> Flags:
        key = (columns.places.attempts, text)
        return self._texts.get_or_make(key, lambda: pc.match_substring(columns.texts, text).to_numpy())

    def _look(self) -> None:
        """Ask the store what stands committed and decided, unless that was asked just now."""
        if self._clock() - self._looked < LOOK_EVERY_S:
            return
        self._parts = committed_partitions(self.engine, self.dataset_id)
        self._deciding = sets_deciding(self.engine, [part.attempt_id for part in self._parts])
        self._sets = decision_sets(self.engine, self.dataset_id)
        self._looked = self._clock()

    def _read_columns(self, parts: Sequence[CommittedPartition], advance: Advance) -> PairColumns:
        """Read what belongs to no decision set, of the partitions that were not read before."""
        self._last = _joined(self.engine, parts, self._last, advance)
        return self._last


def _read_view(
    engine: Engine,
    parts: Sequence[CommittedPartition],
    columns: PairColumns,
    shown: tuple[DecisionSetRow, Mapping[int, int]],
) -> View:
    newest, sets = shown
    read = [_decisions(engine, part, sets.get(part.attempt_id)) for part in parts]
    decided = np.repeat([part.attempt_id in sets for part in parts], [part.pairs for part in parts])
    verdicts, reasons = (np.concatenate([getattr(each, name) for each, _ in read]) for name in ("verdicts", "reasons"))
    numbers = {name: np.concatenate([each[name] for _, each in read]) for name in DECIDED}
    return View(columns, newest, sets, decided, Judgements(verdicts, reasons), numbers)


def _compare(before: View, after: View) -> dict[Change, dict[Reason, int]]:
    both = np.flatnonzero(before.decided & after.decided)
    found = find_differences(before.judged.at(both), after.judged.at(both))
    ordered = sorted(found.items(), key=lambda each: (-each[1].count, each[0]))
    return {change: {kind[1]: each.count for kind, each in ordered if kind[0] is change} for change in Change}


def _changed(view: View, against: View, asked: Chosen) -> Flags:
    """Mark the pairs of which two decision sets differ in a way, in any way where none is named."""
    changes = mark_changes(against.judged, view.judged)
    marked = np.zeros(len(view.places), dtype=np.bool_)
    for change, (flags, reasons) in changes.items():
        if asked.change in (None, change):
            reason = asked.wanted.reason if change is Change.NEWLY_KEPT else None
            marked |= flags if reason is None else flags & (reasons == reason_code(reason))
    return marked


def _joined(
    engine: Engine, parts: Sequence[CommittedPartition], before: PairColumns | None, advance: Advance
) -> PairColumns:
    known = {} if before is None else {attempt: n for n, attempt in enumerate(before.places.attempts)}
    read = [
        _columns(engine, part, advance) if before is None or part.attempt_id not in known
        else _slice(before, known[part.attempt_id])
        for part in parts
    ]  # fmt: skip
    return PairColumns(
        Places(
            tuple(part.key for part in parts),
            tuple(part.attempt_id for part in parts),
            (0, *np.cumsum([part.pairs for part in parts]).tolist()),
        ),
        {name: np.concatenate([numbers[name] for numbers, _, _ in read]) for name in NUMBERS},
        np.concatenate([uids for _, uids, _ in read]),
        pa.chunked_array([texts for _, _, texts in read], pa.large_string()),
    )


Part = tuple[Mapping[str, Floats], Bytes, pa.Array]


def _slice(before: PairColumns, number: int) -> Part:
    here = slice(*before.places.starts[number : number + 2])
    return (
        {name: values[here] for name, values in before.numbers.items()},
        before.uids[here],
        before.texts.chunk(number),
    )


def _columns(engine: Engine, part: CommittedPartition, advance: Advance) -> Part:
    rows = pair_columns(engine, part.attempt_id, ["uid", "key", "caption", "raw_caption"])
    texts = [f"{key}\n{caption or raw or ''}".casefold() for _, key, caption, raw in rows]
    read = stored_numbers(engine, part, NUMBERS), to_bytes([row[0] for row in rows]), pa.array(texts, pa.large_string())
    advance()
    return read


def _decisions(
    engine: Engine, part: CommittedPartition, decision_set_id: int | None
) -> tuple[Judgements, dict[str, Floats]]:
    if decision_set_id is None:
        nothing = np.zeros(part.pairs, dtype=np.uint8)
        return Judgements(nothing, nothing), {name: np.full(part.pairs, np.nan) for name in DECIDED}
    judged, values = stored_judged(engine, part, decision_set_id, list(DECIDED.values()))
    return judged, dict(zip(DECIDED, values, strict=True))
