"""A partition is scored with the text in its pictures masked, too; the detector is an optional extra."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from sqlalchemy import select

from pairsift.adapters.scratch import read_prepared
from pairsift.adapters.store.views import pair_lineage
from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.records import Cleaner
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models import text_detection
from pairsift.models.encoder import score_fingerprint
from tasks import workplace
from tasks.ingest import ingest_partition
from tasks.preprocess import preprocess_chunk
from tests.models.tiny_clips import write_clip
from tests.tasks.policy_files import fixed_cut
from tests.tasks.shards import Members, pairs_of, write_shard
from tests.tasks.steps import claimed, committed, folder_of, planned

PLAIN, SIGN, AGAIN = "000000001", "sign", "sign-again"


@pytest.fixture(scope="module")
def score(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a config says under `score`: a tiny encoder, and masks."""
    vit = write_clip(tmp_path_factory.mktemp("models") / "vit", "vit")
    return {"encoder": f"open_clip:{vit}", "device": "cpu", "dtype": "float32", "mask_text": True}


@pytest.fixture
def signs(tmp_path: Path) -> Path:
    """A pair of the sample, and twice the same picture with a sign on it, under other captions."""
    pairs = pairs_of([1])
    pairs[SIGN] = written_on(pairs[PLAIN]) | {"txt": b"A shop window"}
    pairs[AGAIN] = pairs[SIGN] | {"txt": b"A brown dog on a lawn"}
    return write_shard(tmp_path / "source" / "a.tar", pairs)


def written_on(members: Members) -> Members:
    (suffix,) = members.keys() & {"jpg", "png", "webp"}
    decoded = cv2.imdecode(np.frombuffer(members[suffix], np.uint8), cv2.IMREAD_COLOR)
    assert decoded is not None
    picture = cv2.resize(decoded, (480, 360))
    cv2.rectangle(picture, (60, 150), (420, 210), (255, 255, 255), -1)
    cv2.putText(picture, "SPECIAL OFFER", (80, 195), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (20, 20, 20), 3)
    return {"png": cv2.imencode(".png", picture)[1].tobytes()}


def alignments() -> dict[str, tuple[float | None, float | None]]:
    shown = pair_lineage.c
    with workplace.store().connect() as connection:
        rows = connection.execute(select(shown.key, shown.pair_alignment, shown.pair_alignment_masked)).all()
    return {row.key: (row.pair_alignment, row.pair_alignment_masked) for row in rows}


def test_a_picture_with_text_is_scored_again_without_it(signs: Path, score: dict[str, Any], tmp_path: Path):
    pytest.importorskip("rapidocr", reason="needs the extra tmars: pip install 'pairsift[tmars]'")
    job = planned(signs, policy=str(fixed_cut(tmp_path)), score=score)

    committed(job, claimed(job))

    found = alignments()
    assert found[PLAIN][1] == found[PLAIN][0]
    for key in (SIGN, AGAIN):
        assert found[key][1] is not None
        assert found[key][1] != found[key][0]


def test_a_picture_and_its_masked_copy_are_prepared_once(signs: Path, score: dict[str, Any], tmp_path: Path):
    pytest.importorskip("rapidocr", reason="needs the extra tmars: pip install 'pairsift[tmars]'")
    job = planned(signs, policy=str(fixed_cut(tmp_path)), score=score)
    ingested = ingest_partition.fn(job, folder_of(claimed(job)))

    prepared = preprocess_chunk.fn(job, ingested, ingested.chunks[0])

    pairs = read_prepared(Path(prepared.pixels), Path(prepared.measurements))
    assert pairs.image_of.tolist() == [0, 1, 1]
    assert pairs.masked_of.tolist() == [-1, 2, 2]
    assert len(pairs.pixels) == 3


def test_without_the_switch_the_signal_does_not_apply(signs: Path, score: dict[str, Any], tmp_path: Path):
    job = planned(signs, policy=str(fixed_cut(tmp_path)), score=score | {"mask_text": False})

    committed(job, claimed(job))

    assert {masked for _, masked in alignments().values()} == {None}


def test_a_policy_by_it_is_refused_without_the_switch(signs: Path, score: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"'t-mars'.*pair\.alignment_masked.*set score\.mask_text to true"):
        planned(signs, policy="t-mars", score=score | {"mask_text": False})


def test_without_the_extra_a_run_is_refused_before_any_pair_is_read(
    signs: Path, score: dict[str, Any], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(text_detection, "PACKAGES", ("no-such-package",))
    text_detection.detector_fingerprint.cache_clear()

    with pytest.raises(ModelUnavailableError, match=r"pip install 'pairsift\[tmars\]'"):
        planned(signs, policy="t-mars", score=score)

    text_detection.detector_fingerprint.cache_clear()


def test_only_with_the_switch_the_detector_is_part_of_how_pairs_are_scored(score: dict[str, Any], monkeypatch):
    off, on = (ScoreConfig(**score | {"mask_text": masked}) for masked in (False, True))

    def scored(config: ScoreConfig, detector: str) -> str:
        monkeypatch.setattr("pairsift.models.encoder.detector_fingerprint", lambda: detector)
        return score_fingerprint(config, PreprocessConfig(), Cleaner.DEFAULT)

    assert scored(off, "a") == scored(off, "b")
    assert len({scored(off, "a"), scored(on, "a"), scored(on, "b")}) == 3
