"""What is compared: each system's packages, its command for given pairs, and how many pairs it has done."""

import json
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
import yaml

ROOT = Path(__file__).resolve().parents[2]
BATCH = 64
WORKERS = len(os.sched_getaffinity(0))
TORCH = (f"torch=={version('torch')}", f"torchvision=={version('torchvision')}")
"""Pairsift's own builds, so that no system has another torch."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The pairs of one size in the forms that the systems take, and the model in both of its forms.

    `shards` is a folder with `shard_count` tars; `records` is Data-Juicer's list of pairs, whose pictures are files.
    `quantised` is a storage of Pairsift's with the int8 towers.
    """

    shards: Path
    shard_count: int
    records: Path
    checkpoint: Path
    converted: Path
    quantised: Path


@dataclass(frozen=True, slots=True)
class Launch:
    """A command line, and what it needs in its environment besides."""

    command: list[str]
    environment: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class System:
    """One row of the table.

    `launch` takes the environment's folder of commands, the inputs and an empty folder for all that is written;
    `count_done` says from that folder how many pairs have an outcome. A row with a reason in `skipped` is not run.
    """

    name: str
    environment: str | None
    requirements: tuple[str, ...]
    launch: Callable[[Path, Inputs, Path], Launch]
    count_done: Callable[[Path], int]
    skipped: str | None = None


def peers() -> list[System]:
    """Return the systems of others."""
    clip_retrieval = ("clip-retrieval==2.45.0", "transformers<5", "setuptools<81", *TORCH)  # it needs pkg_resources
    data_juicer = (
        "py-data-juicer==1.6.1",
        "aiohttp",
        "transformers",
        *TORCH,
    )  # it imports aiohttp, but does not ask for it
    day = ("open_clip_torch", "webdataset", *TORCH)
    return [
        System("clip-retrieval 2.45", "clip-retrieval", clip_retrieval, launch_clip_retrieval, count_embeddings),
        System("Data-Juicer 1.6", "data-juicer", data_juicer, launch_data_juicer, count_records),
        System("day baseline float32", "day", day, day_baseline("float32"), count_archive),
        System("day baseline bfloat16", "day", day, day_baseline("bfloat16"), count_archive, not_native("bfloat16")),
    ]


def pairsift(encoder: str, dtypes: Sequence[str]) -> list[System]:
    """Return Pairsift with an encoder in some dtypes; `{checkpoint}` in its name stands for the random checkpoint."""
    return [
        System(f"pairsift {dtype}", None, (), run_pairsift(encoder, dtype), count_read, not_native(dtype))
        for dtype in dtypes
    ]


def encoder_alone(encoder: str, dtypes: Sequence[str]) -> list[System]:
    """Return the limit of each of Pairsift's rows: its encoder's forward pass on pixels at hand."""
    return [
        System(f"its encoder alone, {dtype}", None, (), run_encoder(encoder, dtype), count_read, not_native(dtype))
        for dtype in dtypes
    ]


def not_native(dtype: str) -> str | None:
    """Say that the processor has no instructions for a dtype; None where it has, or need not."""
    capabilities = torch.cpu.get_capabilities()
    native = capabilities.get("avx512_bf16") or capabilities.get("amx_bf16")
    return "not native here" if dtype == "bfloat16" and not native else None


def launch_clip_retrieval(commands: Path, inputs: Inputs, out: Path) -> Launch:
    """Embed pictures and captions. Batches of 64 cost 240 CPU ms a pair where its default, 256, cost 293."""
    arguments = {
        "input_dataset": f"{inputs.shards}/{{00000..{inputs.shard_count - 1:05d}}}.tar",
        "output_folder": str(out),
        "input_format": "webdataset",
        "batch_size": BATCH,
        "num_prepro_workers": WORKERS,
        "clip_model": f"open_clip:ViT-B-32/{inputs.checkpoint}",
    }
    options = [part for name, value in arguments.items() for part in (f"--{name}", str(value))]
    return Launch([str(commands / "clip-retrieval"), "inference", *options], {"HF_HOME": str(out / "hf")})


def launch_data_juicer(commands: Path, inputs: Inputs, out: Path) -> Launch:
    """Filter by similarity, keeping all: one process a core, which its own `auto_op_parallelism` takes as well."""
    recipe = {
        "project_name": "bench",
        "dataset_path": str(inputs.records),
        "export_path": str(out / "pairs.jsonl"),
        "np": WORKERS,
        "keep_stats_in_res_ds": True,
        "process": [{"image_text_similarity_filter": {"hf_clip": str(inputs.converted), "min_score": -1.0}}],
    }
    (out / "recipe.yaml").write_text(yaml.safe_dump(recipe, sort_keys=False), encoding="utf-8")
    caches = {"HF_HOME": str(out / "hf"), "CACHE_HOME": str(out / "cache")}
    return Launch([str(commands / "dj-process"), "--config", str(out / "recipe.yaml")], caches)


def day_baseline(dtype: str) -> Callable[[Path, Inputs, Path], Launch]:
    """Return the launch of benchmarks/day_baseline.py in a dtype."""

    def launch(commands: Path, inputs: Inputs, out: Path) -> Launch:
        options = {"checkpoint": inputs.checkpoint, "out": out / "pairs.npz", "dtype": dtype}
        options |= {"batch-size": BATCH, "workers": WORKERS}
        shards = [str(path) for path in sorted(inputs.shards.glob("*.tar"))]
        named = [part for name, value in options.items() for part in (f"--{name}", str(value))]
        return Launch([str(commands / "python"), str(ROOT / "benchmarks/day_baseline.py"), *shards, *named])

    return launch


def run_pairsift(encoder: str, dtype: str) -> Callable[[Path, Inputs, Path], Launch]:
    """Return the launch of the command `pairsift run`."""

    def launch(commands: Path, inputs: Inputs, out: Path) -> Launch:
        config = write_config(encoder, dtype, inputs, out)
        source = f"{inputs.shards}/*.tar"
        command = [str(commands / "pairsift"), "run", source, "--dataset", "bench", "--config", str(config), "--json"]
        own = {"PAIRSIFT_STORAGE": str(storage_with(inputs, out)), "PREFECT_HOME": str(out / "prefect")}
        return Launch(command, own | {"PYTHONPATH": str(ROOT)})

    return launch


def run_encoder(encoder: str, dtype: str) -> Callable[[Path, Inputs, Path], Launch]:
    """Return the launch of benchmarks.peers.encoder_alone."""

    def launch(commands: Path, inputs: Inputs, out: Path) -> Launch:
        config = write_config(encoder, dtype, inputs, out)
        command = [str(commands / "python"), "-m", "benchmarks.peers.encoder_alone", str(config)]
        return Launch(command, {"PYTHONPATH": str(ROOT), "PAIRSIFT_STORAGE": str(storage_with(inputs, out))})

    return launch


def storage_with(inputs: Inputs, out: Path) -> Path:
    """Make a storage folder that has the int8 towers, if there are any, and nothing else."""
    storage = out / "data"
    storage.mkdir()
    (storage / "models").symlink_to(inputs.quantised / "models")
    return storage


def write_config(encoder: str, dtype: str, inputs: Inputs, out: Path) -> Path:
    """Write a config file of Pairsift."""
    score = {"encoder": encoder.format(checkpoint=inputs.checkpoint), "dtype": dtype}
    (out / "config.yaml").write_text(yaml.safe_dump({"score": score}), encoding="utf-8")
    return out / "config.yaml"


def own_commands() -> Path:
    """Return the folder of commands of the environment that this process runs in."""
    return Path(sys.executable).parent


def count_embeddings(out: Path) -> int:
    """Count the pairs for which clip-retrieval wrote both embeddings."""
    return min(sum(len(np.load(path)) for path in out.glob(f"{kind}_emb/*.npy")) for kind in ("img", "text"))


def count_records(out: Path) -> int:
    """Count the pairs to which Data-Juicer gave a similarity."""
    rows = map(json.loads, (out / "pairs.jsonl").read_text(encoding="utf-8").splitlines())
    return sum(len(row["__dj__stats__"]["image_text_similarity"]) == 1 for row in rows)


def count_archive(out: Path) -> int:
    """Count the pairs to which the day baseline gave a similarity."""
    return len(np.load(out / "pairs.npz")["similarity"])


def count_read(out: Path) -> int:
    """Count the pairs that Pairsift says it has read and scored."""
    pairs = json.loads((out / "stdout.txt").read_text(encoding="utf-8"))["pairs"]
    return int(pairs["read"] - pairs["quarantined"])
