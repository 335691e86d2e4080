"""Adapters of the default encoder: made of pairs, chosen by name, refused where they do not belong."""

from pathlib import Path

import numpy as np
import pytest

from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.adapting import Adapter
from pairsift.core.records import Cleaner
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models.adapter import to_tensors
from pairsift.models.conse import Conse
from pairsift.models.conse_loading import find_conse, load_conse
from pairsift.models.encoder import load_encoder, score_fingerprint
from pairsift.models.trained import save_trained, trained_uri


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, conse: Conse) -> Adapter:
    """Put an adapter of random weights into a storage, as `made` for conse and as `foreign` for another space."""
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path))
    rng = np.random.default_rng(0)
    adapter = Adapter(rng.normal(size=1280), rng.normal(size=(1280, conse.dim)), 1.0)
    for name, space in (("made", conse.space), ("foreign", "0" * 64)):
        path = tmp_path / trained_uri("adapter", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        said = {"space": space, "encoder": "conse", "shape": {}, "facts": {"gain": 0.03}}
        save_trained(to_tensors(adapter), said, path)
    return adapter


def test_adds_to_the_image_s_vector_what_was_fitted(
    made: Adapter, conse: Conse, config: ScoreConfig, drawings, captions
):
    features, image, text = conse.study(drawings, captions)
    chosen = config.model_copy(update={"adapter": "made"})

    scores = load_conse(find_conse(chosen), chosen).score(drawings, np.arange(7), captions)

    expected = made.adapt(features.astype(np.float64), image.astype(np.float64))
    np.testing.assert_allclose(scores.image_embedding, expected, atol=2e-3)
    np.testing.assert_allclose(scores.signals["pair.alignment"], (expected * text).sum(axis=1), atol=2e-3)


def test_what_is_studied_is_what_is_scored(conse: Conse, drawings, captions):
    _, image, text = conse.study(drawings, captions)

    scores = conse.score(drawings, np.arange(7), captions)

    np.testing.assert_allclose(scores.image_embedding, image, atol=1e-3)
    np.testing.assert_allclose(scores.text_embedding, text, atol=1e-3)


@pytest.mark.usefixtures("made")
def test_is_part_of_the_score_s_identity_only_when_it_is_on(config: ScoreConfig):
    def identity(adapter: str | None) -> str:
        return score_fingerprint(config.model_copy(update={"adapter": adapter}), PreprocessConfig(), Cleaner.DEFAULT)

    assert identity(None) == score_fingerprint(config, PreprocessConfig(), Cleaner.DEFAULT)
    assert identity("made") != identity(None)


@pytest.mark.usefixtures("made")
def test_the_ledger_tells_of_it(config: ScoreConfig):
    *_, card = find_conse(config.model_copy(update={"adapter": "made"})).cards

    assert (card.name, len(card.fingerprint), card.facts) == ("adapter made", 64, {"gain": 0.03})


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("score", "error", "why"),
    [
        (
            {"adapter": "absent"},
            ModelUnavailableError,
            r"there is no adapter 'absent' in .*: make it with `pairsift adapt`",
        ),
        ({"adapter": "foreign"}, ModelUnavailableError, r"'foreign' was made for the encoder conse with other weights"),
        ({"adapter": "../made"}, ConfigError, r"'../made' is no name"),
        (
            {"adapter": "made", "encoder": "open_clip:ViT-B-32:b32.pt"},
            ConfigError,
            r"score.adapter is for the encoder conse, not for open_clip",
        ),
    ],
)
def test_is_refused_where_it_does_not_belong(config: ScoreConfig, score, error, why: str):
    with pytest.raises(error, match=why):
        load_encoder(config.model_copy(update=score))


@pytest.mark.usefixtures("made")
def test_a_damaged_file_is_refused(tmp_path: Path, config: ScoreConfig):
    (tmp_path / trained_uri("adapter", "made")).write_bytes(b"nothing")

    with pytest.raises(ModelUnavailableError, match="is damaged or was not made by Pairsift"):
        find_conse(config.model_copy(update={"adapter": "made"}))


def test_the_same_adapter_is_the_same_bytes(made: Adapter, tmp_path: Path):
    said = {"space": "s", "encoder": "conse", "shape": {"b": 1, "a": 2}, "facts": {}}
    for name in ("one", "other"):
        save_trained(to_tensors(made), said, tmp_path / name)

    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()
