"""The kept pairs of a data set, with where their bytes lie: what models may learn from."""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Engine

from pairsift.adapters.store.tables import dataset, decision, pair
from pairsift.adapters.store.views import select_lineage

ROWS_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class KeptPair:
    """One kept pair: where its image lies and that image's sha256, and the caption as it was scored."""

    uid: str
    key: str
    uri: str
    offset: int
    size: int
    image_sha256: str
    caption: str


def kept_pairs(engine: Engine, dataset_name: str) -> Iterator[KeptPair]:
    """Give the pairs that a data set keeps under the verdicts it shows; a thousand at a time in memory."""
    place = (pair.c.source_uri, pair.c.byte_offset, pair.c.byte_size)
    query = (
        select_lineage()
        .with_only_columns(
            pair.c.uid, pair.c.key, *place, pair.c.image_sha256, pair.c.caption, maintain_column_froms=True
        )
        .where(dataset.c.name == dataset_name, decision.c.verdict == "keep")
    )
    with engine.connect().execution_options(yield_per=ROWS_AT_ONCE) as connection, connection.execute(query) as rows:
        for row in rows:
            yield KeptPair(*row)
