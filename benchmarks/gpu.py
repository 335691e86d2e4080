"""What a CUDA device does with open_clip models: pairs a second, how busy it is, and what bounds it.

`python -m benchmarks.gpu` makes checkpoints of random weights (speed does not depend on them) and needs no Prefect
and no database: it calls the functions that the tasks call. Without a CUDA device it says so and ends.
"""

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
import torchvision
from numpy.typing import NDArray

from benchmarks.photo_pairs import photo_pairs
from benchmarks.sample_pictures import prepare
from pairsift.adapters.pairlist import write_pairs
from pairsift.adapters.scratch import read_prepared
from pairsift.config import PreprocessConfig, ScoreConfig
from pairsift.core.images import SQUARE
from pairsift.core.preprocessing import Prepared
from pairsift.core.records import Cleaner, IngestedPair, Location
from pairsift.models.clip import Clip
from pairsift.models.device import limit_threads, resolve
from pairsift.models.encoder import load_encoder, picture_fit
from pairsift.models.replay import Replayed
from pairsift.models.scores import Encoder
from tasks.preparing import Preparation, prepare_apart

MODELS = ("ViT-B-32", "ViT-L-14")
CHUNK = 2_048
PASSES = 5
LANES = (1, 4, 16)
LANES_AT_ONCE = 4
DISTINCT = 512
"""Different pictures; a chunk repeats them, which changes no pass: pixels are given as they are."""

Pixels = NDArray[np.uint8]


def main() -> None:
    """Print one JSON object a measurement, and write them all to a file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--compile", action="store_true", help="also with torch.compile (minutes)")
    parser.add_argument("--out", type=Path, default=Path("build/bench-gpu.json"))
    options = parser.parse_args()
    if not torch.cuda.is_available():
        raise SystemExit("no CUDA device is here: nothing was measured")
    limit_threads(1)  # as tasks do
    figures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for figure in measurements(options.models, Path(folder), compiled=options.compile):
            print(json.dumps(figure), flush=True)
            figures.append(figure)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(figures, indent=1), encoding="utf-8")


def measurements(models: Sequence[str], folder: Path, *, compiled: bool) -> Iterator[dict[str, Any]]:
    """Measure the machine, then every model."""
    yield {"device": torch.cuda.get_device_name(), "torch": torch.__version__}
    pairs = list(photo_pairs(DISTINCT))
    orders = write_orders(pairs, folder)
    yield from decoding(orders, [image for _, image, _ in pairs])
    for model in models:
        spec = f"open_clip:{model}:{random_checkpoint(model, folder)}"
        config = ScoreConfig(encoder=spec, device="cuda", dtype="bfloat16")
        prepared = prepare(pairs, picture_fit(config))
        yield agreement(spec, prepared)
        yield {"model": model, **scoring(config, prepared)}
        yield {"model": model, **pipeline(config, orders, LANES[-1])}
        if compiled:
            yield {"model": model, **scoring(config.model_copy(update={"compile": True}), prepared)}


def random_checkpoint(model: str, folder: Path) -> Path:
    """Save a model with random weights, always the same ones."""
    torch.manual_seed(0)
    path = folder / f"{model}.pt"
    torch.save(open_clip.create_model(model, pretrained=None).state_dict(), path)
    return path


def agreement(spec: str, prepared: Sequence[Prepared]) -> dict[str, Any]:
    """Compare alignments on the device with those of the CPU in float32."""
    pixels, captions = chunk_of(prepared, 32)

    def alignment(device: str, dtype: str) -> NDArray[np.float32]:
        config = resolve(ScoreConfig.model_validate({"encoder": spec, "device": device, "dtype": dtype}))
        return load_encoder(config).score(pixels, np.arange(32), captions).signals["pair.alignment"]

    exact = alignment("cpu", "float32")
    shifts = {name: alignment("cuda", name) - exact for name in ("float32", "bfloat16", "float16")}
    return {"spec": spec, "greatest shift of alignment": {k: float(np.abs(v).max()) for k, v in shifts.items()}}


def scoring(config: ScoreConfig, prepared: Sequence[Prepared]) -> dict[str, Any]:
    """Score pre-decoded chunks: pairs a second, and the share of the time in which the device works."""
    started = time.perf_counter()
    encoder = load_encoder(config)
    assert isinstance(encoder, Clip)
    loaded = time.perf_counter() - started
    pixels, captions = chunk_of(prepared, CHUNK)
    images = np.arange(CHUNK)
    started = time.perf_counter()
    encoder.score(pixels, images, captions)
    first = time.perf_counter() - started
    rate = LANES_AT_ONCE * CHUNK / median_seconds(partial(score_at_once, encoder, pixels, captions))
    return {
        "compile": config.compile,
        "batch": encoder.batch.size,
        "load_s": round(loaded, 1),
        "first_chunk_s": round(first, 1),
        "pre-decoded pairs/s": round(rate),
        "device busy": round(busy(encoder, pixels, captions), 3),
        "image tower pairs/s": {k: round(v) for k, v in tower_rates(encoder, pixels).items()},
        "memory GiB": round(torch.cuda.max_memory_reserved() / 2**30, 2),
    }


def score_at_once(encoder: Encoder, pixels: Pixels, captions: Sequence[str | None]) -> None:
    """Score chunks on several threads, as the flow's lanes do: one tokenizes while another one has the device."""
    images = np.arange(len(pixels))
    with ThreadPoolExecutor(LANES_AT_ONCE) as pool:
        for scored in [pool.submit(encoder.score, pixels, images, captions) for _ in range(LANES_AT_ONCE)]:
            scored.result()


def tower_rates(encoder: Clip, pixels: Pixels) -> dict[str, float]:
    """Time the image tower alone on pictures on the device: kernel by kernel, and replayed."""
    batch = torch.from_numpy(np.ascontiguousarray(pixels[: encoder.batch.size])).cuda()
    see = encoder.see
    networks = {"replayed": see, "eager": see.network} if isinstance(see, Replayed) else {"eager": see}

    def rate(network: Callable[[torch.Tensor], object]) -> float:
        def work() -> None:
            with torch.inference_mode():
                for _ in range(4):
                    network(batch)
            torch.cuda.synchronize()

        return 4 * len(batch) / median_seconds(work)

    return {name: rate(network) for name, network in networks.items()}


def busy(encoder: Encoder, pixels: Pixels, captions: Sequence[str | None]) -> float:
    """Share of the wall time of chunks in a row in which at least one kernel runs, by torch's profiler."""
    activities = [torch.profiler.ProfilerActivity.CUDA]
    with torch.profiler.profile(activities=activities) as profile:
        started = time.perf_counter()
        score_at_once(encoder, pixels, captions)
        wall_us = 1e6 * (time.perf_counter() - started)
    kernels = sorted(
        (event.time_range.start, event.time_range.end)
        for event in profile.events()
        if "Memcpy" not in event.name and "Memset" not in event.name
    )
    total, end = 0.0, 0.0
    for start, stop in kernels:
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total / wall_us


def decoding(orders: Sequence[Preparation], files: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    """Prepare chunks on growing numbers of threads and of processes, and decode JPEGs on the device."""
    for lanes in LANES:
        rates = {}
        for kind, processes in (("threads", 0), ("processes", lanes)):
            with ThreadPoolExecutor(lanes) as pool:
                seconds = median_seconds(partial(prepare_all, pool, orders[:lanes], processes), 2)
            rates[kind] = round(lanes * DISTINCT / seconds)
        yield {"prepared pairs/s": rates, "lanes": lanes}
    tensors = [torch.frombuffer(bytearray(image), dtype=torch.uint8) for image in files]

    def decode() -> None:
        torchvision.io.decode_jpeg(tensors, device="cuda")
        torch.cuda.synchronize()

    yield {"decoded on the device pictures/s": round(len(tensors) / median_seconds(decode))}


def prepare_all(pool: ThreadPoolExecutor, orders: Sequence[Preparation], processes: int) -> int:
    """Prepare one chunk on every lane."""
    return sum(pool.map(partial(prepare_apart, processes=processes), orders))


def pipeline(config: ScoreConfig, orders: Sequence[Preparation], processes: int) -> dict[str, Any]:
    """Prepare and score on all lanes as the flow does: chunks wait for the device only, and it for the lanes."""
    encoder, fit = load_encoder(config), picture_fit(config)

    def lane(order: Preparation, chunks: int = 3) -> int:
        """Work on one chunk after the other: two at once would write the same files."""
        for _ in range(chunks):
            prepare_apart(replace(order, fit=fit), processes)
            prepared = read_prepared(order.pixels, order.measurements)
            encoder.score(prepared.pixels, prepared.image_of, prepared.captions)
        return chunks * len(prepared.uids)

    with ThreadPoolExecutor(len(orders)) as pool:
        list(pool.map(partial(lane, chunks=1), orders))
        started = time.perf_counter()
        done = sum(pool.map(lane, orders))
        return {"processes": processes, "pairs/s from JPEG": round(done / (time.perf_counter() - started))}


def write_orders(pairs: Sequence[tuple[str, bytes, str]], folder: Path) -> list[Preparation]:
    """Write the images into one file and their pair list beside it; give as many chunks of them as there are lanes."""
    data, offset = folder / "images", 0
    listed: list[IngestedPair] = []
    with data.open("wb") as file:
        for key, image, caption in pairs:
            place = Location(str(data), offset, len(image))
            digest = hashlib.sha256(image).hexdigest()
            listed.append(IngestedPair(len(listed), key, key, place, digest, caption.encode()))
            offset += file.write(image)
    pair_list = write_pairs(folder / "pairs.arrow", listed).path
    base = (pair_list, 0, len(listed), frozenset[int](), PreprocessConfig(), Cleaner.DEFAULT, SQUARE)
    return [Preparation(*base, folder / f"{lane}.npy", folder / f"{lane}.json") for lane in range(LANES[-1])]


def chunk_of(prepared: Sequence[Prepared], count: int) -> tuple[Pixels, list[str | None]]:
    """Repeat prepared pairs to a chunk: pixels (count, h, w, 3), and captions that are all different."""
    chosen = [prepared[number % len(prepared)] for number in range(count)]
    captions: list[str | None] = [f"{one.caption} {number // len(prepared)}" for number, one in enumerate(chosen)]
    return np.stack([one.pixels for one in chosen if one.pixels is not None]), captions


def median_seconds(work: Callable[[], object], passes: int = PASSES) -> float:
    """Time some passes after one that does not count."""
    work()
    seconds = []
    for _ in range(passes):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return float(np.median(seconds))


if __name__ == "__main__":
    main()
