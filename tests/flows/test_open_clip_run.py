from pathlib import Path

from sqlalchemy import text

from pairsift.adapters.checking import check
from tasks import workplace
from tests.flows.running import EncoderCalls, run
from tests.models.tiny_clips import write_clip


def test_a_run_with_a_model_of_open_clip_is_committed_whole_and_skipped_when_repeated(
    source: Path, policy: Path, tmp_path: Path, storage: Path, encoder_calls: EncoderCalls
):
    model = write_clip(tmp_path / "models" / "vit", "vit")
    config = {"score": {"encoder": f"open_clip:{model}", "device": "cpu", "dtype": "float32"}}

    first = run(source, policy, config=config)
    second = run(source, policy, config=config)

    query = "SELECT count(*), count(pair_alignment), count(baseline_pair_quality) FROM pair_lineage"
    with workplace.store().connect() as connection:
        counts = tuple(connection.execute(text(query)).one())
    assert first["partitions"] == {"committed": 3, "skipped": 0, "failed": 0}
    assert second["partitions"] == {"committed": 0, "skipped": 3, "failed": 0}
    assert second["pairs"] == first["pairs"]
    assert sum(encoder_calls.pairs) == 20
    assert counts == (20, 18, 0)  # a picture is truncated, and a caption is a file's name
    assert check(workplace.store(), storage, repair=False).problems == []
