"""Int8 towers of a tiny model of random weights, made of the sample and found in a storage."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pairsift import quantising
from pairsift.adapters.remaining import Takedowns
from pairsift.config import RunConfig, ScoreConfig
from pairsift.core.shift import Shift
from pairsift.errors import ConfigError, ModelUnavailableError, SourceError
from pairsift.models.checkpoints import find_clip
from pairsift.models.device import resolve
from pairsift.models.encoder import load_encoder, model_cards
from pairsift.models.quantised import Quantised, find_quantised, folder_of
from pairsift.models.scores import Encoder, Scores
from pairsift.quantising import Pairs, read_pairs
from tests.command_line import Command
from tests.int8_clip import SAMPLE, Int8Clip
from tests.taken_down import take_down_here

LARGEST_STEP = 0.05
"""The alignment of random weights moves by 0.02 at most."""
FIGURES = Shift(100, 0.001, 0.01, 0.99, 0.95, 0.99, 0.99, 0.99, 0.99)


@pytest.fixture
def found(int8_clip: Int8Clip, monkeypatch: pytest.MonkeyPatch) -> ScoreConfig:
    """Ask for int8 where the towers lie in the storage."""
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(int8_clip.storage))
    return ScoreConfig(encoder=int8_clip.encoder, device="cpu", dtype="int8")


@pytest.fixture
def pairs(found: ScoreConfig) -> Pairs:
    return read_pairs(str(SAMPLE), RunConfig(score=found), 45, Takedowns(), english_only=True)


@pytest.fixture
def made(found: ScoreConfig, int8_clip: Int8Clip, monkeypatch: pytest.MonkeyPatch, storage: Path) -> Quantised:
    """Have the towers that were made once made again, for an empty storage."""
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(int8_clip.storage))
    again = find_quantised(find_clip(found.encoder).fingerprint, found.encoder)
    monkeypatch.setenv("PAIRSIFT_STORAGE", str(storage))
    monkeypatch.setattr(quantising, "_make", lambda *_: again)
    return again


def score(encoder: Encoder, pairs: Pairs) -> Scores:
    return encoder.score(pairs.pixels, np.arange(len(pairs.uids)), pairs.captions)


def as_bytes(scores: Scores) -> bytes:
    embeddings = (scores.image_embedding, scores.text_embedding, scores.fused_embedding)
    return b"".join(array.tobytes() for array in (*embeddings, scores.signals["pair.alignment"]))


def test_says_nearly_what_float32_says(found: ScoreConfig, pairs: Pairs):
    before = score(load_encoder(found.model_copy(update={"dtype": "float32"})), pairs)

    after = score(load_encoder(found), pairs)

    steps = np.abs(after.signals["pair.alignment"] - before.signals["pair.alignment"])
    assert 0 < steps.max() < LARGEST_STEP
    fused = (before.fused_embedding.astype(np.float32) * after.fused_embedding.astype(np.float32)).sum(axis=1)
    assert fused.min() > 0.95


def test_a_pair_alone_has_the_same_bytes_as_among_others(found: ScoreConfig, pairs: Pairs):
    encoder = load_encoder(found)
    together = score(encoder, pairs)

    alone = score(encoder, Pairs(pairs.uids[7:8], pairs.pixels[7:8], pairs.captions[7:8]))

    assert alone.image_embedding[0].tobytes() == together.image_embedding[7].tobytes()
    assert alone.text_embedding[0].tobytes() == together.text_embedding[7].tobytes()
    assert alone.fused_embedding[0].tobytes() == together.fused_embedding[7].tobytes()


def test_threads_at_once_give_the_same_bytes(found: ScoreConfig, pairs: Pairs):
    encoder = load_encoder(found)

    with ThreadPoolExecutor(2) as lanes:
        scored = list(lanes.map(lambda _: as_bytes(score(encoder, pairs)), range(4)))

    assert set(scored) == {as_bytes(score(encoder, pairs))}


def test_its_identity_is_its_own_and_its_card_tells_the_shift(found: ScoreConfig):
    cards = model_cards(found)

    assert cards[0].fingerprint != model_cards(found.model_copy(update={"dtype": "float32"}))[0].fingerprint
    facts = {card.name: card.facts for card in cards}["tiny-clip in int8"]
    assert facts is not None
    assert 0.8 <= float(facts["top_overlap"]) <= 1
    assert facts["source"] == str(SAMPLE)


@pytest.mark.usefixtures("storage")
def test_without_towers_the_error_names_the_command_that_makes_them(int8_clip: Int8Clip):
    config = ScoreConfig(encoder=int8_clip.encoder, device="cpu", dtype="int8")

    with pytest.raises(ModelUnavailableError, match=f"pairsift quantise SOURCE --encoder {int8_clip.encoder}"):
        model_cards(config)


def test_towers_that_are_not_those_measured_are_refused(found: ScoreConfig, made: Quantised):
    kept = quantising._keep(made, folder_of(find_clip(found.encoder).fingerprint))  # noqa: SLF001 - the writer alone
    (kept / "text.xml").write_text("<net/>")

    with pytest.raises(ModelUnavailableError, match="has changed"):
        model_cards(found)


def test_without_openvino_the_error_says_what_to_install(found: ScoreConfig, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pairsift.models.quantised.version", lambda _: missing())

    with pytest.raises(ModelUnavailableError, match=r"pip install 'pairsift\[openvino\]'"):
        model_cards(found)


def missing() -> str:
    raise PackageNotFoundError


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"encoder": "conse"}, "not for conse"),
        ({"device": "cuda:0"}, "not for cuda:0"),
        ({"compile": True}, "without score.compile"),
    ],
)
def test_int8_is_refused_where_it_is_not_to_be_had(changes: dict[str, Any], said: str):
    config = ScoreConfig(encoder="open_clip:ViT-B-32:x", device="cpu", dtype="int8").model_copy(update=changes)

    with pytest.raises(ConfigError, match=said):
        resolve(config, elsewhere=True)


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(("bound", "code", "files"), [(0.95, 0, 5), (0.951, 1, 0)])
def test_is_switched_on_from_the_bound_on_and_else_nothing_is_written(
    pairsift: Command,
    found: ScoreConfig,
    storage: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    bound: float,
    code: int,
    files: int,
):
    monkeypatch.setattr(quantising, "measure_shift", lambda *_: FIGURES)

    ended, out, _ = pairsift(
        "quantise", SAMPLE, "--encoder", found.encoder, "--pairs", 50, "--least-overlap", bound, "--json"
    )

    assert (ended, json.loads(out)["switched_on"]) == (code, code == 0)
    assert len([path for path in storage.rglob("*") if path.is_file()]) == files


@pytest.mark.usefixtures("made")
def test_people_are_shown_the_shift_what_it_means_and_what_was_left_out(pairsift: Command, found: ScoreConfig):
    take_down_here(1)

    ended, out, _ = pairsift("quantise", SAMPLE, "--encoder", found.encoder, "--pairs", 50, "--least-overlap", "0")

    assert ended == 0
    assert "top_overlap" in out
    assert "switched on" in out
    assert "and left out: 1" in out


def test_only_an_encoder_of_open_clip_can_be_quantised():
    with pytest.raises(ConfigError, match="not conse"):
        quantising.quantise(str(SAMPLE), RunConfig(), 100, 0.95)


def test_too_few_usable_pairs_measure_nothing(found: ScoreConfig):
    with pytest.raises(SourceError, match="at least 40 are needed"):
        read_pairs(str(SAMPLE), RunConfig(score=found), 20, Takedowns(), english_only=True)


def test_nothing_is_reported_to_anybody(int8_clip: Int8Clip):
    assert int8_clip
    assert sys.modules["openvino_telemetry"] is None
