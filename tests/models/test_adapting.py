"""An adapter fitted to the sample's own pairs, from their files to the encoder that uses it."""

from pathlib import Path

import pytest

from pairsift.adapters.lessons import Lesson, lessons_of_source
from pairsift.adapters.remaining import Takedowns
from pairsift.adapters.sampling import Wanted
from pairsift.adapters.store.engine import open_engine, prepare
from pairsift.adapters.store.trained import list_trained
from pairsift.adapting import Asked, Outcome, adapt
from pairsift.config import RunConfig, ScoreConfig
from pairsift.errors import ConfigError
from pairsift.models.conse import Conse
from pairsift.models.encoder import load_encoder
from pairsift.settings import Settings
from tests.tasks.shards import SAMPLE

CONFIG = RunConfig(score=ScoreConfig(device="cpu", dtype="float32", batch_size=4))


def ignore(done: int) -> None:
    """Take no notice of progress."""


@pytest.fixture(scope="module")
def lessons() -> list[Lesson]:
    return lessons_of_source(str(SAMPLE), CONFIG, Wanted(160, seed=0, english_only=True), Takedowns())


@pytest.fixture
def fitted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lessons: list[Lesson]) -> Outcome:
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path))
    prepare(Settings().store_url)
    return adapt(open_engine(Settings().store_url), lessons, CONFIG, Asked("sample", "the sample", 0), ignore)


def test_is_kept_registered_and_used_by_its_name(fitted: Outcome, tmp_path: Path):
    assert fitted.worth.gain_low > 0
    assert fitted.file == str(tmp_path / "models" / "adapter" / "sample.safetensors")

    adapted = load_encoder(CONFIG.score.model_copy(update={"adapter": "sample"}))

    assert isinstance(adapted, Conse)
    assert adapted.adapter is not None
    (row,) = list_trained(open_engine(Settings().store_url), "adapter", adapted.space)
    assert (row.name, row.sha256, row.data["pairs"]) == ("sample", fitted.sha256, fitted.pairs)
    assert row.metrics["gain"] == round(fitted.worth.gain, 4)
    assert adapted.cards[-1].fingerprint == fitted.sha256


def test_another_encoder_takes_no_adapter(monkeypatch: pytest.MonkeyPatch, lessons: list[Lesson], tmp_path: Path):
    monkeypatch.setattr("pairsift.adapting.load_encoder", lambda _: type("Other", (), {"name": "other"})())

    with pytest.raises(ConfigError, match=r"only conse takes an adapter, not other"):
        adapt(open_engine(f"sqlite:///{tmp_path}/s.db"), lessons, CONFIG, Asked("x", "the sample", 0), ignore)
