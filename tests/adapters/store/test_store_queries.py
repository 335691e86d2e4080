"""What status, explain, check and the manifest read."""

from dataclasses import asdict, replace

import pytest
from sqlalchemy import Engine, Table, delete, select

from pairsift.adapters.store.decisions import decide_attempt
from pairsift.adapters.store.protocol import commit_attempt, fail_attempt
from pairsift.adapters.store.queries import (
    active_exports,
    attempt_rows,
    conservation,
    find_pairs,
    status,
    stored_attempt,
    stored_files,
)
from pairsift.adapters.store.registry import activate_decision_set
from pairsift.adapters.store.rows import Counts, DecidedRow, PartitionStatus
from pairsift.adapters.store.tables import attempt, decision, pair
from pairsift.adapters.store.views import pair_decisions, pair_lineage, run_summary
from pairsift.core.signals import SIGNALS
from tests.adapters.store.lives import OUT, REQUEST, claim, decision_rows, live, prepare, result


@pytest.fixture
def cats(engine: Engine) -> Engine:
    """A store with one committed partition."""
    live(engine, "cats", dropped=0)
    return engine


def test_a_dropped_pair_tells_its_whole_story(cats: Engine):
    (story,) = find_pairs(cats, "key-0")

    assert [story[name] for name in ("dataset", "partition", "source_uri", "byte_offset", "byte_size")] == [
        *("cats", "shard-0", "file:///data/shard-0.tar", 0, 100)
    ]
    assert (story["raw_caption"], story["verdict"], story["reason"], story["kept"]) == (
        *("A cat no. 0\n", "drop", "blurry", 0),
    )
    assert {signal.column for signal in SIGNALS} <= set(story)
    assert story["models"] == [
        {"name": "classifier", "fingerprint": "model-1", "facts": {"top_overlap": 0.98}},
        {"name": "sentence encoder", "fingerprint": "model-2", "facts": None},
    ]
    assert (story["policy"], story["policy_version"], story["policy_text"]) == ("drops-0", "1", "name: drops-0")
    assert story["calibration"]["summary"] == {"pairs": 6}  # type: ignore[index]  # a mapping
    assert story["attempt_record"]["versions"] == {"pairsift": "0.1.0"}  # type: ignore[index]  # a mapping
    assert (story["export_uri"], story["export_row"]) == (None, None)


def test_a_pair_is_found_by_its_uid_too_and_names_what_is_unmeasurable(cats: Engine):
    (story,) = find_pairs(cats, f"{1:032x}")

    assert (story["key"], story["unmeasurable"]) == ("key-1", {"pair.alignment": "language_unsupported"})
    assert find_pairs(cats, "no such pair") == []


def test_kept_pairs_point_to_their_rows_of_the_embeddings(cats: Engine):
    query = select(pair_lineage.c.key, pair_lineage.c.export_row).where(pair_lineage.c.kept == 1)
    with cats.connect() as connection:
        rows = connection.execute(query.order_by("key")).all()
        uris = set(connection.scalars(select(pair_lineage.c.export_uri).where(pair_lineage.c.kept == 1)))

    assert [tuple(row) for row in rows] == [("key-2", 0), ("key-3", 1), ("key-4", 2), ("key-5", 3)]
    assert uris == {f"{OUT}/export-0/embeddings.parquet"}


def test_the_lineage_shows_the_verdicts_committed_until_the_active_set_has_its_own(engine: Engine):
    first = prepare(engine, policy="first")
    held = claim(engine, first.partition_id)
    commit_attempt(engine, held, result(first.decision_set_id))
    second = prepare(engine, policy="second")
    policies = select(pair_lineage.c.policy).distinct()
    activate_decision_set(engine, first.dataset_id, second.decision_set_id)
    with engine.connect() as connection:
        before = connection.scalars(policies).all()
    again = DecidedRow(held.attempt_id, second.decision_set_id, Counts(6, 4, 1, 1))
    decide_attempt(engine, again, decision_rows(dropped=2))
    activate_decision_set(engine, first.dataset_id, second.decision_set_id)

    with engine.connect() as connection:
        after = connection.scalars(policies).all()
        sets = connection.execute(select(pair_decisions.c.policy, pair_decisions.c.active).distinct()).all()
        exported = connection.scalars(select(pair_lineage.c.export_uri).distinct()).all()

    assert (before, after, exported) == (["first"], ["second"], [None])
    assert sorted(tuple(row) for row in sets) == [("first", 0), ("second", 1)]


def test_stored_rows_come_back_in_order_for_a_new_export(cats: Engine):
    with cats.connect() as connection:
        attempt_id = connection.execute(select(attempt.c.id)).scalar_one()
    stored = stored_attempt(cats, attempt_id)

    rows = list(attempt_rows(cats, attempt_id, stored.decision_set_id))

    assert stored.chunks == ("chunk-0", "chunk-1")
    assert [(row["ordinal"], row["verdict"], row["export_row"]) for row in rows] == [
        (0, "drop", None),
        (1, "quarantine", None),
        (2, "keep", 0),
        (3, "keep", 1),
        (4, "keep", 2),
        (5, "keep", 3),
    ]
    assert {"uid", "pair_alignment", "unmeasurable", "alignment_q"} <= set(rows[0])


def test_the_manifest_lists_only_the_committed_attempts_files_of_one_output(cats: Engine):
    live(cats, "cats", dropped=2)
    live(cats, "dogs", dropped=3)

    files = active_exports(cats, "cats", OUT)

    assert [(file.partition, file.name, file.uri) for file in files] == [
        ("shard-0", "embeddings", f"{OUT}/export-2/embeddings.parquet"),
        ("shard-0", "pairs", f"{OUT}/export-2/pairs.parquet"),
    ]
    assert active_exports(cats, "cats", "file:///else") == []


def test_status_is_of_one_data_set_or_of_all(cats: Engine):
    prepare(cats, "dogs")

    assert [(row["dataset"], row["status"]) for row in status(cats)] == [("cats", "committed"), ("dogs", "pending")]
    assert [row["dataset"] for row in status(cats, "dogs")] == ["dogs"]


def test_a_run_is_summed_up(engine: Engine):
    prepared = prepare(engine)
    request = replace(REQUEST, run_id="run-1")
    fail_attempt(engine, claim(engine, prepared.partition_id, request), "boom")
    fail_attempt(engine, claim(engine, prepared.partition_id, request), "Ctrl-C", PartitionStatus.INTERRUPTED)
    commit_attempt(engine, claim(engine, prepared.partition_id, request), result(prepared.decision_set_id))

    with engine.connect() as connection:
        row = connection.execute(select(run_summary)).one()

    assert (row.dataset, row.run_id, row.attempts) == ("cats", "run-1", 3)
    assert (row.running, row.committed, row.failed, row.lost, row.interrupted) == (0, 1, 1, 0, 1)
    assert (row.pairs_read, row.pairs_kept, row.pairs_dropped, row.pairs_quarantined) == (6, 4, 1, 1)


def test_a_sound_store_conserves_every_pair(cats: Engine):
    (account,) = conservation(cats)

    assert account.holds
    assert asdict(account.found) == {"read": 6, "kept": 4, "dropped": 1, "quarantined": 1}


@pytest.mark.parametrize("table", [decision, pair], ids=["decision", "pair"])
def test_a_row_lost_by_hand_is_noticed(cats: Engine, table: Table):
    with cats.begin() as connection:
        connection.execute(delete(table).where(table.c.ordinal == 3))

    assert [account.holds for account in conservation(cats)] == [False]


def test_every_promised_file_is_listed_for_the_check(cats: Engine):
    files = [(file.kind, file.partition, file.uri) for file in stored_files(cats)]

    assert files == [
        ("chunk", "shard-0", "chunks/0.arrow"),
        ("chunk", "shard-0", "chunks/1.arrow"),
        ("export", "shard-0", f"{OUT}/export-0/embeddings.parquet"),
        ("export", "shard-0", f"{OUT}/export-0/pairs.parquet"),
    ]


def test_a_pair_is_shown_once_while_its_partition_is_done_again(cats: Engine):
    prepared = prepare(cats)
    claim(cats, prepared.partition_id)

    with cats.connect() as connection:
        assert len(connection.execute(select(pair_lineage.c.uid)).all()) == 6
