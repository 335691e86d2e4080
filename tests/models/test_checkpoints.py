import hashlib
import json
import os
import pickle
import shutil
import socket
from collections.abc import Callable
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import open_clip
import pytest
import torch
from open_clip import factory, get_pretrained_cfg, pretrained
from safetensors.torch import save_file

from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.images import Fit
from pairsift.core.records import Cleaner
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models.checkpoints import find_clip
from pairsift.models.clip import Clip
from pairsift.models.clip_loading import find_clip_models, load_clip
from pairsift.models.device import resolve
from pairsift.models.encoder import picture_fit, score_fingerprint
from pairsift.models.files import digest_file
from tests.models.tiny_clips import FAMILIES, clip, weights_of, write_bert_clip, write_clip, write_model

WAYS = r"open_clip:\S+:TAG downloads .*open_clip:\S+:PATH reads .*open_clip:FOLDER"
COMMIT = "0" * 40


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("models") / "vit", "vit")


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every host be unknown."""

    def unknown(*_: Any, **__: Any) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    monkeypatch.setattr(socket, "create_connection", unknown)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_network: None) -> Path:  # noqa: ARG001 - it is in force
    """Give Hugging Face's cache a folder of its own, and no network to fill it."""
    folder = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(folder))
    return folder


@pytest.fixture
def tiny_tag(monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a tiny model with a tag known to open_clip; return the repository that its weights are in."""
    tag = get_pretrained_cfg("RN50", "openai") | {"hf_hub": "someone/tiny/", "mean": (0.1, 0.2, 0.3)}
    monkeypatch.setitem(factory._MODEL_CONFIGS, "tiny", clip())  # noqa: SLF001 - there is no way to take one out again
    monkeypatch.setitem(pretrained._PRETRAINED, "tiny", {"first": tag, "second": tag | {"quick_gelu": False}})  # noqa: SLF001 - nor this one
    return "someone/tiny"


def cache(hub_cache: Path, repository: str, *files: Path) -> Path:
    """Lay files into Hugging Face's cache as a download does; return the snapshot's folder."""
    root = hub_cache / f"models--{repository.replace('/', '--')}"
    snapshot = root / "snapshots" / COMMIT
    for folder in (root / "refs", root / "blobs", snapshot):
        folder.mkdir(parents=True, exist_ok=True)
    (root / "refs" / "main").write_text(COMMIT)
    for file in files:
        blob = root / "blobs" / digest_file(file)
        shutil.copy(file, blob)
        (snapshot / file.name).symlink_to(os.path.relpath(blob, snapshot))
    return snapshot


def config_of(encoder: str | Path, **changes: Any) -> ScoreConfig:
    config = {"encoder": f"open_clip:{encoder}", "device": "cpu", "dtype": "float32", "batch_size": 4}
    return resolve(ScoreConfig(**{**config, **changes}))


def load(encoder: str | Path) -> Clip:
    config = config_of(encoder)
    return load_clip(find_clip_models(config), config)


def identity(encoder: str | Path, **changes: Any) -> str:
    return score_fingerprint(config_of(encoder, **changes), PreprocessConfig(), Cleaner.DEFAULT)


@pytest.mark.usefixtures("hub_cache")
@pytest.mark.parametrize("spec", ["ViT-B-32:laion2b_s34b_b79k", "hf-hub:someone/nothing", "hf-hub:", "tiny:first"])
def test_without_a_network_the_three_ways_to_give_weights_are_named_at_once(
    spec: str,
    tiny_tag: str,  # noqa: ARG001 - makes tiny:first known
    monkeypatch: pytest.MonkeyPatch,
):
    waits: list[float] = []
    monkeypatch.setattr("time.sleep", waits.append)

    with pytest.raises(ModelUnavailableError, match=WAYS):
        find_clip(f"open_clip:{spec}")

    assert waits == []


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
def test_a_tag_in_the_cache_is_loaded_without_a_network(
    hub_cache: Path, tiny_tag: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr("time.sleep", pytest.fail)
    folder = write_model(tmp_path / "quick", clip(quick_gelu=True), preprocess={"mean": [0.1, 0.2, 0.3]})
    downloaded = tmp_path / name
    write_checkpoint(downloaded, folder)
    cache(hub_cache, tiny_tag, downloaded)
    pixels = np.random.default_rng(2).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)

    by_tag, by_folder = (
        each.score(pixels, np.arange(2), ["a cat", "a dog"]) for each in (load("tiny:first"), load(folder))
    )

    np.testing.assert_array_equal(by_tag.fused_embedding, by_folder.fused_embedding)
    np.testing.assert_array_equal(by_tag.image_embedding, by_folder.image_embedding)


def test_a_tag_with_other_activations_has_another_identity(hub_cache: Path, tiny_tag: str, vit: Path):
    cache(hub_cache, tiny_tag, weights_of(vit))

    assert identity("tiny:first") != identity("tiny:second")


def test_a_repository_in_the_cache_is_loaded_without_a_network(
    hub_cache: Path, vit: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("time.sleep", pytest.fail)
    cache(hub_cache, "someone/vit", weights_of(vit), vit / "open_clip_config.json")

    encoder = load("hf-hub:someone/vit")

    assert encoder.dim == 64
    assert [card.fingerprint for card in encoder.cards] == [find_clip(f"open_clip:{vit}").fingerprint]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("ViT-B-31:openai", "did you mean 'ViT-B-32'"),
        ("", "no model ''"),
        ("/no/such/folder", "'/no/such/folder'"),
        ("ViT-B-32", f"no weights are named.*{WAYS}"),
        ("ViT-B-32:opanai", f"no file 'opanai' and no tag.*{WAYS}"),
        ("ViT-B-32:/no/such/file.pt", f"no file '/no/such/file.pt'.*{WAYS}"),
        ("ViT-S-32:/no/such/file.pt", "it has no tags"),
    ],
)
def test_what_is_not_there_is_named(spec: str, words: str):
    with pytest.raises(ModelUnavailableError, match=words):
        find_clip(f"open_clip:{spec}")


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ("no json", "open_clip_config.json"),
        ("[]", "model_cfg"),
        ('{"model_cfg": {}}', "embed_dim"),
        ('{"model_cfg": {"embed_dim": 64, "vision_cfg": {}}}', "text_cfg"),
        ('{"model_cfg": 3}', "model_cfg"),
    ],
)
def test_a_folder_without_a_usable_config_is_named(tmp_path: Path, vit: Path, config: str, words: str):
    shutil.copy(weights_of(vit), tmp_path)
    (tmp_path / "open_clip_config.json").write_text(config)

    with pytest.raises(ModelUnavailableError, match=words):
        find_clip(f"open_clip:{tmp_path}")


def test_a_folder_without_a_config_is_named(tmp_path: Path, vit: Path):
    shutil.copy(weights_of(vit), tmp_path)

    with pytest.raises(ModelUnavailableError, match=r"open_clip_config\.json cannot be read"):
        find_clip(f"open_clip:{tmp_path}")


def test_a_folder_without_preprocessing_takes_pictures_as_clip_does(tmp_path: Path):
    folder = write_model(tmp_path / "model", clip())
    config = {"model_cfg": clip(), "preprocess_cfg": None}
    (folder / "open_clip_config.json").write_text(json.dumps(config))

    source = find_clip(f"open_clip:{folder}")

    assert source.fit == Fit(32, 32, "crop", "bicubic")
    assert source.preprocess["mean"] == open_clip.OPENAI_DATASET_MEAN


def test_a_folder_without_weights_is_named(tmp_path: Path, vit: Path):
    shutil.copy(vit / "open_clip_config.json", tmp_path)

    with pytest.raises(ModelUnavailableError, match="has no weights: one of open_clip_model"):
        find_clip(f"open_clip:{tmp_path}")


@pytest.mark.parametrize("key", ["interpolation", "resize_mode"])
def test_a_way_to_take_pictures_that_is_unknown_is_named(tmp_path: Path, key: str):
    folder = write_model(tmp_path / "model", clip())
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": clip(), "preprocess_cfg": {key: "random"}}))

    with pytest.raises(ModelUnavailableError, match=r"random.*known are"):
        find_clip(f"open_clip:{folder}")


class RunsCode:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("text.pt", b"not a checkpoint"),
        ("empty.pt", b""),
        ("text.safetensors", b"not a checkpoint"),
        ("empty.safetensors", b""),
        ("page.bin", b"<html>"),
    ],
)
def test_a_file_that_is_no_checkpoint_is_named(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(ModelUnavailableError, match=f"{name} does not hold the weights of ViT-S-32"):
        load(f"ViT-S-32:{tmp_path / name}")


@pytest.mark.parametrize("content", [{}, [], {"state_dict": None}, 3, {"state_dict": {"visual.proj": 3}}], ids=str)
def test_a_checkpoint_that_holds_something_else_is_named(tmp_path: Path, vit: Path, content: object):
    folder = shutil.copytree(vit, tmp_path / "model")
    weights_of(folder).unlink()
    torch.save(content, folder / "open_clip_pytorch_model.bin")

    with pytest.raises(ModelUnavailableError, match="does not hold the weights of model"):
        load(folder)


@pytest.mark.parametrize("name", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"])
@pytest.mark.parametrize("share", [0.1, 0.999])
def test_a_truncated_checkpoint_is_named(tmp_path: Path, vit: Path, name: str, share: float):
    folder = shutil.copytree(vit, tmp_path / "model")
    write_checkpoint(folder / name, vit)
    whole = (folder / name).read_bytes()
    weights_of(folder).unlink(missing_ok=True)
    (folder / name).write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(ModelUnavailableError, match=f"{name} does not hold the weights of model"):
        load(folder)


@pytest.mark.parametrize("dump", [torch.save, partial(pickle.dump, protocol=2)], ids=["archive", "pickle"])
def test_code_in_a_checkpoint_is_refused_and_not_run(tmp_path: Path, vit: Path, dump: Callable[..., None]):
    folder = shutil.copytree(vit, tmp_path / "model")
    weights_of(folder).unlink()
    with (folder / "open_clip_pytorch_model.bin").open("wb") as file:
        dump({"visual.proj": RunsCode(tmp_path / "it ran")}, file)

    with pytest.raises(ModelUnavailableError, match="does not hold the weights of model"):
        load(folder)

    assert not (tmp_path / "it ran").exists()


@pytest.mark.parametrize("family", ["resnet", "siglip", "coca", "average_pool"])
def test_the_weights_of_another_model_are_named(tmp_path: Path, vit: Path, family: str):
    folder = write_clip(tmp_path / "model", family)
    shutil.copy(weights_of(vit), weights_of(folder))
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["vision_cfg"]["width"] = 128
    (folder / "open_clip_config.json").write_text(json.dumps(config))

    with pytest.raises(ModelUnavailableError, match="does not hold the weights of model"):
        load(folder)


def test_a_config_with_a_key_that_open_clip_does_not_know_is_named(tmp_path: Path, vit: Path):
    folder = shutil.copytree(vit, tmp_path / "model")
    model = clip({"no_such_key": 3})
    (folder / "open_clip_config.json").write_text(json.dumps({"model_cfg": model}))

    with pytest.raises(ModelUnavailableError, match="no_such_key"):
        load(folder)


def test_a_dimension_that_fusion_cannot_split_is_named(tmp_path: Path):
    folder = write_model(tmp_path / "model", clip() | {"embed_dim": 60})

    with pytest.raises(ModelUnavailableError, match="dimension 60"):
        load(folder)


def test_baseline_signals_as_published_are_refused(vit: Path):
    with pytest.raises(ConfigError, match="baseline_input"):
        find_clip_models(config_of(vit, baseline_input="published"))


def test_the_network_tells_the_size_of_pictures_whatever_the_preprocessing_says(tmp_path: Path):
    folder = write_model(tmp_path / "model", clip(), preprocess={"size": 224})

    source = find_clip(f"open_clip:{folder}")

    assert source.fit.shape == (32, 32, 3)


def test_pictures_are_taken_as_a_siglip_takes_them_from_a_local_checkpoint_too(tmp_path: Path):
    (tmp_path / "weights.pt").write_bytes(b"any")

    fit = find_clip(f"open_clip:ViT-B-16-SigLIP-256:{tmp_path / 'weights.pt'}").fit

    assert fit == Fit(256, 256, "squeeze", "bicubic")


@pytest.mark.parametrize(
    ("model", "fit"),
    [
        ("ViT-B-32", Fit(224, 224, "crop", "bicubic")),
        ("MobileCLIP-S1", Fit(256, 256, "crop", "bilinear")),
        ("ViT-H-14-CLIPA", Fit(224, 224, "squeeze", "bilinear")),
    ],
)
def test_a_local_checkpoint_takes_pictures_as_all_tags_of_its_model_do(tmp_path: Path, model: str, fit: Fit):
    (tmp_path / "weights.pt").write_bytes(b"any")

    assert find_clip(f"open_clip:{model}:{tmp_path / 'weights.pt'}").fit == fit


@pytest.mark.parametrize(
    ("model", "english_only"),
    [
        ("ViT-B-32", True),
        ("ViT-B-16-SigLIP", True),
        ("ViT-B-16-SigLIP2", False),
        ("ViT-B-16-SigLIP-i18n-256", False),
        ("xlm-roberta-base-ViT-B-32", False),
        ("nllb-clip-base", False),
        ("mt5-base-ViT-B-32", False),
        ("ViT-L-14-worldwide", False),
        ("roberta-ViT-B-32", True),
    ],
)
def test_knows_the_models_that_read_more_than_english_by_their_names(tmp_path: Path, model: str, english_only: bool):
    (tmp_path / "weights.pt").write_bytes(b"any")

    assert find_clip(f"open_clip:{model}:{tmp_path / 'weights.pt'}").english_only is english_only


def test_a_folder_reads_more_than_english_where_its_language_model_does(tmp_path: Path):
    text = {"hf_model_name": "FacebookAI/xlm-roberta-base"}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": clip(text=text)}))
    (tmp_path / "model.safetensors").write_bytes(b"any")

    assert not find_clip(f"open_clip:{tmp_path}").english_only


@pytest.mark.parametrize(
    "changes", [{"dtype": "bfloat16"}, {"dtype": "float16"}, {"compile": True}, {"baseline": "on"}, {"device": "cuda"}]
)
def test_another_way_of_scoring_has_another_identity(vit: Path, changes: dict[str, Any], monkeypatch):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)

    assert identity(vit, **changes) != identity(vit)


def test_other_weights_preprocessing_or_activations_have_another_identity(vit: Path, tmp_path: Path):
    others = [
        write_clip(tmp_path / "seed" / "vit", "vit", seed=1),
        write_clip(tmp_path / "mean" / "vit", "vit", mean=[0.1, 0.2, 0.3]),
        write_clip(tmp_path / "kernel" / "vit", "vit", interpolation="bilinear"),
        write_clip(tmp_path / "mode" / "vit", "vit", resize_mode="squash"),
        write_clip(tmp_path / "fill" / "vit", "vit", resize_mode="longest", fill_color=9),
        write_clip(tmp_path / "gelu" / "vit", "quick_gelu"),
    ]

    identities = {identity(folder) for folder in (vit, *others)}

    assert len(identities) == 7


def test_neither_place_nor_name_nor_batch_size_changes_the_identity(vit: Path, tmp_path: Path):
    moved = shutil.copytree(vit, tmp_path / "elsewhere")
    renamed = shutil.copytree(vit, tmp_path / "renamed")
    weights_of(renamed).rename(renamed / "model.safetensors")

    assert {identity(vit, batch_size=64), identity(moved), identity(renamed)} == {identity(vit)}


def test_a_name_that_lets_more_captions_be_read_has_another_identity(vit: Path, tmp_path: Path):
    assert identity(shutil.copytree(vit, tmp_path / "vit-multilingual")) != identity(vit)


def test_a_named_model_is_identified_by_its_weights_and_not_by_what_lies_beside_them(tmp_path: Path):
    for folder in ("one", "other"):
        (tmp_path / folder).mkdir()
    (tmp_path / "one" / "a.pt").write_bytes(b"weights")
    (tmp_path / "other" / "b.pt").write_bytes(b"weights")
    (tmp_path / "other" / "tokenizer.json").write_text("{}")

    assert identity(f"ViT-B-32:{tmp_path}/one/a.pt") == identity(f"ViT-B-32:{tmp_path}/other/b.pt")


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json", "vocab.txt", "spiece.model"])
def test_another_tokenizer_has_another_identity(tmp_path: Path, name: str):
    folder = write_bert_clip(tmp_path / "model", "mean_pooler")
    before = identity(folder)
    content = (folder / name).read_text() if (folder / name).exists() else ""

    (folder / name).write_text(f"{content} ")

    assert identity(folder) != before


WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)


@pytest.mark.parametrize("first", range(len(WEIGHT_FILES)))
def test_the_weights_that_are_identified_are_those_that_open_clip_loads(tmp_path: Path, first: int):
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": FAMILIES["vit"]}))
    for name in WEIGHT_FILES[first:]:
        (tmp_path / name).write_bytes(b"any")

    source = find_clip(f"open_clip:{tmp_path}")

    assert str(source.weights) == factory._find_checkpoint_in_dir(tmp_path)  # noqa: SLF001 - it has no other name


def test_weights_are_read_once_for_all_chunks(vit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = shutil.copytree(vit, tmp_path / "model")
    config = config_of(folder)
    read: list[str] = []
    digest = hashlib.file_digest

    def noting(file: BufferedReader, name: str) -> Any:
        read.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", noting)

    fits = [picture_fit(config) for _ in range(3)]

    assert fits == [Fit(32, 32, "crop", "bicubic")] * 3
    assert [Path(name) for name in read] == [weights_of(folder)]


def test_the_default_encoder_has_the_identity_it_had_before_there_were_others():
    """Change it only with SCORING_VERSION."""
    config = ScoreConfig(device="cpu", dtype="float32", batch_size=4)

    assert score_fingerprint(config, PreprocessConfig(), Cleaner.DEFAULT).startswith("5938d9a998d74c72")


def write_checkpoint(file: Path, model: Path) -> None:
    """Write the weights of a model's folder to a file, in the format that its name tells."""
    weights = factory.load_state_dict(str(weights_of(model)))
    save = save_file if file.suffix == ".safetensors" else torch.save
    save(weights, file)
