"""The device, dtype and batch size that models run with, resolved once and then passed on."""

import os
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Literal

import torch

from pairsift.config import ScoreConfig
from pairsift.errors import ConfigError, ModelUnavailableError
from pairsift.models.files import CLIP_PREFIX
from pairsift.models.quantised import INT8, openvino_version

CPU_BATCH = {"float32": 4, "bfloat16": 8, "float16": 8}
"""Images per pass on a CPU: the largest activation stays under the 32 MiB above which malloc maps fresh pages each
time. Twice as many cost 6 % more CPU time in bfloat16 and 30 % in float32, in page faults (EfficientNet-Lite0)."""
CPU_CLIP_BATCH = 16
"""Images per pass of an open_clip model on a CPU: 8 cost 7 % more (ViT-B/32, float32), 32 save 3 % of a full pass and
waste as much on the last one of a chunk."""
CUDA_BATCH = 256
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
"""Cores that this process may use."""
_device_is_free = Lock()


def resolve(config: ScoreConfig, *, elsewhere: bool = False) -> ScoreConfig:
    """Replace every `auto` by what this process has, but a batch size that only the device itself can tell.

    With `elsewhere` the models run on other hosts: a CUDA device that is named need not be here, and is taken for one
    that has bfloat16. Raises ModelUnavailableError for a device that is unknown or not there, ConfigError for int8
    where it is not to be had.
    """
    device = _resolve_device(config.device)
    on_cuda = device.type == "cuda"
    if on_cuda and not elsewhere:
        _require(device)
    if config.dtype == INT8:
        _require_int8(config, device)
    pays = (on_cuda and elsewhere) or _bfloat16_pays(device)
    dtype = config.dtype if config.dtype != "auto" else ("bfloat16" if pays else "float32")
    batch_size = config.batch_size if config.batch_size != "auto" else _batch_size(config, dtype, on_cuda=on_cuda)
    return config.model_copy(update={"device": str(device), "dtype": dtype, "batch_size": batch_size})


def torch_dtype(config: ScoreConfig) -> torch.dtype:
    """Return the torch dtype of a resolved config: of int8, what torch computes beside the towers."""
    known = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16, INT8: torch.float32}
    return known[config.dtype]


def backend(config: ScoreConfig) -> str:
    """Name what computes: it is part of an encoder's identity, since another one rounds otherwise."""
    return f"openvino-{openvino_version()}" if config.dtype == INT8 else f"torch-{torch.device(config.device).type}"


def turn(device: torch.device) -> AbstractContextManager[object]:
    """Wait for the turn to compute: on CUDA one chunk at a time, on a CPU no waiting.

    On CUDA the activations of all lanes would add up (256 images of EfficientNet-Lite0: 0.6 GB for the largest one
    alone, in bfloat16), and their passes run no faster side by side.
    """
    return _device_is_free if device.type == "cuda" else nullcontext()


def limit_threads(count: int) -> None:
    """Let one operation use at most `count` CPU threads, in this process."""
    torch.set_num_threads(count)


def _batch_size(config: ScoreConfig, dtype: str, *, on_cuda: bool) -> int | Literal["auto"]:
    """Pictures of a pass; how many of an open_clip model's fit and pay on CUDA is found on the device itself."""
    if config.encoder.startswith(CLIP_PREFIX):
        return "auto" if on_cuda else CPU_CLIP_BATCH
    return CUDA_BATCH if on_cuda else CPU_BATCH[dtype]


def _resolve_device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ModelUnavailableError(f"device {name!r} is unknown: use auto, cpu, cuda or cuda:N") from error
    if device.type not in {"cpu", "cuda"}:
        raise ModelUnavailableError(f"device {name!r} is not supported: use auto, cpu, cuda or cuda:N")
    return device


def _require(device: torch.device) -> None:
    if (device.index or 0) >= torch.cuda.device_count():
        raise ModelUnavailableError(
            f"device '{device}' is not there (CUDA devices found: {torch.cuda.device_count()}): use cpu or auto, "
            "or install a CUDA driver and a CUDA build of torch"
        )


def _require_int8(config: ScoreConfig, device: torch.device) -> None:
    wanted = "score.dtype: int8 is for an open_clip model on a CPU, without score.compile"
    if not config.encoder.startswith(CLIP_PREFIX):
        raise ConfigError(f"{wanted}, not for {config.encoder}: take another encoder or dtype")
    if device.type != "cpu":
        raise ConfigError(f"{wanted}, not for {device}: set score.device to cpu, or take another dtype")
    if config.compile:
        raise ConfigError(f"{wanted}: set that to false, or take another dtype")


def _bfloat16_pays(device: torch.device) -> bool:
    """Say whether bfloat16 is native here and faster than float32.

    Intel's AVX512_BF16 without AMX is native but slow: 85 GFLOP/s a core against 150–190 in float32, so that the
    default encoder costs a third more CPU time. AMD's does twice its float32 rate.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    if capabilities.get("amx_bf16"):
        return True
    return bool(capabilities.get("avx512_bf16")) and "Intel" not in str(capabilities.get("cpu_name"))
