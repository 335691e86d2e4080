"""Pairs of a source for commands that read it themselves: without those that were taken down, which are counted."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from pairsift.adapters.sources import open_source, pairs_of
from pairsift.adapters.store.engine import open_existing
from pairsift.adapters.store.tombstones import load_tombstones
from pairsift.config import IngestConfig
from pairsift.core.forgetting import is_forgotten
from pairsift.core.ingesting import identify
from pairsift.core.records import PartitionSpec, ReadPair


@dataclass(slots=True)
class Takedowns:
    """What was taken down, by its tombstones, and how many pairs were `left_out` for it so far."""

    tombstones: Collection[str] = frozenset()
    left_out: int = 0


def find_takedowns(url: str) -> Takedowns:
    """Look up what was taken down: nothing where there is no database yet, and none is made."""
    engine = open_existing(url)
    if engine is None:
        return Takedowns()
    try:
        return Takedowns(load_tombstones(engine))
    finally:
        engine.dispose()


def remaining_pairs(spec: PartitionSpec, config: IngestConfig, takedowns: Takedowns) -> Iterator[ReadPair]:
    """Read the pairs of one partition but those that were taken down, as if the source did not have them."""
    for found in pairs_of(spec, config):
        if takedowns.tombstones and _was_taken_down(found, takedowns.tombstones):
            takedowns.left_out += 1
        else:
            yield found


def remaining_of(source: str, config: IngestConfig, takedowns: Takedowns) -> Iterator[ReadPair]:
    """Read the pairs of all partitions of a source but those that were taken down."""
    for spec in open_source(source, config=config).partitions({}, config):
        yield from remaining_pairs(spec, config, takedowns)


def _was_taken_down(found: ReadPair, tombstones: Collection[str]) -> bool:
    named = identify(0, found, max_caption_bytes=0)  # the uid is that of the whole caption, however little is kept
    return is_forgotten(named.uid, named.image_sha256, tombstones)
