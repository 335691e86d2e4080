import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest
from sqlalchemy import text

from pairsift.core.signals import FUSION_MATCH, MASKED, SIGNALS
from pairsift.models import text_detection
from tasks import workplace
from tests.command_line import Command

COMMANDS = (
    ["run"], ["status"], ["explain"], ["check"], ["policies"], ["db", "upgrade"], ["doctor"], ["quantise"],
    ["decide"], ["diff"], ["export"], ["calibrate"], ["evaluate"], ["adapt"], ["train-fusion"], ["evaluation-set"],
    ["release", "make"], ["release", "list"], ["release", "show"], ["release", "verify"], ["release", "diff"],
    ["prune"], ["forget"], ["db", "backup"],
)  # fmt: skip
LOADED = """
import sys
from pairsift.cli import main
try:
    main()
finally:
    print(sorted({"torch", "prefect", "sqlalchemy", "pyarrow", "transformers"} & set(sys.modules)), file=sys.stderr)
"""


def document(out: str) -> dict[str, object]:
    """Read standard output, which must be one JSON object on one line."""
    (line,) = out.splitlines()
    found: dict[str, object] = json.loads(line)
    return found


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_the_help_of_every_command_shows_an_example(pairsift: Command, command: list[str]):
    code, out, _ = pairsift(*command, "--help")

    assert code == 0
    assert f"pairsift {' '.join(command)}" in out.partition("Example")[2]


@pytest.mark.parametrize(
    "command", [[], ["run"], ["explain"], ["decide"]], ids=lambda names: " ".join(names) or "pairsift"
)
def test_help_loads_neither_torch_nor_prefect_nor_sqlalchemy(command: list[str]):
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *command, "--help"], capture_output=True, text=True, check=True, timeout=60
    )

    assert done.stderr.strip() == "[]"


def test_status_tells_every_partitions_state_and_counts(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    code, out, _ = pairsift("status", "--json")

    (row,) = json.loads(out)["partitions"]
    assert code == 0
    assert (row["dataset"], row["partition"], row["status"]) == ("source", "a", "committed")
    assert row["pairs_read"] == 9
    assert row["pairs_read"] == row["pairs_kept"] + row["pairs_dropped"] + row["pairs_quarantined"]


def test_status_of_an_unknown_data_set_shows_no_partition(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    code, out, _ = pairsift("status", "--dataset", "dogs", "--json")

    assert (code, document(out)["partitions"]) == (0, [])


def test_explain_tells_the_whole_story_of_a_dropped_pair(pairsift: Command, curated: Path):
    code, out, _ = pairsift("explain", "000000007", "--json")

    (pair,) = json.loads(out)["pairs"]
    origin, decision, provenance = pair["origin"], pair["decision"], pair["provenance"]
    assert code == 0
    assert origin["source_uri"].endswith("/source/a.tar")
    shard = curated.with_name("source") / "a.tar"
    image = shard.read_bytes()[origin["byte_offset"] : origin["byte_offset"] + origin["byte_size"]]
    assert image.startswith(b"\xff\xd8\xff")
    assert len(origin["image_sha256"]) == 64
    assert len(origin["uid"]) == 32
    assert pair["signals"].keys() | pair["unmeasurable"].keys() == {signal.name for signal in SIGNALS} - {
        FUSION_MATCH,
        MASKED,
    }
    assert (decision["verdict"], decision["reason"]) == ("drop", "blurry")
    assert (decision["policy"], decision["policy_version"]) == ("fixed-cut", "1")
    assert "image.sharpness" in decision["rule"]
    assert "20" in decision["rule"]
    models = {name: value for name, value in provenance.items() if name.startswith("model ")}
    assert len(models) >= 3
    assert all(len(fingerprint) == 64 for fingerprint in models.values())


def test_explain_shows_people_the_same_story(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    code, out, _ = pairsift("explain", "000000007")

    assert code == 0
    assert "Pair 000000007 of source: drop: blurry" in out
    for wanted in ("byte_offset", "image_sha256", "fixed-cut", "image.sharpness", "model conse", "pair.alignment"):
        assert wanted in out


def test_explain_finds_a_pair_by_its_uid_too(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    uid = json.loads(pairsift("explain", "000000007", "--json")[1])["pairs"][0]["origin"]["uid"]

    code, out, _ = pairsift("explain", uid, "--json")

    assert code == 0
    assert json.loads(out)["pairs"][0]["origin"]["key"] == "000000007"


def test_explain_says_why_a_quarantined_pair_has_no_alignment(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    _, out, _ = pairsift("explain", "000000049", "--json")

    (pair,) = json.loads(out)["pairs"]
    assert pair["decision"]["verdict"] == "quarantine"
    assert pair["decision"]["reason"] == "image_corrupt"
    assert pair["unmeasurable"]["pair.alignment"] == "image_corrupt"


def test_explain_of_an_unknown_key_is_exit_code_2(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    code, out, err = pairsift("explain", "000000999", "--json")

    assert (code, out) == (2, "")
    assert err.startswith("pairsift: no committed pair has the key or uid '000000999'")


@pytest.mark.parametrize("command", [["status"], ["explain", "x"], ["check"]], ids=" ".join)
def test_a_command_on_a_missing_database_says_so(pairsift: Command, command: list[str]):
    code, out, err = pairsift(*command, "--json")

    assert (code, out) == (2, "")
    assert "run `pairsift db upgrade`" in err


def test_db_upgrade_makes_the_tables_and_may_be_repeated(pairsift: Command, storage: Path):
    first = pairsift("db", "upgrade", "--json")
    again = pairsift("db", "upgrade", "--json")

    assert first == again
    assert document(first[1]) == {"database": f"sqlite:///{storage}/pairsift.db"}
    assert document(pairsift("status", "--json")[1])["partitions"] == []


def test_policies_lists_those_that_are_shipped(pairsift: Command):
    code, out, _ = pairsift("policies", "--json")

    rows = json.loads(out)["policies"]
    assert code == 0
    assert {"default", "baseline"} <= {row["name"] for row in rows}
    assert all(len(row["sha256"]) == 64 for row in rows)


def test_policies_shows_one_with_every_rules_unit(pairsift: Command):
    code, out, _ = pairsift("policies", "default", "--json")

    (policy,) = json.loads(out)["policies"]
    assert code == 0
    assert len(policy["described"]["rules"]) == len(policy["rules"])
    assert policy["described"]["rules"][0] == "image.width < 64 [px]"
    assert policy["described"]["select"] == "fdr of pair.alignment, alpha 0.05"


def test_policies_of_an_unknown_name_is_exit_code_2(pairsift: Command):
    code, out, err = pairsift("policies", "defalt")

    assert (code, out) == (2, "")
    assert "did you mean 'default'?" in err


def test_doctor_finds_a_working_installation_well(pairsift: Command):
    code, out, _ = pairsift("doctor", "--json")

    checks = json.loads(out)["checks"]
    assert code == 0
    assert {found["what"] for found in checks} >= {"database", "storage", "device", "models", "prefect"}
    assert {found["state"] for found in checks} == {"ok"}


def test_doctor_says_which_extras_are_not_installed(pairsift: Command, monkeypatch: pytest.MonkeyPatch):
    def without_s3(name: str) -> str:
        if name == "s3fs":
            raise PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr("pairsift.doctor.version", without_s3)
    monkeypatch.setattr(text_detection, "find_spec", lambda _: None)
    text_detection.detector_fingerprint.cache_clear()

    code, out, _ = pairsift("doctor", "--json")

    details = {found["what"]: found["detail"] for found in json.loads(out)["checks"]}
    assert code == 0
    assert details["object stores"] == "none: for s3:// install the extra s3 (pip install 'pairsift[s3]')"
    assert details["text detection"].startswith("not installed: ")
    assert "pip install 'pairsift[tmars]'" in details["text detection"]


def test_doctor_says_what_is_amiss(pairsift: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path / "file"))
    monkeypatch.setenv("PAIRSIFT_DATABASE_URL", "postgresql://pairsift:secret@127.0.0.1:1/pairsift")

    code, out, _ = pairsift("doctor", "--json")

    amiss = {found["what"] for found in json.loads(out)["checks"] if found["state"] == "amiss"}
    assert code == 1
    assert amiss == {"database", "storage"}
    assert "secret" not in out


def test_check_finds_nothing_wrong_with_a_curated_shard(pairsift: Command, curated: Path):  # noqa: ARG001 - it is there
    code, out, _ = pairsift("check", "--json")

    found = json.loads(out)
    assert code == 0
    assert found["problems"] == []
    counts = {"committed partitions": 1, "pairs": 9, "decided partitions": 1, "files": 6, "manifests": 1}
    assert found["checked"] == counts | {"reference files": 0}


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("pattern", ["chunks/*/*.parquet", "exports/*/*/*/pairs.parquet", "exports/*/*/*/uids.npy"])
def test_check_finds_a_flipped_byte(pairsift: Command, curated: Path, pattern: str):
    path = next(curated.glob(pattern))
    flip_a_byte(path)

    code, out, _ = pairsift("check", "--json")

    (problem,) = json.loads(out)["problems"]
    assert code == 1
    assert "bytes have changed" in problem["problem"]
    assert str(path) in problem["where"]


@pytest.mark.parametrize("pattern", ["chunks/*/*.parquet", "exports/*/*/*/embeddings.parquet"])
def test_check_finds_a_file_that_is_gone(pairsift: Command, curated: Path, pattern: str):
    path = next(curated.glob(pattern))
    path.unlink()

    code, out, _ = pairsift("check", "--json")

    (problem,) = json.loads(out)["problems"]
    assert code == 1
    assert "is gone" in problem["problem"]
    assert str(path) in problem["where"]


@pytest.mark.parametrize("damage", [flip_a_byte, Path.unlink], ids=["tampered", "gone"])
def test_check_finds_a_wrong_manifest_and_repair_mends_it(
    pairsift: Command, curated: Path, damage: Callable[[Path], None]
):
    manifest = curated / "exports" / "source" / "manifest.json"
    whole = manifest.read_bytes()
    damage(manifest)

    code, out, _ = pairsift("check", "--json")
    repaired = pairsift("check", "--repair", "--json")

    assert code == 1
    assert "manifest" in json.loads(out)["problems"][0]["problem"]
    assert (repaired[0], json.loads(repaired[1])["problems"]) == (0, [])
    assert manifest.read_bytes() == whole


@pytest.mark.parametrize("tables", [("score",), ("decision",), ("decision", "score", "pair")], ids="+".join)
def test_check_finds_a_deleted_row(pairsift: Command, curated: Path, tables: tuple[str, ...]):  # noqa: ARG001 - it is there
    with workplace.store().begin() as connection:
        for table in tables:
            connection.execute(text(f"DELETE FROM {table} WHERE ordinal = 3"))

    code, out, _ = pairsift("check", "--json")

    (problem,) = json.loads(out)["problems"]
    assert code == 1
    assert problem["where"] == "source/a, decision set 1"
