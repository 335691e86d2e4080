"""Where a pair was measured before, found by what it is."""

from dataclasses import replace

import pytest
from sqlalchemy import Engine

from pairsift.adapters.store.origins import OriginFile, find_origins, measurers
from pairsift.adapters.store.protocol import commit_attempt, fail_attempt, record_chunk
from pairsift.adapters.store.rows import AttemptRequest, Claim
from pairsift.core.records import PairContent
from tests.adapters.store.lives import REQUEST, chunk_row, claim, pair_rows, prepare, result, score_rows

CONTENTS = [PairContent(f"{i:032x}", f"{i:064x}", captioned=True) for i in range(6)]
"""What `lives.pair_rows` commits: pairs 0 to 2 are in chunk 0, pairs 3 to 5 in chunk 1."""
MANY = 33_000
"""More uids than SQLite takes variables in a statement."""


def scored(engine: Engine, name: str, request: AttemptRequest = REQUEST) -> Claim:
    """Enter both chunks of a data set's partition in the ledger."""
    held = claim(engine, prepare(engine, name).partition_id, request)
    for number in range(2):
        record_chunk(engine, held, chunk_row(number))
    return held


def committed(engine: Engine, name: str, request: AttemptRequest = REQUEST, measured_by: int | None = None) -> Claim:
    """Commit the six pairs of a data set's partition, measured by that attempt or by its own."""
    held = scored(engine, name, request)
    made = result(prepare(engine, name).decision_set_id)
    commit_attempt(engine, held, replace(made, scores=score_rows(measured_by=measured_by)))
    return held


def test_a_pair_measured_before_is_found_with_its_file_its_row_and_who_measured_it(engine: Engine):
    cats = committed(engine, "cats")

    first, last = find_origins(engine, "score-1", [CONTENTS[0], CONTENTS[4]])

    found = {origin.content: (origin.file.uri, origin.row, origin.measured_by) for origin in (first, last)}
    assert found == {
        CONTENTS[0]: ("chunks/0.arrow", 0, cats.attempt_id),
        CONTENTS[4]: ("chunks/1.arrow", 1, cats.attempt_id),
    }
    assert first.file == OriginFile(cats.partition_id, first.file.uri, "cd" * 32)


def test_a_pair_scored_in_another_way_is_not_known(engine: Engine):
    committed(engine, "cats", replace(REQUEST, score_fingerprint="score-2"))

    assert find_origins(engine, "score-1", CONTENTS) == []


def test_what_was_not_committed_is_not_known(engine: Engine):
    fail_attempt(engine, scored(engine, "cats"), "a full disk")

    assert find_origins(engine, "score-1", CONTENTS) == []


@pytest.mark.parametrize(
    "changed",
    [
        replace(CONTENTS[0], uid="f" * 32),
        replace(CONTENTS[0], image_sha256=None),
        replace(CONTENTS[0], captioned=False),
    ],
)
def test_a_pair_that_differs_in_anything_measured_is_not_known(engine: Engine, changed: PairContent):
    committed(engine, "cats")

    assert find_origins(engine, "score-1", [changed]) == []


def test_of_all_that_know_a_pair_it_is_the_newest_whose_way_of_scoring_is_the_same(engine: Engine):
    names = ("cats", "dogs", "birds")
    requests = (REQUEST, REQUEST, replace(REQUEST, score_fingerprint="score-2"))
    _, dogs, _ = (committed(engine, name, request) for name, request in zip(names, requests, strict=True))

    found = find_origins(engine, "score-1", CONTENTS)

    assert {origin.file.partition_id for origin in found} == {dogs.partition_id}
    assert len(found) == 6


def test_a_partition_left_out_gives_way_to_the_next_older(engine: Engine):
    cats, dogs = committed(engine, "cats"), committed(engine, "dogs")

    found = find_origins(engine, "score-1", CONTENTS, {dogs.partition_id})

    assert {origin.file.partition_id for origin in found} == {cats.partition_id}


def test_it_is_named_who_measured_and_not_who_recalled_it(engine: Engine):
    cats = committed(engine, "cats")
    committed(engine, "dogs", measured_by=cats.attempt_id)

    assert {origin.measured_by for origin in find_origins(engine, "score-1", CONTENTS)} == {cats.attempt_id}


def test_of_copies_in_a_partition_it_is_the_first(engine: Engine):
    held = scored(engine, "cats")
    copies = [(*row[:2], CONTENTS[5].uid, *row[3:6], 100, CONTENTS[5].image_sha256, *row[8:]) for row in pair_rows()]
    made = result(prepare(engine, "cats").decision_set_id)
    commit_attempt(engine, held, replace(made, pairs=[*pair_rows(1), *copies[1:]]))

    (found,) = find_origins(engine, "score-1", [CONTENTS[5]])

    assert (found.file.uri, found.row) == ("chunks/0.arrow", 1)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_any_number_of_pairs_can_be_asked_for(engine: Engine):
    committed(engine, "cats")
    unknown = [PairContent(f"f{i:031x}", None, captioned=True) for i in range(MANY)]

    assert len(find_origins(engine, "score-1", [*unknown, *CONTENTS])) == 6


def test_the_ledger_tells_who_measured_every_pair_of_a_partition(engine: Engine):
    cats = committed(engine, "cats")
    dogs = scored(engine, "dogs")
    record_chunk(engine, dogs, replace(chunk_row(1), recalled={cats.attempt_id: (0, 2)}))

    expected = [*[dogs.attempt_id] * 3, cats.attempt_id, dogs.attempt_id, cats.attempt_id]
    assert measurers(engine, dogs.partition_id, ["chunk-0", "chunk-1"]) == expected
