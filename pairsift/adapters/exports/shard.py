"""`shard.tar`: the kept pairs as a WebDataset shard, with the original bytes of every image."""

import io
import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path

from pairsift.adapters.exports.request import ExportBatch, ExportRequest
from pairsift.adapters.sources.reading import read_image
from pairsift.core.image_files import image_format
from pairsift.core.records import IngestedPair

_SAFE_KEY = re.compile(r"[A-Za-z0-9_-]{1,90}")
"""Keys without a dot (WebDataset splits there), a folder, or anything else that a path may choke on."""

_SUFFIXES = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp", "TIFF": "tif", "AVIF": "avif"}


def write_shard(path: Path, request: ExportRequest) -> int:
    """Write a USTAR shard of the kept pairs, in the partition's order; return how many.

    A sample is named by its key where that is safe and not used yet, else by uid and ordinal. SourceChangedError where
    an image is not what it was when it was ingested.
    """
    used: set[str] = set()
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for batch in request.batches():
            for n in batch.kept():
                name = _sample_name(batch.pairs[n], used)
                used.add(name)
                for suffix, data in sorted(_members(batch, n, request)):
                    _add(tar, f"{name}.{suffix}", data)
    return len(used)


def _sample_name(pair: IngestedPair, used: set[str]) -> str:
    if _SAFE_KEY.fullmatch(pair.key) and pair.key not in used:
        return pair.key
    return f"{pair.uid}-{pair.ordinal:08d}"


def _members(batch: ExportBatch, n: int, request: ExportRequest) -> Iterator[tuple[str, bytes]]:
    pair, caption = batch.pairs[n], batch.chunk.captions[n]
    image = read_image(pair)
    if image is not None:
        yield _SUFFIXES.get(image_format(image) or "", "bin"), image
    if caption is not None:
        yield "txt", caption.encode()
    facts = {
        "uid": pair.uid,
        "key": pair.key,
        "source_uid": pair.source_uid,
        "alignment": batch.chunk.signals["pair.alignment"][n],
        "policy": request.policy,
        "policy_version": request.policy_version,
    }
    yield "json", json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o444
    tar.addfile(member, io.BytesIO(data))
