"""Open_clip models on their way to an encoder: found, identified, built, proven, and put on a device."""

import math
import time
from dataclasses import dataclass, replace
from pickle import UnpicklingError
from typing import Any

import open_clip
import torch
from open_clip.factory import HF_HUB_PREFIX, LOCAL_DIR_PREFIX
from safetensors import SafetensorError
from torch.nn import functional

from pairsift.config import ScoreConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models.attention import attend_rowwise
from pairsift.models.checkpoints import ClipSource, find_clip
from pairsift.models.classifiers import Classifier, ClassifierSource, find_classifier, load_classifier
from pairsift.models.clip import BUCKETS, Clip, Tokenizer, Tower, ends_of
from pairsift.models.device import backend, torch_dtype
from pairsift.models.feeding import ROOM, BatchSize, find_batch_size
from pairsift.models.fusion import HEADS
from pairsift.models.fusion_heads import load_head
from pairsift.models.quantised import INT8, Quantised, TextShape, find_quantised, report_nothing
from pairsift.models.replay import Replayed
from pairsift.models.scores import ModelCard
from pairsift.models.tokens import compiled
from pairsift.models.towers import ImageTower, TextTower, lay_out_projections
from pairsift.models.trained import Trained, find_trained

_SAME = 0.9999
"""Least cosine of a tower's vector with that of open_clip's own model."""

_BROKEN = (
    OSError,
    RuntimeError,  # torch's word for a broken archive, and for weights of other names or shapes
    ValueError,
    KeyError,
    TypeError,  # a config with a key that open_clip does not know
    AttributeError,  # something that is no dictionary of tensors
    AssertionError,  # open_clip's word for a config that contradicts itself
    EOFError,
    StopIteration,  # a checkpoint without any weight
    UnpicklingError,  # text, or a pickle that holds more than weights
    SafetensorError,
)
"""What torch, safetensors, transformers and open_clip raise where weights or their config are not what they should."""


@dataclass(frozen=True, slots=True)
class ClipModels:
    """Everything an encoder of open_clip is made of, found but not loaded."""

    clip: ClipSource
    classifier: ClassifierSource | None
    fingerprint: str
    space: str = ""
    quantised: Quantised | None = None
    head: Trained | None = None

    @property
    def cards(self) -> tuple[ModelCard, ...]:
        """The models, as the ledger names them."""
        parts = (self.clip,) if self.classifier is None else (self.clip, self.classifier)
        cards = tuple(ModelCard(part.name, part.fingerprint) for part in parts)
        if self.head is not None:
            cards = (*cards, self.head.card)
        if self.quantised is None:
            return cards
        return (*cards, ModelCard(f"{self.clip.name} in int8", self.quantised.fingerprint, self.quantised.facts))


@dataclass(frozen=True, slots=True)
class _Sample:
    """What open_clip's own model says of two pictures and captions: `image` and `text` (2, d), of any length."""

    pixels: torch.Tensor
    ids: torch.Tensor
    padding: int
    image: torch.Tensor
    text: torch.Tensor

    @property
    def length(self) -> int:
        return self.ids.shape[1]

    @property
    def dim(self) -> int:
        return self.text.shape[1]


def find_clip_models(config: ScoreConfig) -> ClipModels:
    """Find and identify the models of a resolved config, without building them.

    ConfigError if the baseline signals are asked for as published: an open_clip model takes pictures in another way.
    ModelUnavailableError for int8 as long as it has not been measured on the user's own pairs.
    """
    if config.baseline_input == "published":
        raise ConfigError(f"score.baseline_input: published needs the encoder conse, not {config.encoder}")
    clip = find_clip(config.encoder)
    classifier = find_classifier(config.classifier) if config.baseline == "on" else None
    identity: dict[str, Any] = {
        "encoder": "open_clip",
        "parts": [clip.fingerprint, None if classifier is None else classifier.fingerprint],
        "buckets": BUCKETS,
        "heads": HEADS,
        "dtype": config.dtype,
        "compiled": config.compile,
        "backend": backend(config),
    }
    quantised = find_quantised(clip.fingerprint, config.encoder) if config.dtype == INT8 else None
    if quantised is not None:
        identity["quantised"] = quantised.fingerprint
    space = fingerprint([clip.fingerprint, None if quantised is None else quantised.fingerprint])
    head = None if config.fusion is None else find_trained("fusion", config.fusion, space)
    if head is not None:
        identity["head"] = head.sha256
    return ClipModels(clip, classifier, fingerprint(identity), space, quantised, head)


def load_clip(models: ClipModels, config: ScoreConfig) -> Clip:
    """Load an encoder of open_clip; ModelUnavailableError if the weights do not fit, or it cannot be taken apart."""
    if models.quantised is not None:
        return _load_int8(models, models.quantised, config)
    device, dtype = torch.device(config.device), torch_dtype(config)
    net, tokenizer = _build(models.clip)
    sample = _sample(models.clip, net, tokenizer)
    attend_rowwise(net)
    lay_out_projections(net)
    image = ImageTower(net.visual, models.clip.preprocess["mean"], models.clip.preprocess["std"])
    text = TextTower(net)
    _check_towers(models.clip.name, sample, image, text)
    trimmable = _may_be_cut(sample, text)
    image.visual.to(memory_format=torch.channels_last).to(device=device, dtype=dtype)
    image.to(device).dtype = dtype
    text.to(device=device, dtype=dtype)
    see, read = (_accelerated(tower, config) for tower in (image, text))
    shape = TextShape(sample.dim, sample.length, trimmable)
    return replace(_encoder(models, config, (see, read), tokenizer, shape), pools_early=text.pools_early)


def _load_int8(models: ClipModels, quantised: Quantised, config: ScoreConfig) -> Clip:
    """Load the towers that OpenVINO runs; the net of torch is not built."""
    report_nothing()
    from pairsift.models.int8 import load_towers  # noqa: PLC0415 - an optional extra

    return _encoder(models, config, load_towers(quantised), _tokenizer(models.clip), quantised.shape)


def _encoder(
    models: ClipModels, config: ScoreConfig, towers: tuple[Tower, Tower], tokenizer: Tokenizer, shape: TextShape
) -> Clip:
    """Put an encoder together, whatever runs its towers."""
    device = torch.device(config.device)
    return Clip(
        name=config.encoder,
        fingerprint=models.fingerprint,
        cards=models.cards,
        english_only=models.clip.english_only,
        see=towers[0],
        read=towers[1],
        tokenizer=tokenizer,
        trimmable=shape.trimmable,
        padding=padding_of(tokenizer),
        dim=shape.dim,
        device=device,
        batch=BatchSize(_batch_size(config, towers[0], models.clip, device)),
        classifier=_classifier(models, config),
        buckets=buckets_below(shape.length),
        space=models.space,
        head=None if models.head is None else load_head(models.head, config.device),
    )


def _classifier(models: ClipModels, config: ScoreConfig) -> Classifier | None:
    if models.classifier is None:
        return None
    return load_classifier(models.classifier, config.device, torch_dtype(config))


def buckets_below(length: int) -> tuple[int, ...]:
    """List the lengths that captions are cut or padded to, where a tower takes `length` tokens."""
    return (*(bucket for bucket in BUCKETS if bucket < length), length)


def _tokenizer(source: ClipSource) -> Tokenizer:
    tokenizer: Tokenizer = compiled(open_clip.get_tokenizer(source.model))
    return tokenizer


def _build(source: ClipSource) -> tuple[Any, Tokenizer]:
    in_folder = source.model.startswith((LOCAL_DIR_PREFIX, HF_HUB_PREFIX))
    try:
        net = open_clip.create_model(
            f"{LOCAL_DIR_PREFIX}{source.weights.parent}" if in_folder else source.model,
            pretrained=None if in_folder else str(source.weights),
            force_quick_gelu=source.quick_gelu,
            require_pretrained=True,
        )
        tokenizer = _tokenizer(source)
    except _BROKEN as error:
        raise ModelUnavailableError(f"{source.weights} does not hold the weights of {source.name}: {error}") from error
    return net.eval().requires_grad_(requires_grad=False), tokenizer


def _accelerated(tower: torch.nn.Module, config: ScoreConfig) -> Tower:
    """Compile a tower where that is asked for, and replay its kernels on CUDA."""
    if config.compile:
        tower.compile(dynamic=False)
    return Replayed(tower.eval()) if torch.device(config.device).type == "cuda" else tower.eval()


@torch.inference_mode()
def _sample(source: ClipSource, net: Any, tokenizer: Tokenizer) -> _Sample:  # noqa: ANN401 - open_clip has no one type
    fit = source.fit
    pixels = torch.linspace(0, 255, 2 * math.prod(fit.shape)).to(torch.uint8).view(2, *fit.shape)
    mean, std = (torch.tensor(source.preprocess[name]).view(3, 1, 1) for name in ("mean", "std"))
    ids = tokenizer(["a cat", "two dogs run along a beach"])
    image = net.encode_image((pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std)
    return _Sample(pixels, ids, padding_of(tokenizer), image, net.encode_text(ids))


@torch.inference_mode()
def _check_towers(name: str, sample: _Sample, image: ImageTower, text: TextTower) -> None:
    """Prove that the towers say what open_clip's own model says."""
    least = min(_likeness(image(sample.pixels)[0], sample.image), _likeness(text(sample.ids)[0], sample.text))
    if not least > _SAME:
        raise ModelUnavailableError(f"the parts of {name} do not add up to the whole (cosine {least:.5f})")
    if sample.dim % HEADS:
        raise ModelUnavailableError(f"{name} has dimension {sample.dim}: fusion needs one that {HEADS} divides")


@torch.inference_mode()
def _may_be_cut(sample: _Sample, text: TextTower) -> bool:
    """Prove that cut captions say what whole ones say: not where the end's own token fills captions up."""
    cut = int(ends_of(sample.ids, sample.padding).max())
    return text.is_trimmable and _likeness(text(sample.ids[:, :cut])[0], sample.text) > _SAME


def _likeness(vectors: torch.Tensor, others: torch.Tensor) -> float:
    return float(functional.cosine_similarity(vectors, others).min())


def padding_of(tokenizer: Tokenizer) -> int:
    """Tell which token stands behind the end of a short caption."""
    return int(tokenizer(["a"])[0, -1])


def _batch_size(config: ScoreConfig, see: Tower, source: ClipSource, device: torch.device) -> int:
    """Take the batch size that was asked for, or find it on the device itself."""
    if config.batch_size != "auto":
        return config.batch_size

    def seconds_of(size: int) -> float:
        batch = torch.zeros((size, *source.fit.shape), dtype=torch.uint8, device=device)
        network = see.network if isinstance(see, Replayed) else see
        with torch.inference_mode():
            network(batch)
            torch.cuda.synchronize(device)
            started = time.perf_counter()
            network(batch)
            torch.cuda.synchronize(device)
        return time.perf_counter() - started

    def has_room() -> bool:
        free, _ = torch.cuda.mem_get_info(device)
        taken = torch.cuda.memory_reserved(device)
        return 2 * taken < ROOM * (free + taken)

    return find_batch_size(seconds_of, has_room)
