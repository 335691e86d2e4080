"""The stages of a partition with an encoder of open_clip, whose pictures are 32 px wide and which knows no baseline."""

import logging
import shutil
from logging.handlers import QueueHandler
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from sqlalchemy import Engine, text

from pairsift.adapters.chunks import read_chunk
from pairsift.adapters.policies import load_policy
from pairsift.adapters.scratch import read_prepared
from pairsift.adapters.store.protocol import ledgered_chunks
from pairsift.adapters.stories import tell
from pairsift.core.signals import BASELINE_SIGNALS
from pairsift.errors import ConfigError
from tasks import plan, workplace
from tasks.ingest import ingest_partition
from tasks.preprocess import preprocess_chunk
from tests.models.tiny_clips import write_clip
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import pairs_of, write_shard
from tests.tasks.steps import claimed, committed, folder_of, planned, scored


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("models") / "vit", "vit")


@pytest.fixture(scope="module")
def score(vit: Path) -> dict[str, Any]:
    """What a config says under `score`."""
    return {"encoder": f"open_clip:{vit}", "device": "cpu", "dtype": "float32"}


def count(store: Engine, table: str) -> int:
    with store.connect() as connection:
        return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def test_a_policy_that_goes_by_signals_nobody_measures_is_refused_before_anything_is_registered(
    shard: Path, score: dict[str, Any]
):
    with pytest.raises(ConfigError, match=r"'baseline'.*baseline\.pair_quality.*set score\.baseline to on"):
        planned(shard, policy="baseline", score=score)

    assert [count(workplace.store(), table) for table in ("dataset", "run", "partition", "policy")] == [0, 0, 0, 0]


def test_a_policy_by_what_only_conse_measures_is_refused_with_the_way_to_get_it(shard: Path, score: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"'sieve-like'.*text\.semantic_consistency.*score with the encoder conse"):
        planned(shard, policy="sieve-like", score=score | {"baseline": "on"})


@pytest.mark.parametrize(("encoder", "warned"), [("open_clip:ViT-B-32:openai", 0), ("conse", 1)])
def test_numbers_for_another_encoder_are_warned_of(monkeypatch: pytest.MonkeyPatch, encoder: str, warned: int):
    records: SimpleQueue[logging.LogRecord] = SimpleQueue()
    logger = logging.Logger("here")  # noqa: LOG001 - one that only this test sees
    logger.addHandler(QueueHandler(records))
    monkeypatch.setattr(plan, "get_run_logger", lambda: logger)

    plan.warn_of_encoder(load_policy("laion-2b"), encoder)

    said = [records.get().getMessage() for _ in range(records.qsize())]
    assert ["open_clip:ViT-B-32*:openai" in message for message in said] == [True] * warned


def test_the_same_policy_is_taken_where_they_are_measured(shard: Path, score: dict[str, Any]):
    job = planned(shard, policy="baseline", score=score | {"baseline": "on"})
    claim = claimed(job)

    committed(job, claim)

    (story,) = tell(workplace.store(), "000000001")
    assert count(workplace.store(), "pair_lineage WHERE verdict = 'keep'") == 4
    assert set(story["signals"]) >= {"pair.alignment", *BASELINE_SIGNALS}
    assert set(story["provenance"]) >= {"model vit", "model efficientnet_lite0"}


def test_pictures_are_prepared_at_the_size_the_encoder_takes(shard: Path, score: dict[str, Any], tmp_path: Path):
    job = planned(shard, policy=str(fixed_cut(tmp_path)), score=score)
    ingested = ingest_partition.fn(job, folder_of(claimed(job)))

    prepared = preprocess_chunk.fn(job, ingested, ingested.chunks[0])

    pairs = read_prepared(Path(prepared.pixels), Path(prepared.measurements))
    assert pairs.pixels.shape == (4, 32, 32, 3)
    assert pairs.pixels.std() > 10


def test_signals_that_are_not_measured_do_not_apply_in_chunk_store_view_and_story(
    shard: Path, score: dict[str, Any], tmp_path: Path, storage: Path
):
    job = planned(shard, policy=str(fixed_cut(tmp_path)), score=score)
    claim = claimed(job)
    ingested = scored(job, claim)
    committed(job, claim)

    chunks = ledgered_chunks(workplace.store(), claim.partition_id, ingested.fingerprints).values()
    data = [read_chunk(storage / row.uri) for row in chunks]
    columns = ", ".join(name.replace(".", "_") for name in BASELINE_SIGNALS)
    with workplace.store().connect() as connection:
        rows = connection.execute(text(f"SELECT pair_alignment, {columns} FROM pair_lineage")).tuples().all()
    (good,), (truncated,) = (tell(workplace.store(), key) for key in ("000000001", "000000049"))
    assert {value for chunk in data for name in BASELINE_SIGNALS for value in chunk.signals[name]} == {None}
    assert {chunk.image_embedding.shape[1] for chunk in data} == {64}
    assert {row[1:] for row in rows} == {(None, None, None)}
    assert sum(row[0] is not None for row in rows) == 8
    assert not set(BASELINE_SIGNALS) & {*good["signals"], *good["unmeasurable"], *truncated["unmeasurable"]}
    assert truncated["unmeasurable"]["pair.alignment"] == "image_corrupt"


@pytest.mark.parametrize(("name", "reason"), [("vit", "language_unsupported"), ("multilingual-vit", None)])
def test_captions_in_other_languages_are_measured_where_the_encoder_knows_them(
    score: dict[str, Any], vit: Path, tmp_path: Path, name: str, reason: str | None
):
    folder = shutil.copytree(vit, tmp_path / name)
    ((_, members),) = pairs_of([1]).items()
    german = members | {"txt": "Ein roter Bus fährt im Regen über die Brücke in der Altstadt.".encode()}
    source = write_shard(tmp_path / "source" / "a.tar", {"000000001": german})
    job = planned(source, policy=str(fixed_cut(tmp_path)), score=score | {"encoder": f"open_clip:{folder}"})

    committed(job, claimed(job))

    (story,) = tell(workplace.store(), "000000001")
    assert story["unmeasurable"].get("pair.alignment") == reason
    assert ("pair.alignment" in story["signals"]) is (reason is None)
