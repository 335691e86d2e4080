"""What was taken down is counted where it is read, and nothing of it is stored."""

from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from pairsift.adapters.chunks import read_chunk
from pairsift.adapters.store.engine import writing
from pairsift.adapters.store.tables import attempt, pair, partition
from pairsift.adapters.store.views import pair_lineage
from pairsift.config import PartitionJob
from pairsift.core.forgetting import FORGOTTEN_KEY, FORGOTTEN_UID, Named, hidden, tombstone
from pairsift.core.records import Reason
from pairsift.errors import ForgottenError
from tasks import workplace
from tasks.export import commit_partition, export_partition
from tasks.threshold import threshold_partition
from tests.taken_down import take_down
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import pairs_of
from tests.tasks.steps import claimed, committed, planned, scored

KEY = "000000003"


@pytest.mark.parametrize("kind", Named)
def test_a_forgotten_pair_is_dropped_with_its_own_reason_and_nothing_of_it_is_stored(
    store: Engine, job: PartitionJob, kind: Named
):
    take_down(store, int(KEY), kind)

    committed(job, claimed(job))

    view = pair_lineage.c
    query = select(view.key, view.uid, view.verdict, view.reason, view.source_uri, view.image_sha256, view.raw_caption)
    with store.connect() as connection:
        rows = [tuple(row) for row in connection.execute(query)]
        counts = connection.execute(select(attempt.c.n_read, attempt.c.n_kept, attempt.c.n_dropped)).one()
        chunks = connection.execute(select(attempt.c.chunks)).scalar_one()
    files = [read_chunk(next(workplace.storage().glob(f"chunks/*/{chunk}.parquet"))) for chunk in chunks]
    assert rows[2] == (FORGOTTEN_KEY, FORGOTTEN_UID, "drop", Reason.FORGOTTEN, None, None, None)
    assert {row[3] for row in rows[:2]} == {None}
    assert tuple(counts) == (9, 6, 2)
    assert files[0].uids[2] == FORGOTTEN_UID
    assert (files[0].captions[2], files[0].signals["image.width"][2]) == (None, None)
    assert set(files[0].unmeasurable[2].values()) == {Reason.FORGOTTEN}


def test_a_pair_that_is_forgotten_while_its_partition_is_worked_on_is_not_committed(store: Engine, job: PartitionJob):
    claim = claimed(job)
    ingested = scored(job, claim)
    decided = threshold_partition.fn(job, ingested)
    exported = export_partition.fn(job, ingested, decided)
    take_down(store, int(KEY), Named.PAIR)

    with pytest.raises(ForgottenError, match="run the same command again"):
        commit_partition.fn(job, claim, ingested, decided, exported)

    with store.connect() as connection:
        assert connection.execute(select(pair.c.uid)).all() == []


def test_a_file_of_a_folder_whose_name_was_taken_from_the_list_is_not_listed_anew(tmp_path: Path):
    folder = tmp_path / "pictures"
    for key, members in pairs_of((1, 2)).items():
        for suffix, data in members.items():
            folder.mkdir(exist_ok=True)
            (folder / f"{key}.{suffix}").write_bytes(data)
    job = planned(folder, policy=str(fixed_cut(tmp_path)))
    committed(job, claimed(job))
    with writing(workplace.store()) as connection:
        first, second = connection.execute(select(partition.c.members)).scalar_one()
        connection.execute(partition.update().values(members=[hidden(first), second]))

    again = planned(folder, policy=str(fixed_cut(tmp_path)))
    committed(again, claimed(again))

    view = pair_lineage.c
    with workplace.store().connect() as connection:
        assert len(connection.execute(select(partition.c.id)).all()) == 1
        rows = connection.execute(select(view.key, view.reason)).all()
    assert [tuple(row) for row in rows] == [(FORGOTTEN_KEY, Reason.FORGOTTEN), ("000000002", None)]


def test_a_tombstone_is_no_name_and_tells_pairs_from_images():
    assert tombstone(Named.PAIR, "a") != tombstone(Named.IMAGE, "a")
    assert len(tombstone(Named.PAIR, "a")) == 64
