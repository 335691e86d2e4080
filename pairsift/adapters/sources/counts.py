"""What was written beside a shard about the pairs in it, held against what was found."""

import json
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

from pairsift.adapters.sources.compressed import tar_stem
from pairsift.adapters.sources.files import open_stream
from pairsift.adapters.sources.parquet_cells import as_values, columns_of, read_rows
from pairsift.core.records import Damage
from pairsift.core.source_columns import name_of
from pairsift.errors import ContainerDamagedError, SourceError

SHOWN_KEYS = 3


@dataclass(frozen=True, slots=True)
class Expected:
    """How many pairs a file says a shard has, and their keys if it names them."""

    pairs: int
    says: str
    keys: Collection[str] = field(default_factory=frozenset)


def expected_pairs(uri: str) -> list[Expected]:
    """Read what lies beside a shard: img2dataset's `_stats.json` and parquet, DataComp's `sizes.json`.

    A file that is not there or says nothing of it is left out.
    """
    return [found for found in (_by_stats(uri), _by_sizes(uri), _by_sidecar(uri)) if found is not None]


def compare(expected: Collection[Expected], keys: Collection[str], damage: Damage | None) -> list[Damage]:
    """Say what a shard has lost by the largest count beside it; a count that is exceeded is another shard's.

    `keys` are those of the pairs found, one each.
    """
    if not expected:
        return [] if damage is None else [damage]
    most = max(expected, key=lambda each: each.pairs)
    lost = max(most.pairs - len(keys), 0)
    named = next((each for each in expected if each.keys), None)
    missing = sorted(set(named.keys) - set(keys)) if named else []
    examples = f", such as {', '.join(missing[:SHOWN_KEYS])}" if missing else ""
    if damage is not None:
        return [replace(damage, message=damage.message + examples, lost_pairs=lost)]
    if lost:
        what = f"the shard ends whole with {len(keys)} pairs, but its {most.says} counts {most.pairs}{examples}"
        hint = "fetch the shard again, or remove that file if pairs were taken out on purpose"
        return [Damage(f"{what}: {hint}", 0, lost)]
    wrong = [each for each in expected if each.pairs < len(keys)]
    return [Damage(f"its {each.says} counts {each.pairs} pairs, but {len(keys)} are there", 0, 0) for each in wrong]


def _by_stats(uri: str) -> Expected | None:
    successes = _number(_load(f"{tar_stem(uri)}_stats.json"), "successes")
    return None if successes is None else Expected(successes, "_stats.json")


def _by_sizes(uri: str) -> Expected | None:
    folder, _, name = uri.rpartition("/")
    size = _number(_load(f"{folder}/sizes.json"), name)
    return None if size is None else Expected(size, "sizes.json")


def _by_sidecar(uri: str) -> Expected | None:
    """Count the rows of img2dataset's parquet that were downloaded: it has one a URL, failures too."""
    try:
        keys = list(_downloaded(f"{tar_stem(uri)}.parquet"))
    except (FileNotFoundError, ContainerDamagedError, SourceError):
        return None
    return Expected(len(keys), ".parquet", frozenset(keys)) if keys else None


def _downloaded(sidecar: str) -> Iterator[str]:
    seen = columns_of(sidecar)
    if not {"key", "status"} <= seen.keys():
        return
    for rows in read_rows(sidecar, ["key", "status"]):
        if isinstance(rows, Damage):
            raise ContainerDamagedError(f"{sidecar}: {rows.message}")
        keys, status = (as_values(rows.columns[name]) for name in ("key", "status"))
        yield from (name_of(key) or "" for key, said in zip(keys, status, strict=True) if said == "success")


def _load(uri: str) -> object:
    try:
        with open_stream(uri) as stream:
            return json.load(stream)
    except (OSError, ValueError, RecursionError):
        return None


def _number(said: object, name: str) -> int | None:
    number = said.get(name) if isinstance(said, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None
