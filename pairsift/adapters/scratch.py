"""Local scratch of one attempt: pixels and measurements between preprocess and score; gone when they are used."""

import json
import shutil
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pairsift.adapters.durable import needing_room
from pairsift.core.deciding import Decision, PartitionDecision, to_decisions
from pairsift.core.drift import Statistics
from pairsift.core.fingerprint import fingerprint
from pairsift.core.mismatch import Mismatch
from pairsift.core.preprocessing import Prepared
from pairsift.core.records import Measurement, Reason, Verdict
from pairsift.core.sketches import sketches_from_json

Shape = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class PreparedPairs:
    """A chunk's n prepared pairs.

    `pixels` (m, h, w, 3) are of the different readable pictures, `image_of` (n,) says which is a pair's, −1 for none;
    `masked_of` (n,) which is its picture with the text masked.
    """

    uids: list[str]
    pixels: NDArray[np.uint8]
    image_of: NDArray[np.int64]
    captions: list[str | None]
    measurements: list[Measurement]
    masked_of: NDArray[np.int64]


def database_scratch(folder: Path, database: str) -> Path:
    """Name the folder of one database, by its URL: two on one storage both count their partitions from 1."""
    return folder / fingerprint(database)[:16]


def scratch_folder(scratch: Path, partition_id: int, fence: int) -> Path:
    """Make the folder of one attempt and remove what earlier attempts at the partition left.

    `scratch` is one database's, whose numbers these are. A later attempt's folder stays: this one may be a retry that
    does not know yet that it was overtaken.
    """
    partition = scratch / str(partition_id)
    for leftover in partition.glob("*"):
        if int(leftover.name) < fence:
            shutil.rmtree(leftover, ignore_errors=True)
    folder = partition / str(fence)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remove_scratch(scratch: Path, partition_id: int, fence: int) -> None:
    """Remove an attempt's folder, and the partition's if nothing else is in it."""
    partition = scratch / str(partition_id)
    shutil.rmtree(partition / str(fence), ignore_errors=True)
    with suppress(OSError):  # another attempt has begun there
        partition.rmdir()


def pilot_folder(scratch: Path, run_id: str, partition_id: int) -> Path:
    """Make the folder of one run's pilot of a partition; what an earlier try of the run left in it is written over."""
    folder = scratch / "pilots" / run_id / str(partition_id)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def remove_pilot_folder(folder: Path) -> None:
    """Remove a pilot's folder, and those above it that are empty then."""
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):  # another pilot has begun there
        folder.parent.rmdir()
        folder.parent.parent.rmdir()


def write_prepared(pixels: Path, measurements: Path, prepared: Iterable[Prepared], shape: Shape) -> None:
    """Write a chunk of prepared pairs, their pictures of one shape; one pair is in memory at a time.

    The pixels are written, not mapped: on a full disk that is an error, and in mapped memory the end of the process.
    Their file has no header: NumPy reads one by Python's own parser, which two lanes of CPython 3.11 cannot use at once
    ("AST constructor recursion depth mismatch", once in some thousand chunks).
    """
    rows: list[dict[str, object]] = []
    with needing_room(pixels), pixels.open("wb") as file:
        for pair in prepared:
            for picture in (pair.pixels, pair.masked_pixels):
                if picture is not None:
                    file.write(np.ascontiguousarray(picture).data)
            measured = {"values": pair.measurement.values, "unmeasurable": pair.measurement.unmeasurable}
            places = {"image": pair.image, "masked": pair.masked}
            rows.append({"uid": pair.uid, **places, "caption": pair.caption, **measured})
    with needing_room(measurements):
        measurements.write_text(json.dumps({"shape": shape, "pairs": rows}), encoding="utf-8")


def read_prepared(pixels: Path, measurements: Path) -> PreparedPairs:
    """Read a chunk of prepared pairs; the pixels stay on disk until they are used."""
    content = json.loads(measurements.read_text(encoding="utf-8"))
    rows = content["pairs"]
    image_of, masked_of = (
        np.array([-1 if row[name] is None else row[name] for row in rows], np.int64) for name in ("image", "masked")
    )
    pictures = 1 + max(int(image_of.max(initial=-1)), int(masked_of.max(initial=-1)))
    return PreparedPairs(
        uids=[row["uid"] for row in rows],
        pixels=_mapped(pixels, (pictures, *content["shape"])),
        image_of=image_of,
        captions=[row["caption"] for row in rows],
        measurements=[_measurement(row["values"], row["unmeasurable"]) for row in rows],
        masked_of=masked_of,
    )


def _mapped(path: Path, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    """Map a file of pixels; an empty one cannot be."""
    return np.memmap(path, np.uint8, "r", shape=shape) if shape[0] > 0 else np.empty(shape, np.uint8)


def remove_prepared(pixels: Path, measurements: Path) -> None:
    """Remove a chunk's scratch once it is scored."""
    pixels.unlink(missing_ok=True)
    measurements.unlink(missing_ok=True)


def write_decided(path: Path, decided: PartitionDecision) -> None:
    """Write a partition's decisions and its estimated mismatch."""
    mismatch = None if decided.mismatch is None else asdict(decided.mismatch)
    content = {"decisions": [asdict(row) for row in decided.decisions], "mismatch": mismatch}
    with needing_room(path):
        path.write_text(json.dumps(content), encoding="utf-8")


def read_decided(path: Path) -> PartitionDecision:
    """Read a partition's decisions and its estimated mismatch."""
    decided = json.loads(path.read_text(encoding="utf-8"))
    mismatch = decided["mismatch"]
    return PartitionDecision(
        decisions=to_decisions([_decision(**row) for row in decided["decisions"]]),
        mismatch=None if mismatch is None else Mismatch(**mismatch),
    )


def write_statistics(path: Path, statistics: Statistics) -> None:
    """Write what a partition's drift will be told by."""
    with needing_room(path):
        path.write_text(json.dumps(asdict(statistics)), encoding="utf-8")


def read_statistics(path: Path) -> Statistics:
    """Read what a partition's drift will be told by."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    return Statistics(**{**stored, "signals": sketches_from_json(stored["signals"])})


def _decision(verdict: str, reason: str | None, **measured: Any) -> Decision:  # noqa: ANN401 - JSON
    return Decision(Verdict(verdict), None if reason is None else Reason(reason), **measured)


def _measurement(values: dict[str, float | int | str | None], unmeasurable: dict[str, str]) -> Measurement:
    return Measurement(values, {name: Reason(reason) for name, reason in unmeasurable.items()})
