from pathlib import Path

from sqlalchemy import select

from pairsift.adapters.store.views import pair_lineage
from pairsift.adapters.stories import tell
from tasks import workplace
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import cut
from tests.tasks.steps import claimed, committed, planned

KEYS = ALONE, ORIGINAL, EXACT_COPY, CROPPED_COPY, CROPPED_ORIGINAL = 1, 4, 16, 83, 161
NEAR_AND_SEMANTIC = "duplicates: {near: {hamming: 6}, semantic: {cosine: 0.9999}}"


def test_the_lineage_names_groups_and_keepers_and_explain_tells_them(tmp_path: Path):
    shard = cut(tmp_path / "source" / "a.tar", KEYS)
    policy = fixed_cut(tmp_path)
    policy.write_text(policy.read_text().replace("duplicates: drop", NEAR_AND_SEMANTIC))
    job = planned(shard, policy=str(policy))

    committed(job, claimed(job))

    lineage = pair_lineage.c
    columns = (lineage.uid, lineage.verdict, lineage.reason, lineage.duplicate_group, lineage.duplicate_of)
    with workplace.store().connect() as connection:
        found = {row[0]: row[1:] for row in connection.execute(select(lineage.key, *columns))}
    alone, first, second, cropped, whole = (found[f"{key:09d}"] for key in KEYS)
    assert alone[1:] == ("keep", None, None, None)
    assert first[1:] == ("keep", None, first[0], None)
    assert second[1:] == ("drop", "exact_duplicate", first[0], f"{job.key}/{ORIGINAL:09d}")
    keeper, copy = sorted((cropped, whole), key=lambda pair: pair[0])
    assert keeper[1:] == ("keep", None, keeper[0], None)
    assert copy[1:4] == ("drop", "near_duplicate", keeper[0])
    (story,) = tell(workplace.store(), f"{EXACT_COPY:09d}")
    assert story["decision"]["rule"] == (
        f"copy of {job.key}/{ORIGINAL:09d}: the same image and caption, byte for byte → drop (exact_duplicate)"
    )
