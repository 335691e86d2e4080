"""What was taken down is left out of what a command reads of a source itself, as if the source did not have it."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from pairsift.adapters.remaining import Takedowns, find_takedowns, remaining_pairs
from pairsift.adapters.sampling import Wanted, draw_sample
from pairsift.adapters.sources import open_source
from pairsift.adapters.store.engine import open_engine
from pairsift.adapters.store.tombstones import load_tombstones
from pairsift.config import IngestConfig, RunConfig
from pairsift.core.forgetting import Named
from pairsift.errors import StoreError
from tests.taken_down import take_down
from tests.tasks.shards import cut, pairs_of, write_shard

INGEST = IngestConfig()


def keys_of(shard: Path, takedowns: Takedowns) -> list[str]:
    (spec,) = open_source(str(shard)).partitions({}, INGEST)
    return [found.pair.key for found in remaining_pairs(spec, INGEST, takedowns)]


@pytest.mark.parametrize("kind", Named)
def test_a_pair_that_was_taken_down_is_left_out_and_counted(engine: Engine, tmp_path: Path, kind: Named):
    take_down(engine, 2, kind)
    takedowns = find_takedowns(str(engine.url))

    keys = keys_of(cut(tmp_path / "a.tar", (1, 2, 3)), takedowns)

    assert (keys, takedowns.left_out) == (["000000001", "000000003"], 1)


@pytest.mark.parametrize(("kind", "left_out"), [(Named.PAIR, 0), (Named.IMAGE, 1)])
def test_under_another_caption_only_the_picture_is_known(engine: Engine, tmp_path: Path, kind: Named, left_out: int):
    take_down(engine, 2, kind)
    (members,) = pairs_of([2]).values()
    shard = write_shard(tmp_path / "a.tar", {"other": {**members, "txt": b"another caption"}})
    takedowns = find_takedowns(str(engine.url))

    keys = keys_of(shard, takedowns)

    assert (len(keys), takedowns.left_out) == (1 - left_out, left_out)


def test_a_sample_is_that_of_a_source_without_it(engine: Engine, tmp_path: Path):
    whole, without = cut(tmp_path / "a" / "a.tar", range(1, 7)), cut(tmp_path / "b" / "a.tar", (1, 3, 4, 5, 6))
    wanted = Wanted(10, seed=0, english_only=True)
    take_down(engine, 2, Named.PAIR)

    found = draw_sample(str(whole), RunConfig(), wanted, find_takedowns(str(engine.url)))

    assert found == draw_sample(str(without), RunConfig(), wanted, Takedowns())
    assert found.read == 5


def test_where_there_is_no_database_nothing_was_taken_down_and_none_is_made(tmp_path: Path):
    takedowns = find_takedowns(f"sqlite:///{tmp_path / 'storage' / 'pairsift.db'}")

    assert takedowns == Takedowns()
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_gets_none(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'pairsift.db'}"
    (tmp_path / "pairsift.db").touch()

    takedowns = find_takedowns(url)

    empty = open_engine(url)
    assert takedowns == Takedowns()
    assert inspect(empty).get_table_names() == []
    empty.dispose()


def test_a_database_of_another_version_is_refused(engine: Engine):
    with engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0016'")

    with pytest.raises(StoreError, match="run `pairsift db upgrade`"):
        find_takedowns(str(engine.url))


def test_looking_up_gives_all_tombstones(engine: Engine):
    take_down(engine, 2, Named.PAIR)
    take_down(engine, 3, Named.IMAGE)

    assert find_takedowns(str(engine.url)) == Takedowns(load_tombstones(engine))
    assert len(load_tombstones(engine)) == 2
