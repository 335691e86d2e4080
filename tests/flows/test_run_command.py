import json
from pathlib import Path

import pytest

from tests.command_line import Command
from tests.flows.commands import environment, started
from tests.tasks.shards import damage_after

KEYS = {
    "run", "dataset", "partitions", "pairs", "reasons", "failed", "seconds", "out", "report", "database",
}  # fmt: skip


def test_run_prints_one_json_object_and_nothing_else_on_standard_output(
    pairsift: Command, source: Path, policy: Path, storage: Path
):
    code, out, _ = pairsift("run", source, "--policy", policy, "--dataset", "cats", "--json")

    summary = json.loads(out)
    assert code == 0
    assert summary.keys() >= KEYS
    assert summary["dataset"] == "cats"
    assert summary["pairs"].keys() == {"read", "kept", "dropped", "quarantined"}
    assert summary["out"] == str(storage / "exports")
    assert summary["database"] == f"sqlite:///{storage}/pairsift.db"


def test_run_without_json_ends_with_what_was_kept_and_where_to_look(pairsift: Command, source: Path, policy: Path):
    code, out, _ = pairsift("run", source, "--policy", policy)

    assert code == 0
    assert "kept" in out
    assert "image_corrupt" in out
    assert "manifest.json" in out
    assert "pairsift explain 000000007" in out


def test_a_failed_partition_makes_exit_code_1(pairsift: Command, source: Path, policy: Path, tmp_path: Path):
    damage_after(source / "b.tar", 2)
    config = tmp_path / "config.yaml"
    config.write_text(json.dumps({"ingest": {"lost_pairs": 0, "lost_share": 0}}))

    code, out, _ = pairsift("run", source, "--policy", policy, "--config", config, "--json")

    assert code == 1
    assert [failure["partition"] for failure in json.loads(out)["failed"]] == ["b"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--partition", "d"], "has no partition 'd'"),
        (["--policy", "defautl"], "there is no policy 'defautl'"),
        (["--format", "tar"], "format: Input should be 'auto', 'webdataset', 'parquet'"),
        (["--encoder", "clap"], "encoder 'clap' is unknown"),
        (["--out", "s3://bucket/out"], "object stores are not supported"),
        (["--dataset", "a b"], "dataset"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    pairsift: Command, source: Path, options: list[str], said: str
):
    code, out, err = pairsift("run", source, *options, "--json")

    assert code == 2
    assert out == ""
    last = err.splitlines()[-1]
    assert last.startswith("pairsift: ")
    assert said in last


@pytest.mark.parametrize("missing", ["nowhere", "empty"])
def test_a_source_that_is_missing_or_empty_is_exit_code_2(pairsift: Command, tmp_path: Path, missing: str):
    (tmp_path / "empty").mkdir()

    code, _, err = pairsift("run", tmp_path / missing, "--json")

    assert code == 2
    assert err.splitlines()[-1].startswith("pairsift: ")


def test_the_real_command_writes_that_line_alone(source: Path, storage: Path):
    arguments = ["run", str(source), "--partition", "d", "--json"]

    with started(arguments, environment(storage, own_server=False)) as process:
        out, err = process.communicate(timeout=180)

    assert process.returncode == 2
    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith("pairsift: ")
