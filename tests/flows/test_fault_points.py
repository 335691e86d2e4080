"""A run killed at any named point leaves nothing behind that the same command does not put right."""

from pathlib import Path

import pytest

from tests.flows.faults import Fault, halve_and_kill, of_a_manifest
from tests.flows.nursery import Nursery
from tests.flows.places import Results, command_over, place
from tests.tasks.shards import cut

POINTS = {
    "nothing is claimed": Fault("tasks.attempt.begin_attempt"),
    "a partition is claimed": Fault("tasks.attempt.begin_attempt", after=True),
    "the pair list is written": Fault("tasks.ingest.write_pairs", after=True),
    "it is ingested": Fault("tasks.ingest.plan_chunks", after=True),
    "a chunk is preprocessed": Fault("tasks.preparing.write_prepared", after=True),
    "a chunk's file is half written": Fault("pairsift.adapters.chunks.write_table", halve_and_kill, 2, after=True),
    "a chunk's file is there but not in the ledger": Fault("tasks.score.record_chunk", call=2),
    "a chunk is in the ledger": Fault("tasks.score.record_chunk", call=2, after=True),
    "all chunks are scored": Fault("tasks.threshold.decide"),
    "its pairs are decided": Fault("tasks.threshold.write_decided", after=True),
    "the first file of the export is there": Fault("pairsift.adapters.exports.embeddings.write_rows"),
    "a file of the export is half written": Fault(
        "pairsift.adapters.exports.embeddings.write_rows", halve_and_kill, after=True
    ),
    "it is exported": Fault("tasks.export.commit_attempt"),
    "the commit has written its pairs and scores": Fault("pairsift.adapters.store.protocol.append_decisions"),
    "the commit has written all its rows": Fault("pairsift.adapters.store.protocol._free_partition", after=True),
    "it is committed": Fault("tasks.export.commit_attempt", after=True),
    "all is done but the manifest": Fault("tasks.finish.rebuild_manifest"),
    "the manifest has its temporary name": Fault(
        "pairsift.adapters.durable.file_facts", after=True, concerns=of_a_manifest
    ),
    "the manifest is there": Fault("tasks.finish.rebuild_manifest", after=True),
    "the run is finished": Fault("pairsift.console.show"),
}

ALWAYS = {
    "a chunk's file is half written",
    "a file of the export is half written",
    "the commit has written all its rows",
    "it is committed",
    "the manifest has its temporary name",
}
"""Points for every `make test`; `make test-production` has all."""


def marked(name: str, fault: Fault) -> object:
    return pytest.param(fault, id=name, marks=() if name in ALWAYS else pytest.mark.production)


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Three chunks in one shard."""
    return command_over(tmp_path_factory.mktemp("source"), {"a": range(1, 6)})


@pytest.mark.parametrize("fault", [marked(name, fault) for name, fault in POINTS.items()])
def test_a_run_killed_when_and_started_again_ends_as_if_undisturbed(
    nursery: Nursery, command: tuple[str, ...], undisturbed: Results, tmp_path: Path, fault: Fault
):
    there = place(tmp_path)

    killed = nursery.run(command, there, fault)
    again = nursery.run(command, there)

    assert killed.killed, killed
    assert again.exit_code == 0, again
    assert there.results() == undisturbed
    assert there.flaws() == []


@pytest.mark.production
def test_a_run_killed_when_it_has_recalled_known_pairs_ends_as_if_undisturbed(nursery: Nursery, tmp_path: Path):
    command = command_over(tmp_path, {"a": range(1, 6)})
    there, elsewhere = place(tmp_path / "killed"), place(tmp_path / "undisturbed")
    first = [nursery.run(command, each) for each in (there, elsewhere)]
    cut(tmp_path / "shards" / "b.tar", range(3, 8))

    killed = nursery.run(command, there, Fault("tasks.recall.recall", after=True))
    again, undisturbed = (nursery.run(command, each) for each in (there, elsewhere))

    assert killed.killed, killed
    assert [each.exit_code for each in (*first, again, undisturbed)] == [0, 0, 0, 0]
    assert there.results() == elsewhere.results()
    assert there.flaws() == []
    assert there.count("SELECT count(*) FROM score WHERE measured_attempt_id <> attempt_id") == 3
