"""Committed attempts are decided under several decision sets, and each set is whole or not there."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from sqlalchemy import Engine, Table, func, select

from pairsift.adapters.store.columns import decision_columns, pair_columns, score_columns, unmeasurable_scores
from pairsift.adapters.store.decisions import (
    CommittedPartition,
    committed_partitions,
    decide_attempt,
    decision_sets,
    enter_export,
    find_dataset,
    sets_deciding,
    smallest_survivors,
)
from pairsift.adapters.store.protocol import commit_attempt
from pairsift.adapters.store.queries import active_exports, conservation, export_places, status
from pairsift.adapters.store.registry import activate_decision_set
from pairsift.adapters.store.rows import Counts, DecidedRow
from pairsift.adapters.store.tables import decided_attempt, decision
from pairsift.adapters.store.views import pair_decisions, pair_lineage
from pairsift.errors import ConfigError, ConservationError
from tests.adapters.store.lives import (
    OUT,
    REQUEST,
    Prepared,
    claim,
    decision_rows,
    export_rows,
    live,
    prepare,
    result,
)

AS_COUNTED = Counts(6, 4, 1, 1)


@dataclass(frozen=True)
class Twice:
    """A partition committed under the first set, and a second set that nothing is decided under yet."""

    part: CommittedPartition
    first: Prepared
    second: Prepared

    def again(self, counts: Counts = AS_COUNTED) -> DecidedRow:
        return DecidedRow(self.part.attempt_id, self.second.decision_set_id, counts, {"share": 0.5})


@pytest.fixture
def twice(engine: Engine) -> Twice:
    first = prepare(engine, policy="first")
    commit_attempt(engine, claim(engine, first.partition_id), result(first.decision_set_id))
    activate_decision_set(engine, first.dataset_id, first.decision_set_id)
    (part,) = committed_partitions(engine, first.dataset_id)
    return Twice(part, first, prepare(engine, policy="second"))


def rows_of(engine: Engine, table: Table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar_one()


def shown(engine: Engine) -> dict[str, tuple[str, str, object]]:
    query = select(pair_lineage.c.key, pair_lineage.c.policy, pair_lineage.c.verdict, pair_lineage.c.export_uri)
    with engine.connect() as connection:
        return {row.key: (row.policy, row.verdict, row.export_uri) for row in connection.execute(query)}


def test_a_committed_partition_tells_what_deciding_again_needs(engine: Engine, twice: Twice):
    part = twice.part

    assert (part.key, part.number, part.pairs, part.chunks) == ("shard-0", 1, 6, ("chunk-0", "chunk-1"))
    assert (part.score_fingerprint, part.policy_text) == ("score-1", "name: first")
    assert part.shown_decision_set_id == twice.first.decision_set_id
    assert [(str(each), each.active) for each in decision_sets(engine, twice.first.dataset_id)] == [
        ("1 (first@1)", True),
        ("2 (second@1)", False),
    ]


def test_columns_come_back_by_ordinal(engine: Engine, twice: Twice):
    attempt_id = twice.part.attempt_id

    scores = score_columns(engine, attempt_id, ["image_width", "image_sharpness", "text_language"])
    decided = decision_columns(engine, attempt_id, twice.first.decision_set_id, ["verdict", "reason", "alignment_z"])

    assert scores == [(3, 0.25, "en")] * 6
    assert decided[:3] == [("drop", "blurry", 1.5), ("quarantine", "image_corrupt", 1.5), ("keep", None, 1.5)]
    assert pair_columns(engine, attempt_id, ["key"]) == [(f"key-{n}",) for n in range(6)]
    assert unmeasurable_scores(engine, attempt_id) == [(1, '{"pair.alignment": "language_unsupported"}')]


def test_an_attempt_is_decided_again_beside_what_it_was_committed_with(engine: Engine, twice: Twice):
    assert decide_attempt(engine, twice.again(), decision_rows(dropped=2))

    attempt_id = twice.part.attempt_id
    sets = [twice.first.decision_set_id, twice.second.decision_set_id]
    assert sets_deciding(engine, [attempt_id, 99]) == {attempt_id: sets, 99: []}
    assert [(account.decision_set_id, account.holds) for account in conservation(engine)] == [(1, True), (2, True)]
    with engine.connect() as connection:
        dropped = select(pair_decisions.c.policy, pair_decisions.c.key).where(pair_decisions.c.verdict == "drop")
        assert {tuple(row) for row in connection.execute(dropped)} == {("first", "key-0"), ("second", "key-2")}


def test_what_is_decided_already_is_not_doubled(engine: Engine, twice: Twice):
    decide_attempt(engine, twice.again(), decision_rows(dropped=2))

    assert not decide_attempt(engine, twice.again(), decision_rows(dropped=3))

    assert rows_of(engine, decision) == 12
    assert rows_of(engine, decided_attempt) == 2


def test_two_at_once_never_double_a_row(engine: Engine, twice: Twice, open_another: Callable[[], Engine]):
    engines = [engine, *(open_another() for _ in range(3))]

    with ThreadPoolExecutor(len(engines)) as pool:
        made = list(pool.map(lambda each: decide_attempt(each, twice.again(), decision_rows(dropped=2)), engines))

    assert sorted(made) == [False, False, False, True]
    assert rows_of(engine, decision) == 12


@pytest.mark.parametrize(
    ("counts", "rows"),
    [(Counts(6, 5, 0, 1), decision_rows(dropped=2)), (AS_COUNTED, decision_rows(5)), (AS_COUNTED, [])],
    ids=["counted otherwise", "one too few", "none"],
)
def test_decisions_that_are_not_as_counted_are_not_entered(
    engine: Engine, twice: Twice, counts: Counts, rows: list[tuple[object, ...]]
):
    with pytest.raises(ConservationError):
        decide_attempt(engine, twice.again(counts), rows)

    assert rows_of(engine, decision) == 6
    assert rows_of(engine, decided_attempt) == 1


def test_nothing_is_shown_before_the_set_is_active(engine: Engine, twice: Twice):
    decide_attempt(engine, twice.again(), decision_rows(dropped=2))
    before = shown(engine)

    activate_decision_set(engine, twice.first.dataset_id, twice.second.decision_set_id)

    assert (before["key-0"][:2], before["key-2"][:2]) == (("first", "drop"), ("first", "keep"))
    assert (shown(engine)["key-0"][:2], shown(engine)["key-2"][:2]) == (("second", "keep"), ("second", "drop"))


def test_a_partition_not_decided_under_the_active_set_shows_what_it_showed_before(engine: Engine, twice: Twice):
    decide_attempt(engine, twice.again(), decision_rows(dropped=2))
    activate_decision_set(engine, twice.first.dataset_id, twice.second.decision_set_id)
    third = prepare(engine, policy="third")

    activate_decision_set(engine, twice.first.dataset_id, third.decision_set_id)

    assert {policy for policy, _, _ in shown(engine).values()} == {"second"}
    assert [each.policy for each in decision_sets(engine, third.dataset_id) if each.active] == ["third"]


def test_a_partition_committed_anew_shows_what_it_is_committed_with(engine: Engine, twice: Twice):
    decide_attempt(engine, twice.again(), decision_rows(dropped=2))
    activate_decision_set(engine, twice.first.dataset_id, twice.second.decision_set_id)

    request = replace(REQUEST, input_fingerprint="input-2")
    commit_attempt(engine, claim(engine, twice.part.id, request), result(twice.first.decision_set_id, dropped=3))

    assert {policy for policy, _, _ in shown(engine).values()} == {"first"}
    activate_decision_set(engine, twice.first.dataset_id, twice.second.decision_set_id)
    assert {policy for policy, _, _ in shown(engine).values()} == {"first"}


def test_status_counts_what_is_shown(engine: Engine, twice: Twice):
    decide_attempt(
        engine, twice.again(Counts(6, 3, 2, 1)), [*decision_rows(dropped=2)[:3], *decision_rows(dropped=3)[3:]]
    )
    activate_decision_set(engine, twice.first.dataset_id, twice.second.decision_set_id)

    (row,) = status(engine)

    assert [row[f"pairs_{name}"] for name in ("read", "kept", "dropped", "quarantined")] == [6, 3, 2, 1]


def test_the_manifest_lists_the_files_of_what_is_shown_and_every_set_keeps_its_own(engine: Engine, twice: Twice):
    decide_attempt(engine, twice.again(), decision_rows(dropped=2))
    activate_decision_set(engine, twice.first.dataset_id, twice.second.decision_set_id)
    without = (active_exports(engine, "cats", OUT), export_places(engine), shown(engine)["key-0"][2])

    assert enter_export(engine, twice.part, twice.second.decision_set_id, OUT, export_rows("export-2"))

    assert without == ([], [("cats", OUT)], None)
    assert {file.uri.split("/")[4] for file in active_exports(engine, "cats", OUT)} == {"export-2"}
    assert shown(engine)["key-0"][2] == f"{OUT}/export-2/embeddings.parquet"
    activate_decision_set(engine, twice.first.dataset_id, twice.first.decision_set_id)
    assert {file.uri.split("/")[4] for file in active_exports(engine, "cats", OUT)} == {"export-0"}


def test_an_export_of_a_partition_committed_anew_meanwhile_is_not_entered(engine: Engine, twice: Twice):
    request = replace(REQUEST, input_fingerprint="input-2")
    commit_attempt(engine, claim(engine, twice.part.id, request), result(twice.first.decision_set_id))

    assert not enter_export(engine, twice.part, twice.first.decision_set_id, OUT, export_rows("late"))

    assert {file.uri.split("/")[4] for file in active_exports(engine, "cats", OUT)} == {"export-0"}


def test_a_set_shown_without_its_decisions_is_noticed(engine: Engine, twice: Twice):
    with engine.begin() as connection:
        connection.execute(decided_attempt.delete())

    assert [account.holds for account in conservation(engine)] == [False]
    assert twice.part.pairs == 6


def test_the_smallest_uids_that_survived_are_named_each_once(engine: Engine, twice: Twice):
    live(engine, "dogs", dropped=0)  # another data set's do not count
    attempt_id = twice.part.attempt_id

    found = smallest_survivors(engine, twice.first.dataset_id, "score-1", 3)

    # Pair 0 was dropped by a rule, pair 1 could not be read.
    assert found == [(attempt_id, 2), (attempt_id, 3), (attempt_id, 4)]
    assert len(smallest_survivors(engine, twice.first.dataset_id, "score-1", 99)) == 4
    assert smallest_survivors(engine, twice.first.dataset_id, "score-2", 99) == []


def test_an_unknown_data_set_is_answered_with_the_nearest(engine: Engine):
    with pytest.raises(ConfigError, match="nothing has been curated yet"):
        find_dataset(engine, "cats")
    prepared = prepare(engine, "cats")

    assert find_dataset(engine, "cats") == prepared.dataset_id
    with pytest.raises(ConfigError, match="no data set 'cat'; did you mean 'cats'"):
        find_dataset(engine, "cat")
