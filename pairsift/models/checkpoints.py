"""open_clip models by name: where their weights lie, how they take pictures and captions, and what identifies them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import open_clip
from open_clip.factory import HF_HUB_PREFIX, LOCAL_DIR_PREFIX
from open_clip.pretrained import download_pretrained, download_pretrained_from_hf, get_pretrained_cfg
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from pairsift.core.fingerprint import fingerprint
from pairsift.core.images import Fit
from pairsift.core.policy import nearest
from pairsift.errors import ModelUnavailableError
from pairsift.models.files import CLIP_PREFIX, digest_file

_CONFIG_FILE = "open_clip_config.json"
_WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin", "model.safetensors")
_MODES = {"shortest": "crop", "longest": "pad", "squash": "squeeze"}
_MULTILINGUAL = re.compile(r"xlm|mt5|nllb|i18n|siglip2|worldwide|multilingual", re.IGNORECASE)
_WAYS = (
    "Give the weights in one of three ways: {prefix}{model}:TAG downloads them ({tags}; where there is no network, "
    "download them elsewhere into the folder of HF_HOME and copy it), {prefix}{model}:PATH reads a local checkpoint, "
    "and {prefix}FOLDER a folder with {config} and the weights"
)


@dataclass(frozen=True, slots=True)
class ClipSource:
    """An open_clip model, found but not loaded.

    `model` is what open_clip's factory takes; `preprocess` has open_clip's keys; `quick_gelu` is what the weights were
    trained with.
    """

    name: str
    model: str
    weights: Path
    architecture: Mapping[str, Any] = field(hash=False)
    preprocess: Mapping[str, Any] = field(hash=False)
    quick_gelu: bool
    fingerprint: str = ""

    @property
    def fit(self) -> Fit:
        """How it takes a picture."""
        size = self.preprocess["size"]
        height, width = (size, size) if isinstance(size, int) else size
        kernel, mode = self.preprocess["interpolation"], _MODES[self.preprocess["resize_mode"]]
        return Fit(height, width, mode, kernel, self.preprocess["fill_color"])  # type: ignore[arg-type] # checked below

    @property
    def english_only(self) -> bool:
        """Whether captions in other languages cannot be measured, as far as the model's names tell."""
        text = self.architecture["text_cfg"]
        names = (self.name, text.get("hf_model_name") or "", text.get("hf_tokenizer_name") or "")
        return not any(_MULTILINGUAL.search(name) for name in names)


def find_clip(spec: str) -> ClipSource:
    """Find an open_clip model: `open_clip:MODEL:TAG`, `…:MODEL:PATH`, `…:FOLDER` or `…:hf-hub:ORGANISATION/NAME`.

    Reads the weight file's bytes and builds no net; a tag is downloaded once. Raises ModelUnavailableError, which names
    the ways to provide the weights, where there are none.
    """
    rest = spec.removeprefix(CLIP_PREFIX)
    if rest.startswith(HF_HUB_PREFIX):
        return _in_folder(rest, _download_folder(rest.removeprefix(HF_HUB_PREFIX)), spec)
    if Path(rest).is_dir():
        folder = Path(rest).resolve()
        return _in_folder(f"{LOCAL_DIR_PREFIX}{folder}", folder, spec)
    model, _, weights = rest.partition(":")
    known = open_clip.list_models()
    if model not in known:
        raise ModelUnavailableError(f"open_clip has no model {model!r}, nor is it a folder: {nearest(model, known)}")
    return _by_name(model, weights)


def _by_name(model: str, weights: str) -> ClipSource:
    architecture = open_clip.get_model_config(model)
    tag = get_pretrained_cfg(model, weights)
    if tag:
        path, quick_gelu = _download_tag(model, weights, tag), bool(tag.get("quick_gelu"))
        return _identified(ClipSource(model, model, path, architecture, _as_in(tag), quick_gelu))
    if not Path(weights).is_file():
        missing = f"there is no file {weights!r} and no tag of that name" if weights else "no weights are named"
        raise ModelUnavailableError(f"open_clip's {model}: {missing}. {_ways(model)}")
    quick_gelu = bool(architecture.get("quick_gelu"))
    return _identified(ClipSource(model, model, Path(weights), architecture, _as_agreed(model), quick_gelu))


def _in_folder(model: str, folder: Path, spec: str) -> ClipSource:
    try:
        config = json.loads((folder / _CONFIG_FILE).read_text(encoding="utf-8"))
        architecture = config["model_cfg"]
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailableError(f"{folder} has no readable {_CONFIG_FILE} with a model_cfg: {error}") from error
    weights = next((folder / name for name in _WEIGHT_FILES if (folder / name).is_file()), None)
    if weights is None:
        raise ModelUnavailableError(f"{folder} has no weights: one of {', '.join(_WEIGHT_FILES)} is expected")
    name = spec.removeprefix(CLIP_PREFIX).rstrip("/").rpartition("/")[2]
    preprocess, quick_gelu = _as_in(config.get("preprocess_cfg", {})), bool(architecture.get("quick_gelu"))
    return _identified(ClipSource(name, model, weights, architecture, preprocess, quick_gelu))


def _identified(source: ClipSource) -> ClipSource:
    """Fill in open_clip's defaults of preprocessing, refuse what is not known of it, and add the fingerprint."""
    size = {"size": source.architecture["vision_cfg"].get("image_size", 224)}
    preprocess = merge_preprocess_dict(PreprocessCfg(), size | dict(source.preprocess))
    if preprocess["interpolation"] not in {"bicubic", "bilinear"} or preprocess["resize_mode"] not in _MODES:
        raise ModelUnavailableError(
            f"{source.name} takes pictures by {preprocess['interpolation']} and {preprocess['resize_mode']}: known are "
            f"bicubic and bilinear, and {', '.join(_MODES)}"
        )
    tokenizer = source.weights.with_name("tokenizer.json")
    identity = {
        "model": source.architecture,
        "weights": digest_file(source.weights),
        "tokenizer": digest_file(tokenizer) if tokenizer.is_file() else None,
        "preprocess": preprocess,
        "quick_gelu": source.quick_gelu,
    }
    return replace(source, preprocess=preprocess, fingerprint=fingerprint(identity))


def _as_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """Take what a tag or folder says of its preprocessing."""
    keys = ("size", "mean", "std", "interpolation", "resize_mode", "fill_color")
    return {key: config[key] for key in keys if config.get(key) is not None}


def _as_agreed(model: str) -> dict[str, Any]:
    """Take the preprocessing of all of a model's tags, where they agree: a local SigLIP is a SigLIP, too.

    open_clip itself takes CLIP's for every local checkpoint.
    """
    said = [_as_in(get_pretrained_cfg(model, tag)) for tag in open_clip.list_pretrained_tags_by_model(model)]
    return said[0] if said and all(one == said[0] for one in said) else {}


def _download_tag(model: str, tag: str, config: dict[str, Any]) -> Path:
    try:
        return Path(download_pretrained(config))
    except (OSError, RuntimeError) as error:  # the latter is open_clip's word for a wrong checksum
        raise ModelUnavailableError(f"cannot download {model}:{tag}: {error}. {_ways(model)}") from error


def _download_folder(repository: str) -> Path:
    try:
        download_pretrained_from_hf(repository)
        return Path(download_pretrained_from_hf(repository, filename=_CONFIG_FILE)).parent
    except OSError as error:
        raise ModelUnavailableError(f"cannot download {repository}: {error}. {_ways('MODEL')}") from error


def _ways(model: str) -> str:
    tags = open_clip.list_pretrained_tags_by_model(model)
    shown = f"tags of it: {', '.join(tags[:5])}{', …' if len(tags) > 5 else ''}" if tags else "it has no tags"
    return _WAYS.format(prefix=CLIP_PREFIX, model=model, tags=shown, config=_CONFIG_FILE)
