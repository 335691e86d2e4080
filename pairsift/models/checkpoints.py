"""open_clip models by name: where their weights lie, how they take pictures and captions, and what identifies them."""

import json
import re
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import open_clip
from huggingface_hub import constants, try_to_load_from_cache
from open_clip.factory import HF_HUB_PREFIX, LOCAL_DIR_PREFIX
from open_clip.pretrained import download_pretrained, download_pretrained_from_hf, get_pretrained_cfg
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from pairsift.core.conditions import nearest
from pairsift.core.fingerprint import fingerprint
from pairsift.core.images import Fit
from pairsift.errors import ModelUnavailableError
from pairsift.models.files import CLIP_PREFIX, digest_file

_CONFIG_FILE = "open_clip_config.json"
_WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.pth",
    "model.safetensors",
    "pytorch_model.bin",
    "pytorch_model.pth",
    "model.pth",
)
"""In the order in which open_clip looks for them."""
_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_TOKENIZER_FILES = ("token*", "vocab*", "merges*", "special_tokens*", "added_tokens*", "*.model", "config.json")
"""What transformers reads of a folder: tokenizers, and the config of a language model."""
_PARTS = ("embed_dim", "vision_cfg", "text_cfg")
_HUB_TIMEOUT_S = 10
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
    if rest and Path(rest).is_dir():
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
    config = _read_config(folder / _CONFIG_FILE)
    weights = next((folder / name for name in _WEIGHT_FILES if (folder / name).is_file()), None)
    if weights is None:
        raise ModelUnavailableError(f"{folder} has no weights: one of {', '.join(_WEIGHT_FILES)} is expected")
    architecture = config["model_cfg"]
    name = spec.removeprefix(CLIP_PREFIX).rstrip("/").rpartition("/")[2]
    preprocess, quick_gelu = _as_in(config.get("preprocess_cfg") or {}), bool(architecture.get("quick_gelu"))
    source = ClipSource(name, model, weights, architecture, preprocess, quick_gelu)
    return _identified(source, tokenizer={file for kind in _TOKENIZER_FILES for file in folder.glob(kind)})


def _read_config(file: Path) -> dict[str, Any]:
    try:
        config: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailableError(f"{file} cannot be read: {error}") from error
    model = config.get("model_cfg") if isinstance(config, dict) else None
    if not isinstance(model, dict) or any(part not in model for part in _PARTS):
        raise ModelUnavailableError(f"{file} has no model_cfg with {', '.join(_PARTS)}")
    return dict(config)


def _identified(source: ClipSource, tokenizer: Iterable[Path] = ()) -> ClipSource:
    """Fill in open_clip's defaults of preprocessing, refuse what is not known of it, and add the fingerprint."""
    size = {"size": source.architecture["vision_cfg"].get("image_size", 224)}
    preprocess = merge_preprocess_dict(PreprocessCfg(), dict(source.preprocess) | size)
    if preprocess["interpolation"] not in {"bicubic", "bilinear"} or preprocess["resize_mode"] not in _MODES:
        raise ModelUnavailableError(
            f"{source.name} takes pictures by {preprocess['interpolation']} and {preprocess['resize_mode']}: known are "
            f"bicubic and bilinear, and {', '.join(_MODES)}"
        )
    identity = {
        "model": source.architecture,
        "weights": digest_file(source.weights),
        "tokenizer": {file.name: digest_file(file) for file in tokenizer},
        "preprocess": preprocess,
        "quick_gelu": source.quick_gelu,
        "english_only": source.english_only,  # it may hang on a folder's name alone
    }
    return replace(source, preprocess=preprocess, fingerprint=fingerprint(identity))


def _as_in(config: Mapping[str, Any]) -> dict[str, Any]:
    """Take what a tag or folder says of its preprocessing."""
    keys = ("mean", "std", "interpolation", "resize_mode", "fill_color")
    return {key: config[key] for key in keys if config.get(key) is not None}


def _as_agreed(model: str) -> dict[str, Any]:
    """Take the preprocessing of all of a model's tags, where they agree: a local SigLIP is a SigLIP, too.

    open_clip itself takes CLIP's for every local checkpoint.
    """
    said = [_as_in(get_pretrained_cfg(model, tag)) for tag in open_clip.list_pretrained_tags_by_model(model)]
    return said[0] if said and all(one == said[0] for one in said) else {}


def _download_tag(model: str, tag: str, config: dict[str, Any]) -> Path:
    repository, _, file = config.get("hf_hub", "").rpartition("/")
    cached = _in_cache(repository, [str(Path(file).with_suffix(".safetensors")), file] if file else _HUB_FILES)
    if cached is not None:
        return cached
    try:
        if repository:
            _reach_hub()
        return Path(download_pretrained(config))
    except (OSError, RuntimeError) as error:  # the latter is open_clip's word for a wrong checksum
        raise ModelUnavailableError(f"cannot download {model}:{tag}: {error}. {_ways(model)}") from error


def _download_folder(repository: str) -> Path:
    config = _in_cache(repository, [_CONFIG_FILE])
    if config is not None and any((config.parent / name).is_file() for name in _HUB_FILES):
        return config.parent
    try:
        _reach_hub()
        download_pretrained_from_hf(repository)
        return Path(download_pretrained_from_hf(repository, filename=_CONFIG_FILE)).parent
    except OSError as error:
        raise ModelUnavailableError(f"cannot download {repository!r}: {error}. {_ways('MODEL')}") from error


def _in_cache(repository: str, files: Iterable[str]) -> Path | None:
    """Find the first of a repository's files that was downloaded before; nobody is asked whether there is a newer one.

    Thus a run needs no network, and no model changes under it.
    """
    if not repository:
        return None
    found = (try_to_load_from_cache(repository, file) for file in files)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def _reach_hub() -> None:
    """Raise OSError at once where Hugging Face cannot be reached, which its library tries for 46 seconds to do."""
    address = urlsplit(constants.ENDPOINT)
    if address.scheme not in getproxies():
        port = address.port or (80 if address.scheme == "http" else 443)
        socket.create_connection((address.hostname or "", port), _HUB_TIMEOUT_S).close()


def _ways(model: str) -> str:
    tags = open_clip.list_pretrained_tags_by_model(model)
    shown = f"tags of it: {', '.join(tags[:5])}{', …' if len(tags) > 5 else ''}" if tags else "it has no tags"
    return _WAYS.format(prefix=CLIP_PREFIX, model=model, tags=shown, config=_CONFIG_FILE)
