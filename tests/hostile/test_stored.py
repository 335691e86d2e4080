"""All hostile pairs through a whole partition: database, Parquet, JSON and terminal stay well formed."""

import io
import json
import tarfile
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from prefect.logging import disable_run_logger
from rich.console import Console
from rich.table import Table
from sqlalchemy import Engine, text

from pairsift.adapters.checking import check
from pairsift.adapters.stories import tell
from pairsift.console.looking import render_explain
from pairsift.core.captions import display_text
from pairsift.core.records import Reason, Verdict
from tasks import workplace
from tests.hostile.caption_cases import MAX_CAPTION_BYTES
from tests.hostile.cases import PairCase, pair_cases
from tests.hostile.image_cases import MAX_IMAGE_BYTES
from tests.hostile.shards import HOSTILE_KEYS, NEIGHBOURS, write_cases
from tests.production.postgresql import PostgreSQL
from tests.tasks.policy_files import fixed_cut
from tests.tasks.steps import claimed, committed, planned

CASES = (*pair_cases(), *HOSTILE_KEYS)
ALL = (*CASES, *NEIGHBOURS)
WRITTEN = tuple(case for case in CASES if not case.name.startswith("image-"))
"""Those whose text is hostile."""

pytestmark = pytest.mark.filterwarnings("ignore")  # as in production: Pillow warns of odd tags


@dataclass(frozen=True)
class Curated:
    """A database in which all cases are committed, and the folder of their export."""

    store: Engine
    export: Path
    shard: Path

    def lineage(self) -> dict[str, dict[str, Any]]:
        with self.store.connect() as connection:
            rows = connection.execute(text("SELECT * FROM pair_lineage")).mappings().all()
        return {row["key"]: dict(row) for row in rows}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One storage for both databases: what the first has scored, the second finds."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def curated(request: pytest.FixtureRequest, folder: Path) -> Iterator[Curated]:
    with pytest.MonkeyPatch.context() as patch, disable_run_logger():
        patch.setenv("PAIRSIFT_STORAGE", str(folder / "storage"))
        patch.delenv("PAIRSIFT_DATABASE_URL", raising=False)
        own = folder / request.param
        own.mkdir()
        server = PostgreSQL(own) if request.param == "postgresql" else None
        if server is not None:
            server.create_database("hostile")
            patch.setenv("PAIRSIFT_DATABASE_URL", server.url("hostile", "postgresql+psycopg"))
        yield curate(own)
        workplace.store().dispose()
        if server is not None:
            server.close()


def curate(own: Path) -> Curated:
    limits = {"max_image_bytes": MAX_IMAGE_BYTES, "max_caption_bytes": MAX_CAPTION_BYTES}
    job = planned(
        write_cases(own / "a.tar", CASES),
        policy=str(without_floor(own)),
        preprocess=limits,
        chunk_pairs=256,
        export={"formats": ["shard"]},
    )
    outcome = committed(job, claimed(job))
    assert outcome.error is None
    (pairs,) = Path(job.out).glob("**/pairs.parquet")
    (shard,) = Path(job.out).glob("**/*.tar")
    return Curated(workplace.store(), pairs.parent, shard)


def without_floor(own: Path) -> Path:
    """Write a policy that drops nothing for its sharpness: all these pictures are small."""
    policy = fixed_cut(own)
    policy.write_text(policy.read_text().replace("lt: 20", "lt: 0"))
    return policy


def test_every_pair_is_there_once_with_its_verdict(curated: Curated):
    rows = curated.lineage()

    assert sorted(rows) == sorted(case.name for case in ALL)
    wrong = {case.name: rows[case.name]["reason"] for case in ALL if not _as_expected(case, rows[case.name])}
    assert wrong == {}
    assert Reason.LANGUAGE_UNSUPPORTED in {row["reason"] for row in rows.values()}


def _as_expected(case: PairCase, row: dict[str, Any]) -> bool:
    """An unreadable pair is in quarantine for its reason; another one has any verdict but such a reason."""
    if case.reason is not None:
        return (row["verdict"], row["reason"]) == (Verdict.QUARANTINE, case.reason)
    return bool(row["verdict"] != Verdict.QUARANTINE or row["reason"] == Reason.LANGUAGE_UNSUPPORTED)


def test_captions_come_back_as_they_came_and_as_they_were_cleaned(curated: Curated):
    rows = curated.lineage()

    for case in ALL:
        kept = None if case.caption is None else case.caption[: MAX_CAPTION_BYTES + 2]
        assert rows[case.name]["raw_caption"] == display_text(kept)
        assert case.cleaned is None or rows[case.name]["caption"] == case.cleaned


def test_the_check_finds_nothing_lost_or_doubled(curated: Curated):
    check(curated.store, workplace.storage(), repair=True)  # the run's end writes the manifest, and there is none here

    assert check(curated.store, workplace.storage(), repair=False).problems == []


def test_the_files_of_the_export_say_the_same(curated: Curated):
    rows = curated.lineage()
    pairs = pq.read_table(curated.export / "pairs.parquet").to_pylist()
    kept = [pair["key"] for pair in pairs if pair["verdict"] == Verdict.KEEP]

    assert [(pair["key"], pair["caption"], pair["verdict"], pair["reason"]) for pair in pairs] == [
        (key, row["caption"], row["verdict"], row["reason"])
        for key, row in ((pair["key"], rows[pair["key"]]) for pair in pairs)
    ]
    assert len(pairs) == len(ALL)
    assert pq.read_table(curated.export / "embeddings.parquet")["key"].to_pylist() == kept
    with tarfile.open(curated.shard) as shard:
        names = shard.getnames()
    assert len(names) == len(set(names))
    assert all(name.replace("-", "").replace("_", "").replace(".", "").isalnum() for name in names)


def test_every_story_is_json_and_leaves_the_terminal_alone(curated: Curated):
    for case in WRITTEN:
        (story,) = tell(curated.store, case.name)
        shown = io.StringIO()
        console = Console(file=shown, width=120)
        for part in render_explain({"pairs": [story]}):
            if not isinstance(part, Table):  # the signals' numbers: long to draw, and not a stranger's words
                console.print(part, highlight=False)

        assert json.loads(json.dumps(story, ensure_ascii=False, default=str).encode())["origin"]["key"] == case.name
        assert {c for c in shown.getvalue() if unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"}} <= {"\n"}
