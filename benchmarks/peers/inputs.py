"""The same pairs in the forms that the systems take, made once below build/."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

from benchmarks.peers.systems import ROOT, WORKERS, Inputs, own_commands
from benchmarks.photo_pairs import write_photo_pairs

SHARDS = WORKERS
"""webdataset gives whole shards to its workers."""


def make_inputs(build: Path, count: int) -> Inputs:
    """Make `count` pairs and the random model, if they are not there."""
    checkpoint, converted = make_model(build / "checkpoints")
    folder = build / "pairs" / f"{count}-in-{SHARDS}"
    if not (folder / "pairs.jsonl").exists():
        write_photo_pairs(folder / "shards", count, SHARDS)
        write_records(folder)
    quantised = build / "quantised"
    return Inputs(folder / "shards", SHARDS, folder / "pairs.jsonl", checkpoint, converted, quantised)


def make_model(folder: Path) -> tuple[Path, Path]:
    """Return open_clip's checkpoint and the Hugging Face folder of the random model.

    They are made in a process of its own: transformers would stay in this one, beside whatever is measured.
    """
    checkpoint, converted = folder / "ViT-B-32.pt", folder / "ViT-B-32-hf"
    if not checkpoint.exists():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "benchmarks.random_clip", str(checkpoint), str(converted)]
        subprocess.run(command, cwd=ROOT, check=True)
    return checkpoint, converted


def quantise_once(encoder: str, inputs: Inputs) -> None:
    """Have Pairsift quantise its encoder, whatever the check says of random weights; a failure is told by the run."""
    if (inputs.quantised / "models").exists():
        return
    name = encoder.format(checkpoint=inputs.checkpoint)
    command = [str(own_commands() / "pairsift"), "quantise", str(inputs.shards), "--encoder", name]
    environment = os.environ | {"PAIRSIFT_STORAGE": str(inputs.quantised), "PYTHONPATH": str(ROOT)}
    subprocess.run([*command, "--least-overlap", "0"], cwd=ROOT, env=environment, stdout=sys.stderr, check=False)


def write_records(folder: Path) -> None:
    """Unpack the shards into what Data-Juicer reads: pictures as files, and a line of JSON for each pair."""
    pictures = folder / "pictures"
    pictures.mkdir(exist_ok=True)
    for shard in sorted((folder / "shards").glob("*.tar")):
        with tarfile.open(shard) as tar:
            tar.extractall(pictures, filter="data")
    records = [record(path) for path in sorted(pictures.glob("*.jpg"))]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")


def record(picture: Path) -> dict[str, object]:
    """Write one pair in Data-Juicer's format."""
    caption = picture.with_suffix(".txt").read_text(encoding="utf-8")
    return {"text": f"<__dj__image> {caption} <|__dj__eoc|>", "images": [str(picture)]}
