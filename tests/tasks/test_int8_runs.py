"""A run in int8: the shift stands in the lineage, and towers made anew meanwhile are noticed."""

import shutil
from pathlib import Path

import pytest

from pairsift.adapters.stories import tell
from pairsift.config import PartitionJob
from pairsift.errors import ModelUnavailableError
from tasks.score import require_planned
from tasks.workplace import store
from tests.int8_clip import Int8Clip
from tests.tasks.policy_files import fixed_cut
from tests.tasks.steps import claimed, committed, planned


@pytest.fixture
def int8_job(shard: Path, tmp_path: Path, storage: Path, int8_clip: Int8Clip) -> PartitionJob:
    shutil.copytree(int8_clip.storage / "models", storage / "models")
    score = {"encoder": int8_clip.encoder, "device": "cpu", "dtype": "int8"}
    return planned(shard, policy=str(fixed_cut(tmp_path)), score=score)


def test_the_shift_stands_in_the_lineage(int8_job: PartitionJob):
    committed(int8_job, claimed(int8_job))

    (story,) = tell(store(), "000000001")
    told = story["provenance"]
    assert told["dtype"] == "int8"
    assert told["model tiny-clip in int8"] == int8_job.models["tiny-clip in int8"]
    assert told["tiny-clip in int8: top_overlap"] == int8_job.model_facts["tiny-clip in int8"]["top_overlap"]
    assert told["tiny-clip in int8: pairs"] > 0


def test_another_model_than_the_run_was_planned_with_is_refused(int8_job: PartitionJob):
    encoder = int8_job.config.score.encoder
    changed = int8_job.model_copy(update={"models": {**int8_job.models, encoder: "0" * 64}})

    require_planned(int8_job)
    with pytest.raises(ModelUnavailableError, match="is another model here"):
        require_planned(changed)
