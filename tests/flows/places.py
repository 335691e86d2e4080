"""Where a command works and what it leaves there: what no disturbance may change, and what must not be there."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Engine

from pairsift.adapters.checking import check
from pairsift.adapters.store.engine import open_engine
from tests.flows.commands import found
from tests.flows.running import files_of, lineage
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import cut


@dataclass(frozen=True)
class Results:
    """The committed rows, but ids, times, places and runs, and the exported files."""

    rows: list[tuple[Any, ...]]
    files: dict[str, bytes]


@dataclass(frozen=True)
class Place:
    """Where a command keeps what it makes."""

    storage: Path
    url: str

    @contextmanager
    def store(self) -> Iterator[Engine]:
        engine = open_engine(self.url)
        try:
            yield engine
        finally:
            engine.dispose()

    def results(self) -> Results:
        with self.store() as store:
            return Results(lineage(store), files_of(self.storage / "exports"))

    def count(self, query: str) -> int:
        with self.store() as store:
            return found(store, query)

    def flaws(self) -> list[str]:
        """Say what is wrong: what `check` finds, pairs that are there twice, scratch that was left."""
        with self.store() as store:
            flaws = [
                f"{problem.problem}: {problem.where}" for problem in check(store, self.storage, repair=False).problems
            ]
            doubled = found(store, "SELECT count(*) FROM pair") - found(store, "SELECT count(*) FROM pair_lineage")
        flaws += [f"{doubled} rows of pairs too many"] if doubled else []
        return flaws + [f"scratch left: {name}" for name in files_of(self.storage / "scratch")]


def place(folder: Path) -> Place:
    """Name a storage folder, with its default database, below a folder of its own."""
    return Place(folder / "storage", f"sqlite:///{folder}/storage/pairsift.db")


def command_over(folder: Path, shards: Mapping[str, Iterable[int]], chunk_pairs: int = 2) -> tuple[str, ...]:
    """Cut shards from the sample; give the arguments of the command that curates them in small chunks."""
    for name, keys in shards.items():
        cut(folder / "shards" / f"{name}.tar", keys)
    config = folder / "config.yaml"
    values = {"policy": str(fixed_cut(folder)), "chunk_pairs": chunk_pairs, "export": {"formats": ["shard"]}}
    config.write_text(yaml.safe_dump(values))
    return ("run", str(folder / "shards"), "--config", str(config), "--json")
