"""Runs from an object store to an object store."""

import json
from pathlib import Path

from tests.command_line import Command
from tests.flows.running import files_of
from tests.object_store import Store, cut, reset, status

OUT = "s3://bucket/out"
OPTIONS = ("--dataset", "cats", "--out", OUT, "--json")


def test_a_run_from_a_bucket_to_a_bucket_is_one_of_folders_and_shows_nothing_before_its_end(
    pairsift: Command, bucket: Store, source: Path, policy: Path, tmp_path: Path
):
    for name in ("a", "b"):
        bucket.system.put_file(str(source / f"{name}.tar"), f"bucket/source/{name}.tar")
    command = ("run", "s3://bucket/source", "--policy", policy, *OPTIONS)
    bucket.fail("GET", "a.tar", cut(1_000))
    bucket.fail("GET", "b.tar", reset(1_000))
    bucket.fail("PUT", "pairs.parquet", status(503))
    bucket.fail("PUT", "manifest.json", status(403))

    code, out, _ = pairsift(*command)  # its files are there, and it is stopped before its manifest
    assert code == 2
    assert [key for key in bucket.names() if key.startswith("out/")] != []
    assert "out/cats/manifest.json" not in bucket.names()

    bucket.forget()
    code, out, _ = pairsift(*command)
    assert code == 0
    assert json.loads(out)["partitions"] == {"committed": 0, "skipped": 2, "failed": 0}
    assert [request.key for request in bucket.asked("PUT")] == ["out/cats/manifest.json"]
    assert bucket.asked("GET", ".tar") == []

    code, out, _ = pairsift("export", "cats", "--out", tmp_path / "local", "--json")
    assert code == 0
    assert files_of(tmp_path / "local") == {
        key.removeprefix("out/"): bucket.system.cat_file(f"bucket/{key}")
        for key in bucket.names()
        if key.startswith("out/")
    }

    code, out, _ = pairsift("check", "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
    pairs = next(key for key in bucket.names() if key.endswith("pairs.parquet"))
    bucket.system.rm_file(f"bucket/{pairs}")
    uids = next(key for key in bucket.names() if key.endswith("uids.npy"))
    bucket.system.pipe_file(f"bucket/{uids}", bucket.system.cat_file(f"bucket/{uids}")[:-1] + b"x")
    code, out, _ = pairsift("check", "--json")
    assert code == 1
    assert sorted(problem["problem"].split(":")[0] for problem in json.loads(out)["problems"]) == [
        "the file is gone",
        "the file's bytes have changed",
    ]

    bucket.forget()
    code, out, _ = pairsift(*command)  # what is gone is made anew of what is stored, and what has changed with it
    assert (code, json.loads(out)["partitions"]) == (0, {"committed": 1, "skipped": 1, "failed": 0})
    assert bucket.asked("GET", ".tar") == []
    code, out, _ = pairsift("check", "--json")
    assert (code, json.loads(out)["problems"]) == (0, [])
