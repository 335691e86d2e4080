"""What a format is: how its files are known, opened, cut into partitions, and read."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from pairsift.adapters.sources.files import SourceFile
from pairsift.config import IngestConfig
from pairsift.core.records import Damage, PartitionSpec, ReadPair
from pairsift.errors import SourceError


class Source(Protocol):
    """Where pairs come from: one format, cut into partitions."""

    @property
    def format(self) -> str:
        """Name of the format in `FORMATS`."""

    @property
    def why(self) -> str:
        """What was found and why it is read in this format: one line for the operator."""

    @property
    def missing_days(self) -> tuple[date, ...]:
        """Those of the days asked for of which nothing is there, or not all that a range names."""

    def partitions(self, known: Mapping[str, Sequence[str]], config: IngestConfig) -> list[PartitionSpec]:
        """List the partitions in a fixed order; `known` are the members of those seen before, by key."""


@dataclass(frozen=True, slots=True)
class Listing:
    """The files that a source names; their names begin below `base`.

    `parts` are those that belong together, by what the names of these begin with: those of a day, if there are days.
    """

    base: str
    parts: Mapping[str, Sequence[SourceFile]]
    why: str
    missing_days: tuple[date, ...] = ()

    @property
    def files(self) -> list[SourceFile]:
        """All files, sorted by name, each once."""
        by_name = {file.name: file for files in self.parts.values() for file in files}
        return [by_name[name] for name in sorted(by_name)]


def nothing(_: str) -> bool:
    """Say of no file that it is read beside others."""
    return False


@dataclass(frozen=True, slots=True)
class Format:
    """One source format.

    `noun` names its files to the operator. `is_main` knows those that make a source of this format by their names, and
    `is_beside` what else it reads. `identify` says what one partition is now; without it only listing the source tells.
    """

    noun: str
    is_main: Callable[[str], bool]
    open: Callable[[Listing, IngestConfig], Source]
    read: Callable[[PartitionSpec, IngestConfig], Iterator[ReadPair | Damage]]
    identify: Callable[[PartitionSpec, IngestConfig], str] | None = None
    is_beside: Callable[[str], bool] = nothing


def refuse_twins(specs: Sequence[PartitionSpec]) -> list[PartitionSpec]:
    """Give the partitions back; SourceError where two files would be one partition."""
    by_key: dict[str, PartitionSpec] = {}
    for spec in specs:
        if spec.key in by_key:
            raise SourceError(
                f"{by_key[spec.key].uri} and {spec.uri} would both be partition {spec.key}: name one of them"
            )
        by_key[spec.key] = spec
    return list(specs)
