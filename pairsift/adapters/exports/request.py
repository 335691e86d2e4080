"""What an export is made of."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pairsift.adapters.chunks import ChunkData
from pairsift.core.deciding import Decision
from pairsift.core.records import IngestedPair, Verdict

FINGERPRINT_DIGITS = 16


@dataclass(frozen=True, slots=True, eq=False)
class ExportBatch:
    """One chunk's pairs, measurements and decisions, in the same order."""

    pairs: Sequence[IngestedPair]
    chunk: ChunkData
    decisions: Sequence[Decision]

    def kept(self) -> Iterator[int]:
        """Number the kept pairs within the batch."""
        return (n for n, decision in enumerate(self.decisions) if decision.verdict is Verdict.KEEP)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write, and where: files of one partition below `out`/`dataset`/`partition`.

    `batches` is called once a file, so that one chunk is in memory at a time. `fingerprint` is the export's;
    `models` are the fingerprints of the models by what they do. In the folder `scratch` files are made that are for an
    object store.
    """

    out: str
    dataset: str
    partition: str
    fingerprint: str
    formats: Sequence[str]
    batches: Callable[[], Iterable[ExportBatch]]
    scratch: Path
    models: Mapping[str, str] = field(default_factory=dict)
    policy: str = ""
    policy_version: int = 0

    @property
    def folder(self) -> str:
        """Name the export's own folder below the data set's: `<partition>/<16 digits>`."""
        return f"{self.partition}/{self.fingerprint[:FINGERPRINT_DIGITS]}"
