from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray

from pairsift.config import ScoreConfig
from pairsift.core.images import Fit
from pairsift.core.signals import BASELINE_SIGNALS, CONSISTENCY, FUSION_MATCH, MASKED, MODEL_SIGNALS
from pairsift.errors import ModelUnavailableError
from pairsift.models.clip import BUCKETS, Clip, ends_of
from pairsift.models.clip_loading import find_clip_models, load_clip
from pairsift.models.device import limit_threads, resolve
from pairsift.models.feeding import BatchSize
from pairsift.models.fusion import fuse
from pairsift.models.pictures import fit_picture
from pairsift.models.scores import Scores
from pairsift.models.towers import Pair, TextTower, lay_out_projections
from tests.models.tiny_clips import (
    BERT_POOLERS,
    COCA_TEXT,
    FAMILIES,
    clip,
    write_bert_clip,
    write_clip,
    write_model,
    write_tokenizer,
)

EMBEDDINGS = ("image_embedding", "text_embedding", "fused_embedding")
Pixels = NDArray[np.uint8]
CAPTIONS = [
    "a cat",
    "one two three four five six",  # 8 tokens with the two ends: a bucket's length
    "one two three four five six seven",
    "one two three four five six seven eight nine ten",  # 12
    "one two three four five six seven eight nine ten eleven",
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen",  # 16
    "! ! ! ! !",  # the token that fills captions up, too
    "!",
    "a cat",
    "stone " * 75,  # 77: the context
    "stone " * 76,
    "stone " * 500,
    "\N{CAT FACE}\N{FAMILY}\N{REGIONAL INDICATOR SYMBOL LETTER D}",
    "ein Käse, 你好, Ёлка",
    "<end_of_text> a cat <start_of_text>",
    " \t ",
    "\u200b",
    "&amp;amp;",
    "\x00",
    "a cat.",
]
ROWS = np.arange(len(CAPTIONS))


class CountingTower:
    """Passes batches on to a tower, and notes their shapes."""

    def __init__(self, tower: Any) -> None:
        self.tower = tower
        self.shapes: list[tuple[int, ...]] = []

    def __call__(self, batch: torch.Tensor, /) -> Pair:
        self.shapes.append(tuple(batch.shape))
        pair: Pair = self.tower(batch)
        return pair

    @property
    def rows(self) -> int:
        return sum(shape[0] for shape in self.shapes)


class SmallMemory:
    """A tower on a device whose memory holds so many rows, or so many tokens, and no more."""

    def __init__(self, tower: Any, rows: int) -> None:
        self.tower = tower
        self.rows = rows
        self.refused: list[int] = []

    def __call__(self, batch: torch.Tensor, /) -> Pair:
        if len(batch) > self.rows:
            self.refused.append(len(batch))
            raise torch.OutOfMemoryError("no room")
        pair: Pair = self.tower(batch)
        return pair


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """As lanes are: the bytes of more threads depend on how they share the work."""
    threads = torch.get_num_threads()
    limit_threads(1)
    yield
    limit_threads(threads)


def load(folder: Path, **changes: Any) -> Clip:
    base = {"encoder": f"open_clip:{folder}", "device": "cpu", "dtype": "float32", "batch_size": 4}
    config = resolve(ScoreConfig(**{**base, **changes}))
    return load_clip(find_clip_models(config), config)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("models") / "vit", "vit")


@pytest.fixture(scope="module")
def vit(folder: Path) -> Clip:
    return load(folder)


@pytest.fixture(scope="module")
def siglip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load(write_clip(tmp_path_factory.mktemp("models") / "siglip", "siglip"))


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load(write_clip(tmp_path_factory.mktemp("models") / "resnet", "resnet"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    return load(write_bert_clip(tmp_path_factory.mktemp("models") / "bert", "mean_pooler"))


@pytest.fixture(params=["vit", "siglip", "resnet", "bert"])
def encoder(request: pytest.FixtureRequest) -> Clip:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Clip)
    return found


def pictures_for(encoder: Clip, count: int = len(CAPTIONS)) -> Pixels:
    side = {"siglip": 160, "resnet": 64}.get(encoder.name.rpartition("/")[2], 32)
    return np.random.default_rng(3).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def take(scores: Scores, rows: NDArray[np.int64]) -> dict[str, bytes]:
    """Return every number of some pairs as bytes, by name."""
    arrays = {name: getattr(scores, name) for name in EMBEDDINGS} | scores.signals
    return {name: array[rows].tobytes() for name, array in arrays.items()}


def test_a_pair_alone_has_the_bytes_it_has_among_others(encoder: Clip):
    pictures = pictures_for(encoder)
    together = encoder.score(pictures, ROWS, CAPTIONS)

    for row in ROWS:
        alone = encoder.score(pictures[row : row + 1], ROWS[:1], CAPTIONS[row : row + 1])
        assert take(alone, ROWS[:1]) == take(together, ROWS[row : row + 1]), CAPTIONS[row]


def test_the_order_of_pairs_and_of_pictures_changes_no_byte(encoder: Clip):
    generator = np.random.default_rng(1)
    order, places = generator.permutation(len(ROWS)), generator.permutation(len(ROWS))
    pictures = pictures_for(encoder)
    together = encoder.score(pictures, ROWS, CAPTIONS)

    shuffled = encoder.score(pictures[order][places], np.argsort(places), [CAPTIONS[row] for row in order])

    assert take(shuffled, ROWS) == take(together, order)


@pytest.mark.parametrize("batch_size", [17, 64])
def test_the_batch_size_changes_no_byte_on_one_thread(encoder: Clip, batch_size: int):
    """From 16 pictures on, the default: of fewer, products with one row a picture have other bits."""
    pictures = pictures_for(encoder)
    sizes = [replace(encoder, batch=BatchSize(size)) for size in (16, batch_size)]

    scores = [each.score(pictures, ROWS, CAPTIONS) for each in sizes]

    assert take(scores[0], ROWS) == take(scores[1], ROWS)


def test_a_small_batch_size_changes_no_more_than_rounding(encoder: Clip):
    pictures = pictures_for(encoder)

    scores = replace(encoder, batch=BatchSize(1)).score(pictures, ROWS, CAPTIONS)

    expected = encoder.score(pictures, ROWS, CAPTIONS)
    np.testing.assert_allclose(scores.signals["pair.alignment"], expected.signals["pair.alignment"], atol=1e-4)
    np.testing.assert_allclose(scores.fused_embedding.astype(float), expected.fused_embedding.astype(float), atol=1e-3)


@pytest.mark.parametrize("count", [1, 2, 3, 15, 16, 17, 100, 300])
def test_many_captions_have_the_bytes_that_few_have(vit: Clip, count: int):
    captions = [f"{'stone ' * (number % 80)}bridge {number}" for number in range(300)]
    pictures = pictures_for(vit, 1)
    together = vit.score(pictures, np.zeros(300, np.int64), captions)

    fewer = vit.score(pictures, np.zeros(count, np.int64), captions[:count])

    assert take(fewer, np.arange(count)) == take(together, np.arange(count))


@pytest.mark.parametrize("kind", ["mean_pooler", "cls_pooler", "coca", "short_context"])
def test_a_caption_in_a_wide_model_has_the_bytes_it_has_among_others(tmp_path: Path, kind: str):
    """Products of 384 numbers by 384 in one state a caption are where fewer than 16 captions showed."""
    encoder = load(write_wide(tmp_path / "model", kind))
    captions = [f"old house, {'red ' * (number % 5)}bicycle {number % 7}" for number in range(40)]
    pictures = np.zeros((1, 32, 32, 3), np.uint8)

    together = encoder.score(pictures, np.zeros(40, np.int64), captions)

    for row in range(20):
        alone = encoder.score(pictures, ROWS[:1], captions[row : row + 1])
        assert take(alone, ROWS[:1]) == take(together, np.array([row]))


def write_wide(folder: Path, kind: str) -> Path:
    if kind in BERT_POOLERS:
        return write_bert_clip(folder, kind, width=384)
    wide = {"width": 384, "heads": 6, "layers": 1}
    if kind == "coca":
        return write_model(folder, FAMILIES["coca"] | {"embed_dim": 384, "text_cfg": COCA_TEXT | wide})
    return write_model(folder, clip(text=wide | {"context_length": 5}) | {"embed_dim": 384})


@pytest.mark.parametrize("shape", [(64, 64), (768, 512), (1024, 1024), (1280, 1280)])
def test_few_states_are_projected_to_the_bytes_of_many(shape: tuple[int, int]):
    net = torch.nn.Module()
    torch.manual_seed(2)
    net.text_projection = torch.nn.Parameter(torch.randn(shape), requires_grad=False)
    values, states = net.text_projection.clone(), torch.randn(512, shape[0])

    lay_out_projections(net)

    assert torch.equal(net.text_projection, values)
    many = states @ net.text_projection
    assert all(torch.equal(states[:count] @ net.text_projection, many[:count]) for count in (16, 17, 40, 128, 192))


def test_each_picture_and_each_caption_is_encoded_once(vit: Clip):
    see, read = CountingTower(vit.see), CountingTower(vit.read)
    counted = replace(vit, see=see, read=read, batch=BatchSize(2))

    scores = counted.score(
        pictures_for(vit, 2), np.array([0, 1, 1, 0, 1]), ["a cat", "a dog", "a cat", "a cat", "a cow"]
    )

    assert see.shapes == [(2, 32, 32, 3)]
    assert read.shapes == [(4, 8)]
    assert take(scores, np.array([0])) == take(scores, np.array([3]))
    assert take(scores, np.array([0])) != take(scores, np.array([2]))


def test_captions_are_read_no_longer_than_their_bucket(vit: Clip):
    read = CountingTower(vit.read)

    replace(vit, read=read).score(pictures_for(vit), ROWS, CAPTIONS)

    assert {length for _, length in read.shapes} == {8, 12, 16, 20, 77}


def test_what_cannot_be_cut_is_read_whole(siglip: Clip):
    read = CountingTower(siglip.read)

    replace(siglip, read=read).score(pictures_for(siglip), ROWS, CAPTIONS)

    assert {length for _, length in read.shapes} == {16}


def test_what_is_absent_is_nan_and_the_rest_is_measured(vit: Clip):
    scores = vit.score(pictures_for(vit, 2), np.array([0, -1, 1, -1]), ["a cat", "a cat", None, None])

    assert (~np.isnan(scores.signals["pair.alignment"])).tolist() == [True, False, False, False]
    assert [(~np.isnan(getattr(scores, name))).all(axis=1).tolist() for name in EMBEDDINGS] == [
        [True, False, True, False],
        [True, True, False, False],
        [True, False, False, False],
    ]


def test_a_pair_has_the_bytes_it_has_where_others_lack_a_side(vit: Clip):
    pictures = pictures_for(vit, 2)
    whole = vit.score(pictures, ROWS[:2], ["a cat", "a dog"])

    holed = vit.score(pictures, np.array([-1, 0, 1, 1]), ["a cow", "a cat", None, "a dog"])

    assert take(holed, np.array([1, 3])) == take(whole, ROWS[:2])


def test_scores_no_pair_at_all(encoder: Clip):
    scores = encoder.score(pictures_for(encoder, 0), ROWS[:0], [])

    assert [getattr(scores, name).shape for name in EMBEDDINGS] == [(0, encoder.dim)] * 3
    assert scores.signals["pair.alignment"].shape == (0,)


def test_scores_captions_without_any_image(encoder: Clip):
    scores = encoder.score(pictures_for(encoder, 0), np.array([-1, -1]), ["a cat", None])

    assert np.isnan(scores.signals["pair.alignment"]).all()
    assert not np.isnan(scores.text_embedding[0]).any()


def test_scores_images_without_any_caption(encoder: Clip):
    scores = encoder.score(pictures_for(encoder, 2), np.array([0, 1]), [None, None])

    assert np.isnan(scores.signals["pair.alignment"]).all()
    assert not np.isnan(scores.image_embedding).any()


def test_embeddings_are_float16_of_unit_length(encoder: Clip):
    scores = encoder.score(pictures_for(encoder), ROWS, CAPTIONS)

    for embedding in (getattr(scores, name) for name in EMBEDDINGS):
        assert embedding.dtype == np.float16
        np.testing.assert_allclose(np.linalg.norm(embedding.astype(np.float64), axis=1), 1, atol=1e-3)


def test_another_picture_or_caption_makes_another_fused_embedding(encoder: Clip):
    pictures = pictures_for(encoder, 2)

    fused = encoder.score(pictures, np.array([0, 1, 0]), ["a cat", "a cat", "old house, red bicycle"]).fused_embedding

    assert not np.array_equal(fused[0], fused[1])
    assert not np.array_equal(fused[0], fused[2])


@torch.inference_mode()
def test_fusion_is_over_the_tokens_of_picture_and_caption(vit: Clip):
    pictures = pictures_for(vit, 1)
    ids = vit.tokenizer(["a cat"])[:, :4]

    scores = vit.score(pictures, ROWS[:1], ["a cat"])

    expected = fuse(vit.see(torch.from_numpy(pictures))[1], vit.read(ids)[1], torch.ones((1, 4), dtype=torch.bool))
    np.testing.assert_allclose(scores.fused_embedding, expected.numpy(), atol=1e-3)


def test_alignment_can_be_computed_again_from_the_stored_embeddings(vit: Clip):
    scores = vit.score(pictures_for(vit), ROWS, CAPTIONS)
    image, text = scores.image_embedding.astype(np.float64), scores.text_embedding.astype(np.float64)

    cosines = (image * text).sum(1) / np.linalg.norm(image, axis=1) / np.linalg.norm(text, axis=1)

    np.testing.assert_array_equal(scores.signals["pair.alignment"], cosines.astype(np.float32))


def test_leaves_its_input_as_it_was(encoder: Clip):
    pictures, places, captions = pictures_for(encoder), ROWS.copy(), list(CAPTIONS)
    for array in (pictures, places):
        array.flags.writeable = False

    encoder.score(pictures, places, captions)

    np.testing.assert_array_equal(pictures, pictures_for(encoder))
    assert captions == CAPTIONS


def test_bfloat16_agrees_with_float32(folder: Path, vit: Clip):
    pictures = pictures_for(vit)

    rounded = load(folder, dtype="bfloat16").score(pictures, ROWS, CAPTIONS)

    exact = vit.score(pictures, ROWS, CAPTIONS)
    assert not np.array_equal(rounded.signals["pair.alignment"], exact.signals["pair.alignment"])
    np.testing.assert_allclose(rounded.signals["pair.alignment"], exact.signals["pair.alignment"], atol=0.01)


def test_measures_the_alignment_alone_by_default(vit: Clip):
    assert set(vit.score(pictures_for(vit), ROWS, CAPTIONS).signals) == {"pair.alignment"}


@torch.inference_mode()
def test_the_baseline_signals_are_measured_of_pictures_of_another_size(folder: Path, vit: Clip):
    pictures = pictures_for(vit)

    encoder = load(folder, baseline="on")
    signals = encoder.score(pictures, ROWS, CAPTIONS).signals

    assert encoder.classifier is not None
    enlarged = np.stack([fit_picture(picture, Fit(224, 224, "squeeze", "bilinear")) for picture in pictures])
    logits = encoder.classifier.logits(encoder.classifier.features(torch.from_numpy(enlarged)))
    np.testing.assert_allclose(signals["baseline.image_quality"], logits.numpy().var(axis=1), rtol=0.02)
    assert (
        set(signals)
        == {"pair.alignment", *BASELINE_SIGNALS}
        == set(MODEL_SIGNALS) - {CONSISTENCY, FUSION_MATCH, MASKED}
    )
    assert all((values > 0).all() for name, values in signals.items() if name != "pair.alignment")
    np.testing.assert_allclose(signals["baseline.text_quality"], 1 / vit.dim, rtol=1e-5)


@pytest.mark.parametrize("name", ["vit", "bert"])
def test_threads_that_score_at_once_get_the_bytes_of_one(name: str, request: pytest.FixtureRequest):
    encoder: Clip = request.getfixturevalue(name)
    pictures = pictures_for(encoder)
    expected = take(encoder.score(pictures, ROWS, CAPTIONS), ROWS)

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: take(encoder.score(pictures, ROWS, CAPTIONS), ROWS), range(12)))

    assert all(each == expected for each in found)


def test_a_batch_that_does_not_fit_is_halved_and_the_bytes_stay(vit: Clip):
    pictures = pictures_for(vit)
    cramped = SmallMemory(vit.see, 3)
    encoder = replace(vit, see=cramped, batch=BatchSize(16))

    scores = encoder.score(pictures, ROWS, CAPTIONS)

    assert cramped.refused == [16, 8, 4]
    assert encoder.batch.size == 2
    assert take(scores, ROWS) == take(vit.score(pictures, ROWS, CAPTIONS), ROWS)


def test_captions_that_do_not_fit_are_halved_and_the_bytes_stay(vit: Clip):
    captions = [f"bridge {number}" for number in range(200)]
    pictures, image_of = pictures_for(vit, 1), np.zeros(200, np.int64)
    cramped = SmallMemory(vit.read, 100)
    encoder = replace(vit, read=cramped, batch=BatchSize(256))

    scores = encoder.score(pictures, image_of, captions)

    assert cramped.refused
    assert take(scores, np.arange(200)) == take(vit.score(pictures, image_of, captions), np.arange(200))


@pytest.mark.parametrize("part", ["see", "read"])
def test_what_does_not_fit_alone_is_the_devices_error(vit: Clip, part: str):
    encoder = replace(vit, batch=BatchSize(4), **{part: SmallMemory(getattr(vit, part), 0)})  # type: ignore[arg-type] # by name

    with pytest.raises(torch.OutOfMemoryError, match="no room"):
        encoder.score(pictures_for(vit), ROWS, CAPTIONS)


def test_counts_the_tokens_up_to_the_last_that_is_no_padding():
    ids = torch.tensor([[5, 0, 7, 0, 0], [5, 6, 7, 8, 9], [0, 0, 0, 0, 0], [5, 0, 0, 0, 0]])

    assert ends_of(ids, padding=0).tolist() == [3, 5, 1, 1]


@pytest.mark.parametrize("context", [5, 8, 10, 77])
def test_buckets_end_with_the_towers_own_length(tmp_path: Path, context: int):
    encoder = load(write_model(tmp_path / "model", clip(text={"context_length": context})))

    assert encoder.buckets == (*(bucket for bucket in BUCKETS if bucket < context), context)


def test_captions_that_are_filled_up_with_their_end_are_read_as_in_open_clip(tmp_path: Path):
    """Some tokenizers have one token for both."""
    write_tokenizer(tmp_path / "model", padding="[SEP]")
    text = {"hf_tokenizer_name": "any", "pool_type": "eos", "eos_id": 3, "context_length": 32}
    folder = write_model(tmp_path / "model", clip(text=text, custom_text=True))
    captions = ["a cat", "a", "old house", "old", "two dogs run along a beach at low tide"]

    scores = load(folder).score(np.zeros((1, 32, 32, 3), np.uint8), np.zeros(5, np.int64), captions)

    with torch.inference_mode():
        net = open_clip.create_model(f"local-dir:{folder}").eval()
        expected = net.encode_text(open_clip.get_tokenizer(f"local-dir:{folder}")(captions), normalize=True).numpy()
    assert (scores.text_embedding.astype(np.float64) * expected).sum(axis=1).min() > 0.9999


def test_tokens_of_a_cut_caption_are_those_of_the_whole(vit: Clip):
    ids = vit.tokenizer(["two dogs run along a beach"])

    with torch.inference_mode():
        (cut, cut_tokens), (whole, whole_tokens) = vit.read(ids[:, :8]), vit.read(ids)

    assert isinstance(vit.read, TextTower)
    torch.testing.assert_close(cut, whole)
    torch.testing.assert_close(cut_tokens, whole_tokens[:, :8])


def test_a_tower_that_cannot_be_taken_apart_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch):
    def off(_: object, pixels: torch.Tensor) -> Pair:
        return torch.ones((len(pixels), 64)), torch.ones((len(pixels), 1, 64))

    monkeypatch.setattr("pairsift.models.towers._see", off)

    with pytest.raises(ModelUnavailableError, match="do not add up to the whole"):
        load(folder)
