"""A WebDataset shard of the kept pairs, with the original bytes of every image, and what is counted beside it."""

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path

from pairsift.adapters.exports.request import ExportRequest
from pairsift.adapters.exports.samples import Sample, picture_of, samples


def write_shard(path: Path, request: ExportRequest) -> int:
    """Write a USTAR shard of the kept pairs, in the partition's order; return how many samples.

    A pair of multiplicity m is m samples, each of a name of its own: a trainer reads no multiplicities.
    SourceChangedError where an image is not what it was when it was ingested.
    """
    count = 0
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for sample in samples(request):
            members = sorted(_members(sample, request))
            for name in sample.names():
                count += 1
                for suffix, data in members:
                    _add(tar, f"{name}.{suffix}", data)
    return count


def write_stats(path: Path, request: ExportRequest) -> int:
    """Write what img2dataset writes beside a shard, without its times: how many samples are in it; return them."""
    count = sum(batch.decisions[n].multiplicity for batch in request.batches() for n in batch.kept())
    path.write_text(json.dumps({"count": count, "successes": count}) + "\n", encoding="ascii")
    return count


def _members(sample: Sample, request: ExportRequest) -> Iterator[tuple[str, bytes]]:
    pair, picture, caption = sample.pair, picture_of(sample.pair), sample.caption
    if picture is not None:
        yield picture.suffix, picture.data
    if caption is not None:
        yield "txt", caption.encode()
    facts = {
        "uid": pair.uid,
        "key": pair.key,
        "source_uid": pair.source_uid,
        "alignment": sample.batch.chunk.signals["pair.alignment"][sample.n],
        "policy": request.policy,
        "policy_version": request.policy_version,
    }
    yield "json", json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    member.mode = 0o444
    tar.addfile(member, io.BytesIO(data))
    tar.members.clear()  # type: ignore[attr-defined]  # typeshed lacks it; else it keeps each one, 1 kB a pair
