"""What a run committed is decided by another policy, exported and decided back; a run goes on from there."""

import json
from pathlib import Path
from typing import Any

from sqlalchemy import select

from pairsift.adapters.store.views import pair_lineage
from tasks import workplace
from tests.command_line import Command
from tests.flows.running import run
from tests.tasks.policy_files import fixed_cut


def shown() -> dict[str, tuple[Any, ...]]:
    view = pair_lineage.c
    query = select(view.partition, view.key, view.policy_version, view.verdict, view.export_uri, view.export_row)
    with workplace.store().connect() as connection:
        return {f"{row.partition}/{row.key}": tuple(row)[2:] for row in connection.execute(query)}


def test_a_run_is_decided_otherwise_exported_and_decided_back(pairsift: Command, source: Path, tmp_path: Path):
    lenient, strict = fixed_cut(tmp_path), fixed_cut(tmp_path, cut=0.5, version=2)
    summary = run(source, lenient)
    before = shown()

    code, out, _ = pairsift("decide", "source", "--policy", strict, "--json")
    decided = json.loads(out)
    exported = json.loads(pairsift("export", "source", "--json")[1])
    after = shown()

    assert code == 0
    assert decided["before"] == {name: summary["pairs"][name] for name in ("read", "kept", "dropped", "quarantined")}
    assert decided["pairs"]["kept"] == exported["kept"] < summary["pairs"]["kept"]
    assert {row[0] for row in after.values()} == {"2"}
    assert all((row[1] == "keep") == (row[2] is not None) for row in after.values())
    assert pairsift("check")[0] == 0
    assert pairsift("decide", "source", "--policy", lenient)[0] == 0
    assert shown() == before
    assert pairsift("check")[0] == 0


def test_a_run_after_deciding_again_shows_its_own_policy_and_scores_nothing(
    source: Path, pairsift: Command, tmp_path: Path
):
    lenient, strict = fixed_cut(tmp_path), fixed_cut(tmp_path, cut=0.5, version=2)
    run(source, lenient)
    before = shown()
    pairsift("decide", "source", "--policy", strict)

    again = run(source, lenient)

    assert again["partitions"] == {"committed": 0, "skipped": 3, "failed": 0}
    assert shown() == before
    assert pairsift("check")[0] == 0
