import time
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from pairsift.adapters.checking import check
from tasks import workplace
from tests.flows.running import EncoderCalls, flow_runs, run, task_runs, verdicts
from tests.tasks.shards import write_shard

DEADLINE_S = 60


def names_of_tasks(flow_run: UUID | str, complete: Callable[[list[str]], bool]) -> list[str]:
    """Read the names of a flow run's task runs; they reach Prefect's server a moment after they ended."""
    deadline = time.monotonic() + DEADLINE_S
    names: list[str] = []
    while not complete(names) and time.monotonic() < deadline:
        names = sorted(task.name for task in task_runs(flow_run) if task.state_type == "COMPLETED")
    return names


def test_prefect_shows_the_five_stages_of_every_partition_as_task_runs(source: Path, policy: Path):
    summary = run(source, policy, partitions=("a",))

    (partition,) = flow_runs(summary["run"])
    expected = sorted(
        ["claim a", "ingest a", "recall a", "threshold a", "export a", "commit a"]
        + [f"{stage} a {chunk}/3" for stage in ("preprocess", "score") for chunk in (1, 2, 3)]
    )
    assert partition.name == "source/a"
    assert names_of_tasks(partition.id, lambda names: len(names) == len(expected)) == expected


def test_the_summary_and_the_lineage_agree_on_every_pair(source: Path, policy: Path, storage: Path):
    summary = run(source, policy)

    found = verdicts(workplace.store())
    assert summary["partitions"] == {"committed": 3, "skipped": 0, "failed": 0}
    assert summary["pairs"]["read"] == found.total() == 20
    assert summary["pairs"]["kept"] == found["keep", None]
    assert summary["reasons"] == {reason: count for (_, reason), count in found.items() if reason}
    assert check(workplace.store(), storage, repair=False).problems == []


def test_every_pair_read_is_in_the_database_once(source: Path, policy: Path):
    run(source, policy)

    query = "SELECT count(*), count(DISTINCT partition || key) FROM pair_lineage"
    with workplace.store().connect() as connection:
        assert tuple(connection.execute(text(query)).one()) == (20, 20)


def test_a_second_run_skips_what_is_committed_and_starts_no_subflow(
    source: Path, policy: Path, encoder_calls: EncoderCalls
):
    first = run(source, policy)
    encoder_calls.pairs.clear()

    second = run(source, policy)

    assert second["partitions"] == {"committed": 0, "skipped": 3, "failed": 0}
    assert second["pairs"] == first["pairs"]
    assert flow_runs(second["run"]) == []
    assert encoder_calls.pairs == []


def test_only_the_partitions_asked_for_are_curated(source: Path, policy: Path):
    summary = run(source, policy, partitions=("c", "b"))

    assert summary["partitions"] == {"committed": 2, "skipped": 0, "failed": 0}
    assert summary["pairs"]["read"] == 11


def test_a_new_shard_is_the_only_one_curated(source: Path, policy: Path, encoder_calls: EncoderCalls):
    (source / "c.tar").rename(source.parent / "later.tar")
    run(source, policy)
    encoder_calls.pairs.clear()
    (source.parent / "later.tar").rename(source / "c.tar")

    summary = run(source, policy)

    assert summary["partitions"] == {"committed": 1, "skipped": 2, "failed": 0}
    assert summary["pairs"]["read"] == 20
    assert sum(encoder_calls.pairs) == 5


def test_a_shard_without_any_pair_is_committed_with_none(source: Path, policy: Path, storage: Path):
    write_shard(source / "b.tar", {})

    summary = run(source, policy)

    assert summary["failed"] == []
    assert summary["pairs"]["read"] == 14
    assert check(workplace.store(), storage, repair=False).problems == []
