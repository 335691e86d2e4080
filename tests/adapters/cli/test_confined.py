"""Nothing outside the storage folder is read or named, whatever stands in the database."""

from pathlib import Path

import pytest
from sqlalchemy import update

from pairsift.adapters.checking import check
from pairsift.adapters.confined import place_below
from pairsift.adapters.exports.folders import INDEX, damaged_files
from pairsift.adapters.store.tables import attempt, chunk
from pairsift.errors import OutsideStorageError
from tasks import workplace
from tests.command_line import Command

SEMANTIC = """
name: semantic
version: 1
description: Reads embeddings.
duplicates: {semantic: {cosine: 0.99}}
select: {method: absolute, signal: pair.alignment, ge: -1}
"""
LEAVES = ("../secret", "chunks/../../secret", "/etc/passwd", "..", ".", "", "a/\0b", "chunks/../..")


@pytest.mark.parametrize("uri", LEAVES)
def test_a_path_that_leaves_the_folder_is_refused(uri: str, tmp_path: Path):
    with pytest.raises(OutsideStorageError, match="is not below"):
        place_below(tmp_path / "storage", uri)


@pytest.mark.parametrize(
    ("uri", "place"),
    [("chunks/ab/x.parquet", "chunks/ab/x.parquet"), ("a/../b", "b"), ("..a", "..a"), ("a//b/.", "a/b")],
)
def test_a_path_that_stays_is_where_it_says(uri: str, place: str, tmp_path: Path):
    assert place_below(tmp_path, uri) == tmp_path / place


def test_a_folder_beside_it_with_a_longer_name_is_outside(tmp_path: Path):
    with pytest.raises(OutsideStorageError):
        place_below(tmp_path / "storage", "../storage-2/x")


def test_a_storage_folder_may_be_a_link(tmp_path: Path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "storage").symlink_to(tmp_path / "disk")

    assert place_below(tmp_path / "storage", "x") == tmp_path / "storage" / "x"


def test_a_list_of_exported_pictures_names_no_other_files(tmp_path: Path):
    (tmp_path / INDEX).write_text(f"{'0' * 64}  ../secret\n")

    with pytest.raises(OutsideStorageError):
        list(damaged_files(tmp_path / INDEX))


def test_check_tells_of_a_chunk_that_leads_outside_and_does_not_read_it(
    pairsift: Command, curated: Path, monkeypatch: pytest.MonkeyPatch
):
    secret = curated.parent / "secret"
    secret.write_text("the operator's own")
    with workplace.store().begin() as connection:
        connection.execute(update(chunk).values(uri="../secret"))
    read: list[str] = []
    monkeypatch.setattr("pairsift.adapters.checking.facts_at", lambda uri: read.append(str(uri)))

    problems = {problem.problem for problem in check(workplace.store(), curated, repair=False).problems}

    assert any("the store names the file '../secret', which is not below" in problem for problem in problems)
    assert str(secret) not in read
    assert pairsift("check")[0] == 1


@pytest.mark.usefixtures("curated")
def test_deciding_again_reads_no_chunk_that_leads_outside(pairsift: Command, tmp_path: Path):
    policy = tmp_path / "semantic.yaml"
    policy.write_text(SEMANTIC)
    with workplace.store().begin() as connection:
        connection.execute(update(attempt).values(chunks=["../../../etc/passwd"]))

    code, _, err = pairsift("decide", "source", "--policy", policy)

    assert code == 1
    assert "is not below" in err
