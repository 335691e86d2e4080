"""A trained head in an encoder: what it says of pairs, of whichever encoder, and where it is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pairsift.adapters.policies import load_policy
from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.records import Cleaner
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models.clip import Clip
from pairsift.models.clip_loading import find_clip_models, load_clip
from pairsift.models.conse import Conse
from pairsift.models.conse_loading import find_conse, load_conse
from pairsift.models.device import resolve
from pairsift.models.encoder import require_signals, score_fingerprint, space_of
from pairsift.models.fusion_heads import HeadShape
from pairsift.models.scores import Encoder
from tests.models.heads import keep_head
from tests.models.tiny_clips import write_clip

pytestmark = pytest.mark.usefixtures("one_thread")

PLAIN = ["a cat", "two dogs run along a beach at low tide", "a cat"]


@pytest.fixture
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(tmp_path))
    return tmp_path


@pytest.fixture
def with_head(storage: Path, conse: Conse, config: ScoreConfig) -> Conse:
    keep_head(storage, "made", conse.space, HeadShape("tokens", 1280, conse.dim))
    chosen = config.model_copy(update={"fusion": "made"})
    return load_conse(find_conse(chosen), chosen)


@pytest.fixture
def tiny(storage: Path, tmp_path: Path) -> Clip:
    encoder = f"open_clip:{write_clip(tmp_path / 'vit', 'vit')}"
    plain = resolve(ScoreConfig(encoder=encoder, device="cpu", dtype="float32", batch_size=2))
    space, dim = space_of(plain), load_clip(find_clip_models(plain), plain).dim
    keep_head(storage, "tiny", space, HeadShape("tokens", dim, dim, width=16))
    chosen = plain.model_copy(update={"fusion": "tiny"})
    return load_clip(find_clip_models(chosen), chosen)


def pictures(encoder: Encoder, count: int = 3) -> np.ndarray:
    side = 224 if isinstance(encoder, Conse) else encoder.see.visual.image_size[0]  # type: ignore[attr-defined] # only a Clip has it
    return np.random.default_rng(5).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


@pytest.mark.parametrize("which", ["with_head", "tiny"])
def test_says_of_pairs_in_a_run_what_it_learnt_on_their_sides(which: str, request: pytest.FixtureRequest):
    encoder = request.getfixturevalue(which)
    pixels = pictures(encoder)

    scores = encoder.score(pixels, np.arange(3), PLAIN)

    sides, _ = encoder.sides(pixels, PLAIN)
    with torch.inference_mode():
        fused, match = encoder.head(sides)
    np.testing.assert_allclose(scores.signals["pair.fusion_match"], match.numpy(), atol=1e-5)
    np.testing.assert_allclose(scores.fused_embedding, fused.numpy(), atol=1e-3)


@pytest.mark.parametrize("which", ["with_head", "tiny"])
def test_another_image_or_caption_is_another_match(which: str, request: pytest.FixtureRequest):
    encoder = request.getfixturevalue(which)

    scores = encoder.score(pictures(encoder), np.array([0, 0, 1]), PLAIN)

    match = scores.signals["pair.fusion_match"]
    assert abs(match[0] - match[1]) > 1e-5
    assert abs(match[0] - match[2]) > 1e-5


@pytest.mark.parametrize("which", ["with_head", "tiny"])
def test_a_side_that_is_absent_has_no_match(which: str, request: pytest.FixtureRequest):
    encoder = request.getfixturevalue(which)

    scores = encoder.score(pictures(encoder, 2), np.array([0, -1, 1]), ["a cat", "a cat", None])

    assert np.isnan(scores.signals["pair.fusion_match"]).tolist() == [False, True, True]


def test_a_pair_alone_has_the_match_it_has_among_others(with_head: Conse):
    pixels = pictures(with_head)
    together = with_head.score(pixels, np.arange(3), PLAIN)

    for row in range(3):
        alone = with_head.score(pixels[row : row + 1], np.zeros(1, np.int64), PLAIN[row : row + 1])
        assert alone.signals["pair.fusion_match"][0] == together.signals["pair.fusion_match"][row]
        assert alone.fused_embedding[0].tobytes() == together.fused_embedding[row].tobytes()


def test_changes_the_fused_embedding_and_no_other_number(with_head: Conse, conse: Conse):
    pixels = pictures(conse)
    trained, free = (encoder.score(pixels, np.arange(3), PLAIN) for encoder in (with_head, conse))

    assert trained.signals["pair.alignment"].tobytes() == free.signals["pair.alignment"].tobytes()
    assert trained.image_embedding.tobytes() == free.image_embedding.tobytes()
    assert not np.allclose(trained.fused_embedding, free.fused_embedding, atol=0.01)


def test_is_part_of_the_score_s_identity(with_head: Conse, config: ScoreConfig):
    chosen = config.model_copy(update={"fusion": "made"})
    identities = {score_fingerprint(one, PreprocessConfig(), Cleaner.DEFAULT) for one in (config, chosen)}

    assert len(identities) == 2
    assert with_head.fingerprint == find_conse(chosen).fingerprint
    assert find_conse(chosen).cards[-1].name == "fusion made"


def test_a_head_for_another_encoder_is_refused(storage: Path, config: ScoreConfig):
    keep_head(storage, "foreign", "0" * 64, HeadShape("tokens", 1280, 384))

    with pytest.raises(ModelUnavailableError, match=r"fusion 'foreign' was made for the encoder e with other weights"):
        find_conse(config.model_copy(update={"fusion": "foreign"}))


def test_a_policy_that_goes_by_it_is_refused_without_a_head(tmp_path: Path, config: ScoreConfig):
    path = tmp_path / "policy.yaml"
    path.write_text(
        "name: fused\nversion: 1\ndescription: by the head\n"
        "select: {method: absolute, signal: pair.fusion_match, ge: 0.5}\n",
        encoding="utf-8",
    )
    policy = load_policy(str(path))

    with pytest.raises(ConfigError, match=r"goes by pair.fusion_match, .* train a head with `pairsift train-fusion`"):
        require_signals(policy, config)

    require_signals(policy, config.model_copy(update={"fusion": "made"}))
