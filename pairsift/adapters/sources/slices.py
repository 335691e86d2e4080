"""Slices of a folder or a table: what is in them is stored at first sight, and what comes later makes new ones."""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from pairsift.adapters.sources.files import SourceFile, look_at, path_component
from pairsift.core.fingerprint import fingerprint
from pairsift.core.forgetting import hidden
from pairsift.core.records import PartitionSpec
from pairsift.errors import ContainerDamagedError, SourceChangedError, SourceError

SLICE = "-slice-"
"""Between a table's name and the number of its slice."""
UNREADABLE = "-unreadable"
"""After the name of a table that was unreadable when it was listed."""


@dataclass(frozen=True, slots=True)
class RowSlice:
    """Rows `start` up to, not including, `stop` of a table; stored as `START:STOP`."""

    key: str
    start: int
    stop: int

    @property
    def members(self) -> tuple[str, ...]:
        """What is stored of it."""
        return (f"{self.start}:{self.stop}",)


def known_slices(name: str, known: Mapping[str, Sequence[str]]) -> list[RowSlice]:
    """Find the slices of one table among those seen before, in order."""
    of_table = re.compile(rf"{re.escape(name + SLICE)}\d+")
    found = [RowSlice(key, *bounds(members)) for key, members in known.items() if of_table.fullmatch(key)]
    return sorted(found, key=lambda each: each.start)


def bounds(members: Sequence[str]) -> tuple[int, int]:
    """Read what is stored of a slice."""
    start, _, stop = members[0].partition(":")
    return int(start), int(stop)


def cut_rows(
    name: str, rows: Iterable[tuple[int, bytes]], known: Sequence[RowSlice], size: int
) -> list[tuple[RowSlice, str]]:
    """Cut rows (number and digest, in order) into the known slices, and those after them into new ones.

    With every slice comes a digest of the rows that are there of it.
    """
    stops = [each.stop for each in known]
    first_new = stops[-1] if stops else 0
    digests = [hashlib.sha256() for _ in known]
    total = first_new
    for number, digest in rows:
        is_new = number >= first_new
        place = len(known) + (number - first_new) // size if is_new else bisect_right(stops, number)
        digests.extend(hashlib.sha256() for _ in range(len(digests), place + 1))
        digests[place].update(digest)
        total = max(total, number + 1)
    starts = range(first_new, total, size)
    new = [
        RowSlice(f"{name}{SLICE}{n:05d}", start, min(start + size, total)) for n, start in enumerate(starts, len(known))
    ]
    return [(each, digest.hexdigest()) for each, digest in zip([*known, *new], digests, strict=True)]


def each_file(
    files: Sequence[SourceFile], source_format: str, cut: Callable[[SourceFile], list[PartitionSpec]]
) -> list[PartitionSpec]:
    """Cut every file into partitions; one that cannot be read is a partition that fails, and keeps back no other.

    SourceError where it is the only one.
    """
    specs: list[PartitionSpec] = []
    for file in files:
        try:
            specs += cut(file)
        except (SourceError, ContainerDamagedError) as error:
            if len(files) == 1:
                raise SourceError(str(error)) from error
            key = f"{path_component(file.name)}{UNREADABLE}"
            specs.append(PartitionSpec(key, file.uri, source_format, fingerprint([file.size, file.version])))
    return specs


def member_slices(
    start: str, members: Iterable[str], known: Mapping[str, Sequence[str]], size: int
) -> dict[str, Sequence[str]]:
    """Put the members that are in no known slice into new ones; `start` is what the keys of all begin with."""
    own = re.compile(rf"{re.escape(start)}\d+")
    slices: dict[str, Sequence[str]] = {key: there for key, there in known.items() if own.fullmatch(key)}
    assigned = {member for there in slices.values() for member in there}
    new = [member for member in members if member not in assigned and hidden(member) not in assigned]
    first = 1 + max((int(key.removeprefix(start)) for key in slices), default=-1)
    cuts = range(0, len(new), size)
    slices |= {f"{start}{first + n:05d}": tuple(new[cut : cut + size]) for n, cut in enumerate(cuts)}
    return {key: slices[key] for key in sorted(slices)}


def file_of(spec: PartitionSpec) -> SourceFile:
    """Look at the file of a slice; SourceChangedError where it is gone."""
    file = look_at(spec.uri)
    if file is None:
        raise SourceChangedError(f"{spec.uri} is gone since the source was listed: run again")
    return file


def refuse_unlisted(spec: PartitionSpec) -> None:
    """Raise SourceChangedError for a file that can be read, but could not when it was listed."""
    if spec.key.endswith(UNREADABLE):
        raise SourceChangedError(f"{spec.uri} could not be read when the source was listed, and can now: run again")
