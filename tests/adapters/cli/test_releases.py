"""Releases: named once, never changed, proven, compared."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.logging import disable_run_logger
from sqlalchemy import text

from pairsift.core.fingerprint import fingerprint
from tasks import workplace
from tests.command_line import Command
from tests.tasks.policy_files import fixed_cut


@pytest.fixture
def released(pairsift: Command, curated: Path) -> dict[str, Any]:  # noqa: ARG001 - it is there
    """Release what nine curated pairs came to, as `first`; return what the command says."""
    return told(pairsift, "release", "first")


def told(pairsift: Command, *arguments: object) -> dict[str, Any]:
    code, out, error = pairsift(*arguments, "--json")
    assert code == 0, error
    found: dict[str, Any] = json.loads(out)
    return found


def decided_again(pairsift: Command, folder: Path, cut: float) -> None:
    """Decide by a stricter cut, and write the files of that."""
    with disable_run_logger():
        told(pairsift, "decide", "source", "--policy", fixed_cut(folder, cut, version=2))
    told(pairsift, "export", "source")


def test_a_release_lists_the_kept_pairs_and_the_files_with_their_digests(released: dict[str, Any], curated: Path):
    manifest = json.loads(Path(released["manifest"]).read_text())
    content = manifest["content"]
    pairs = pq.read_table(curated / "exports" / "source" / "releases" / "first.pairs.parquet").to_pylist()

    assert (released["made"], released["pairs"], released["partitions"]) == (True, 7, 1)
    assert manifest["sha256"] == fingerprint(content) == released["sha256"]
    assert [(row["partition"], len(row["uid"]), row["seen"]) for row in pairs] == [("a", 16, 1)] * 7
    (part,) = content["partitions"]
    assert part["pairs"] == {"read": 9, "kept": 7, "dropped": 1, "quarantined": 1}
    assert [file["name"] for file in part["files"]] == ["embeddings", "pairs", "uids"]
    assert content["policies"][0]["name"] == "fixed-cut"
    assert manifest["sources"]["a"].endswith("/source/a.tar")


def test_the_same_release_again_changes_nothing_and_says_so(pairsift: Command, released: dict[str, Any]):
    before = Path(released["manifest"]).read_bytes()

    again = told(pairsift, "release", "first")

    assert again == {**released, "made": False}
    assert Path(released["manifest"]).read_bytes() == before


def test_two_releases_of_the_same_differ_in_name_and_time_alone(pairsift: Command, released: dict[str, Any]):
    other = told(pairsift, "release", "second")

    one, two = (json.loads(Path(each["manifest"]).read_text()) for each in (released, other))
    assert one["content"] == two["content"]
    assert released["sha256"] == other["sha256"]


def test_a_name_is_never_given_to_something_else(pairsift: Command, released: dict[str, Any], tmp_path: Path):
    decided_again(pairsift, tmp_path, cut=0.3)

    code, _, error = pairsift("release", "first")

    assert code == 2
    assert "never changed" in error
    assert json.loads(Path(released["manifest"]).read_text())["sha256"] == released["sha256"]


@pytest.mark.usefixtures("curated")
def test_a_release_waits_for_the_files_of_what_is_shown(pairsift: Command, tmp_path: Path):
    with disable_run_logger():
        told(pairsift, "decide", "source", "--policy", fixed_cut(tmp_path, 0.3, version=2))

    code, _, error = pairsift("release", "first")

    assert code == 2
    assert "`pairsift export source` writes them" in error


def test_verify_proves_every_file_and_names_one_that_changed(pairsift: Command, released: dict[str, Any]):
    proven = told(pairsift, "release", "verify", "first")
    path = next(Path(released["manifest"]).parents[1].glob("a/*/pairs.parquet"))
    path.write_bytes(path.read_bytes()[:-1])

    code, out, _ = pairsift("release", "verify", "first", "--json")

    assert (proven["files"], proven["problems"]) == (5, [])
    assert code == 1
    assert json.loads(out)["problems"] == [{"problem": "the file's bytes have changed", "where": str(path)}]


def test_a_lost_manifest_is_written_again_as_it_was(pairsift: Command, released: dict[str, Any]):
    manifest = Path(released["manifest"])
    before = manifest.read_bytes()
    manifest.unlink()

    told(pairsift, "release", "first")

    assert manifest.read_bytes() == before


def test_the_same_name_of_another_database_is_not_written_over(pairsift: Command, released: dict[str, Any]):
    with workplace.store().begin() as connection:
        for table in ("release_file", "release_partition", "release"):
            connection.execute(text(f"DELETE FROM {table}"))
    manifest = Path(released["manifest"])
    manifest.write_text(json.dumps({"sha256": "of something else"}))

    code, _, error = pairsift("release", "first")

    assert code == 2
    assert "this database does not know it" in error


@pytest.mark.usefixtures("released")
def test_diff_tells_which_pairs_leave_and_why(pairsift: Command, tmp_path: Path):
    decided_again(pairsift, tmp_path, cut=0.3)
    told(pairsift, "release", "second")

    found = told(pairsift, "release", "diff", "first", "second")
    back = told(pairsift, "release", "diff", "second", "first")

    left = found["left"]
    assert left["count"] == found["pairs"]["a"] - found["pairs"]["b"] > 0
    assert list(left["reasons"]) == ["below_cut"]
    assert left["reasons"]["below_cut"]["examples"][0].startswith("0000")
    assert (found["entered"], back["entered"]) == ({"count": 0, "reasons": {}}, left)
    assert found["partitions"] == {"only_a": [], "only_b": [], "changed": ["a"]}
    assert [len(only) for only in found["other"]["policies"].values()] == [1, 1]


def test_list_and_show_tell_of_releases(pairsift: Command, released: dict[str, Any]):
    (row,) = told(pairsift, "release", "list")["releases"]
    shown = told(pairsift, "release", "show", "first")
    _, people, _ = pairsift("release", "show", "first")

    assert (row["release"], row["pairs"], row["sha256"]) == ("first", 7, released["sha256"])
    assert (shown["sha256"], shown["withdrawn"]) == (released["sha256"], [])
    assert "Release first" in people


@pytest.mark.usefixtures("released")
def test_an_unknown_release_is_named(pairsift: Command):
    for arguments in (["show", "none"], ["verify", "none"], ["diff", "none", "first"]):
        code, _, error = pairsift("release", *arguments)

        assert code == 2
        assert "there is no release 'none'" in error
