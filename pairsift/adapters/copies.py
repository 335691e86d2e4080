"""Finds the copies in a whole data set: partition after partition into arrays, its embeddings into a file, then all."""

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sqlalchemy import Engine

from pairsift.adapters.durable import needing_room
from pairsift.adapters.results import pair_name
from pairsift.adapters.store.decisions import CommittedPartition
from pairsift.adapters.stored import (
    stored_copies,
    stored_decided,
    stored_embeddings,
    stored_hashes,
    stored_keys,
    stored_pictures,
    stored_uids,
)
from pairsift.core.arrays import Flags, Integers
from pairsift.core.columns import Columns
from pairsift.core.duplicates import Bytes, Compared, Copies, beyond_partitions, find_copies, no_copies, to_bytes
from pairsift.core.judgements import KEEP, SELECTED_OUT, Judgements, reason_code
from pairsift.core.judging import NamedCopies, judge_by_rules
from pairsift.core.policy import Policy
from pairsift.core.semantic_copies import ALL_WITH_ALL, Embeddings

ReadSignals = Callable[[], Columns]
"""Reads the signals of one attempt that a policy's rules go by."""

LEFT_OUT = [reason_code(reason) for reason in SELECTED_OUT]


@dataclass(frozen=True, slots=True)
class Known:
    """An attempt's decisions under a set; `settled` where they tell of copies as the policy at work does."""

    part: CommittedPartition
    decision_set_id: int
    settled: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A partition whose pairs are compared with those of the others.

    It is decided now unless `known` says what stands in it. `before` are settled decisions of an earlier attempt at it:
    who stood then does not fall if it is decided now. `embedded` unless another encoder made its embeddings.
    """

    part: CommittedPartition
    known: Known | None = None
    before: Known | None = None
    embedded: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class DatasetCopies:
    """What was found, by attempt: of partitions decided now with copies in others, and of known ones that change.

    Where a policy shares pools, of all that are decided now.
    """

    found: dict[int, NamedCopies]
    changed: dict[int, NamedCopies]


@dataclass(frozen=True, slots=True, eq=False)
class _Gathered:
    """All that the members' pairs are compared by; member n has the rows `starts[n]` to `starts[n + 1]`."""

    members: Sequence[Member]
    starts: Integers
    compared: Compared

    def rows(self, number: int) -> slice:
        return slice(int(self.starts[number]), int(self.starts[number + 1]))


def find_dataset_copies(
    engine: Engine, storage: Path, policy: Policy, members: Sequence[Member], signals: Mapping[int, ReadSignals]
) -> DatasetCopies:
    """Find the copies among the pairs of all members, which are in the order of their keys."""
    uids = [stored_uids(engine, member.part) for member in members]
    replaced = any(member.before is not None for member in members)  # and keepers may be gone
    if policy.duplicates.exact_only and not policy.shares_pools and not replaced:
        sharing = np.flatnonzero(_share_uids(uids)).tolist()  # the others do not matter to each other
        members, uids = [members[n] for n in sharing], [uids[n] for n in sharing]
    gathered = _gather(engine, policy, members, uids)
    _judge(engine, policy, gathered, signals)
    with _embedded(engine, storage, policy, gathered) as gathered:
        copies = find_copies(gathered.compared, policy.duplicates)
    return _name(engine, policy, gathered, copies)


def _share_uids(uids: Sequence[Bytes]) -> Flags:
    """Mark the partitions that have a uid which another one has too."""
    lengths = [len(each) for each in uids]
    words = np.concatenate([np.empty(0, "S32"), *uids]).astype("S32").view(np.uint64).reshape(-1, 4)
    keys = words[:, 0]
    for part in words.T[1:]:
        keys = keys * np.uint64(0x9E3779B97F4A7C15) ^ part  # of 64 bits; equal by chance does no harm
    order = np.argsort(keys, kind="stable")
    partitions = np.repeat(np.arange(len(uids)), lengths)[order]
    alike = (keys[order][1:] == keys[order][:-1]) & (partitions[1:] != partitions[:-1])
    shares = np.zeros(len(uids), dtype=np.bool_)
    shares[partitions[1:][alike]] = shares[partitions[:-1][alike]] = True
    return shares


def _gather(engine: Engine, policy: Policy, members: Sequence[Member], uids: Sequence[Bytes]) -> _Gathered:
    """Read what all members are compared by, but for embeddings."""
    starts = np.cumsum([0, *map(len, uids)])
    count, duplicates = int(starts[-1]), policy.duplicates
    pictures = [stored_pictures(engine, each.part) for each in members] if duplicates.placeholders else []
    hashes = [stored_hashes(engine, each.part) for each in members] if duplicates.near else []
    compared = Compared(
        uids=np.concatenate([np.empty(0, "S1"), *uids]),
        candidates=np.zeros(count, dtype=np.bool_),
        partitions=np.repeat(np.arange(len(members)), np.diff(starts)),
        ordinals=np.arange(count) - np.repeat(starts[:-1], np.diff(starts)),
        settled=np.zeros(count, dtype=np.bool_),
        earlier=no_copies(count),
        pictures=np.concatenate([np.empty(0, "S1"), *pictures]),
        hashes=np.concatenate([np.empty(0, np.uint64), *(each for each, _ in hashes)]),
        hashed=np.concatenate([np.empty(0, np.bool_), *(there for _, there in hashes)]),
        embeddings=np.empty((0, 0), np.float16),
    )
    return _Gathered(members, starts, compared)


def _judge(engine: Engine, policy: Policy, gathered: _Gathered, signals: Mapping[int, ReadSignals]) -> None:
    """Fill in who counts, who stands by earlier decisions, and who fell by them beside whom."""
    compared = gathered.compared
    fallen, keepers = [np.empty(0, np.int64)], [np.empty(0, "S1")]
    for number, member in enumerate(gathered.members):
        rows = gathered.rows(number)
        if member.known is None:
            judged = judge_by_rules(signals[member.part.attempt_id](), policy)
            compared.candidates[rows] = judged.verdicts == KEEP
            compared.settled[rows] = _stood_before(engine, member, compared.uids[rows]) & compared.candidates[rows]
            continue
        compared.settled[rows] = _survived(stored_decided(engine, member.part, member.known.decision_set_id).judged)
        compared.candidates[rows] |= compared.settled[rows]
        if member.known.settled:
            fell = _fallen(stored_copies(engine, member.part, member.known.decision_set_id))
            compared.candidates[rows.start + fell.places] = True
            compared.earlier.reasons[rows.start + fell.places] = fell.reasons
            fallen.append(rows.start + fell.places)
            keepers.append(to_bytes(fell.groups.tolist()))
    _lead(compared, np.concatenate(fallen), np.concatenate(keepers))


def _fallen(copies: NamedCopies) -> NamedCopies:
    fell = copies.reasons > 0
    return NamedCopies(copies.places[fell], copies.reasons[fell], copies.groups[fell], copies.keepers[fell])


def _survived(judged: Judgements) -> Flags:
    return np.asarray((judged.verdicts == KEEP) | np.isin(judged.reasons, LEFT_OUT), dtype=np.bool_)


def _stood_before(engine: Engine, member: Member, uids: Bytes) -> Flags:
    """Mark the first pair of each uid that stood in the partition by the decisions on an earlier attempt at it."""
    stood = np.zeros(len(uids), dtype=np.bool_)
    if member.before is not None:
        survived = _survived(stored_decided(engine, member.before.part, member.before.decision_set_id).judged)
        known = stored_uids(engine, member.before.part)[survived]
        firsts = np.unique(uids, return_index=True)[1]
        stood[firsts] = np.isin(uids[firsts], known)
    return stood


def _lead(compared: Compared, fallen: Integers, keepers: Bytes) -> None:
    """Fill in beside whom pairs fell: the first settled pair of the uid that names their group."""
    settled = np.flatnonzero(compared.settled)
    uids, firsts = np.unique(compared.uids[settled], return_index=True)
    if not len(uids):
        return
    found = np.minimum(np.searchsorted(uids, keepers), len(uids) - 1)
    known = uids[found] == keepers
    compared.earlier.groups[fallen[known]] = settled[firsts[found[known]]]


@contextmanager
def _embedded(engine: Engine, storage: Path, policy: Policy, gathered: _Gathered) -> Iterator[_Gathered]:
    """Add the embeddings where they are compared; they are gone when this is left."""
    if policy.duplicates.semantic is None:
        yield gathered
        return
    with _embeddings(engine, storage, gathered) as embeddings:
        yield replace(gathered, compared=replace(gathered.compared, embeddings=embeddings))


@contextmanager
def _embeddings(engine: Engine, storage: Path, gathered: _Gathered) -> Iterator[Embeddings]:
    """Put the embeddings of the members' images into a file without a name, which is gone however this process ends."""
    folder = storage / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    sizes = (_image_embeddings(engine, storage, each).shape[1] for each in gathered.members)
    size = next((size for size in sizes if size), 1)
    with needing_room(folder), tempfile.TemporaryFile(dir=folder) as file:
        for member in gathered.members:
            image = _image_embeddings(engine, storage, member)
            file.write((image if image.size else np.zeros((member.part.pairs, size), np.float16)).tobytes())
        file.flush()
        shape = (int(gathered.starts[-1]), size)
        yield np.memmap(file, np.float16, "r", shape=shape) if shape[0] else np.empty(shape, np.float16)


def _image_embeddings(engine: Engine, storage: Path, member: Member) -> Embeddings:
    if not member.embedded:
        return np.empty((0, 0), np.float16)
    return stored_embeddings(engine, storage, member.part).image.astype(np.float16)


def _name(engine: Engine, policy: Policy, gathered: _Gathered, copies: Copies) -> DatasetCopies:
    """Name what was found of the members that it matters to."""
    compared = gathered.compared
    beyond = beyond_partitions(copies, compared.partitions)
    # Beyond that many semantic copies are found otherwise than within a partition: what this comparison says counts.
    clustered = policy.duplicates.semantic is not None and len(compared.uids) > ALL_WITH_ALL
    every = clustered or policy.shares_pools
    other = (copies.reasons != compared.earlier.reasons) & compared.candidates
    found, changed = [], []
    for number, member in enumerate(gathered.members):
        rows = gathered.rows(number)
        if member.known is None and (every or bool(beyond[rows].any())):
            found.append(number)
        if member.known is not None and member.known.settled and bool(other[rows].any()):
            changed.append(number)
    names = _keeper_names(engine, gathered, copies, [*found, *changed])
    named = {number: _named(gathered, number, copies, names) for number in (*found, *changed)}
    attempts = [member.part.attempt_id for member in gathered.members]
    return DatasetCopies({attempts[n]: named[n] for n in found}, {attempts[n]: named[n] for n in changed})


def _keeper_names(engine: Engine, gathered: _Gathered, copies: Copies, numbers: Sequence[int]) -> dict[int, str]:
    """Name the keepers, by row, of the pairs of some members."""
    keepers = copies.keepers
    wanted = np.unique(np.concatenate([np.empty(0, np.int64), *(keepers[gathered.rows(n)] for n in numbers)]))
    wanted = wanted[wanted >= 0]
    names: dict[int, str] = {}
    for number in np.unique(gathered.compared.partitions[wanted]).tolist():
        part = gathered.members[number].part
        keys = stored_keys(engine, part)
        start = int(gathered.starts[number])
        here = wanted[gathered.compared.partitions[wanted] == number].tolist()
        names |= {row: pair_name(part.key, keys[row - start]) for row in here}
    return names


def _named(gathered: _Gathered, number: int, copies: Copies, names: dict[int, str]) -> NamedCopies:
    rows = gathered.rows(number)
    places = np.flatnonzero(copies.groups[rows] >= 0)
    groups = gathered.compared.uids[copies.groups[rows][places]]
    keepers = copies.keepers[rows][places].tolist()
    return NamedCopies(
        places,
        copies.reasons[rows][places],
        np.array([uid.decode() for uid in groups.tolist()], dtype=np.object_),
        np.array([names.get(keeper) for keeper in keepers], dtype=np.object_),
    )
