"""What `status` says of sizes."""

from sqlalchemy import Engine

from pairsift.adapters.store.registry import register_partitions
from pairsift.adapters.store.sizes import measure_store
from pairsift.core.records import PartitionSpec
from tests.adapters.store.lives import live, prepare


def test_an_empty_store_says_nothing_of_what_is_to_come(engine: Engine):
    prepare(engine)

    stored = measure_store(engine)

    assert (stored.pairs, stored.rows, stored.chunks_bytes, stored.exports_bytes) == (0, 0, 0, 0)
    assert (stored.partitions_to_come, stored.pairs_to_come, stored.bytes_to_come) == (1, None, None)
    assert stored.database_bytes > 100_000


def test_sizes_are_those_of_the_ledgers_and_what_is_to_come_is_as_what_came(engine: Engine):
    live(engine, "cats", dropped=0)
    live(engine, "cats", dropped=2)
    others = [PartitionSpec(f"shard-{n}", f"file:///data/shard-{n}.tar", "webdataset", f"input-{n}") for n in (1, 2)]
    register_partitions(engine, prepare(engine).dataset_id, others)

    stored = measure_store(engine)

    assert (stored.pairs, stored.rows) == (6, 12)
    assert (stored.chunks_bytes, stored.exports_bytes) == (2 * 4096, 4 * 1000)
    assert (stored.partitions_to_come, stored.pairs_to_come) == (2, 12)
    per_pair = (stored.database_bytes + stored.chunks_bytes + stored.exports_bytes) / 12
    assert stored.bytes_per_pair == per_pair
    assert stored.bytes_to_come == round(12 * per_pair)
