"""Orders to prepare pictures, and what came of them."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from pairsift.adapters.pairlist import write_pairs
from pairsift.adapters.scratch import read_prepared
from pairsift.config import PreprocessConfig
from pairsift.core.images import Fit
from pairsift.core.records import Cleaner, IngestedPair, Location, Reason
from tasks.preparing import Preparation


def listed(folder: Path, images: Sequence[bytes], config: PreprocessConfig) -> Preparation:
    """Order the preparation of some pictures, each of them the picture of two pairs."""
    pairs: list[IngestedPair] = []
    for number, image in enumerate(images):
        path = folder / f"{number}.image"
        path.write_bytes(image)
        place, digest = Location(str(path), 0, len(image)), hashlib.sha256(image).hexdigest()
        pairs += [IngestedPair(2 * number + n, f"{number}.{n}", "key", place, digest, b"a scene") for n in range(2)]
    pair_list = write_pairs(folder / "pairs.arrow", pairs).path
    files = (folder / "0.pixels", folder / "0.json")
    fit = Fit(32, 32, "crop", "bicubic")
    return Preparation(pair_list, 0, len(pairs), frozenset(), config, Cleaner.DEFAULT, fit, *files)


def reasons(order: Preparation) -> list[Reason | None]:
    """Tell of every prepared pair why its picture could not be measured."""
    return [one.unmeasurable.get("image.width") for one in read_prepared(order.pixels, order.measurements).measurements]
