"""Pictures of a source, whatever their captions, as an encoder sees them in a run."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from pairsift.core.preprocessing import PreparedImage
from pairsift.core.records import Measurement
from pairsift.models.device import CORES
from pairsift.models.scores import Encoder

BATCH_PICTURES = 256
"""Pictures in memory at a time: 39 MB of pixels at 224 px."""

Advance = Callable[[int], None]
Pictured = tuple[Measurement, NDArray[np.float16] | None]
"""What was measured of a picture, and its embedding (d,) if it can be read."""


def encode_pictures(
    files: Iterable[bytes], look: Callable[[bytes], PreparedImage], encoder: Encoder, advance: Advance
) -> Iterator[Pictured]:
    """Encode image files in their order; a bounded number is in memory, and `advance` is told of how many were."""
    remaining = iter(files)
    with ThreadPoolExecutor(CORES) as lanes:
        for batch in iter(lambda: list(islice(remaining, BATCH_PICTURES)), []):
            prepared = list(lanes.map(look, batch))
            pixels = [picture.pixels for picture in prepared if picture.pixels is not None]
            embeddings = iter(_encode(pixels, encoder) if pixels else ())
            yield from ((each.measurement, None if each.pixels is None else next(embeddings)) for each in prepared)
            advance(len(batch))


def _encode(pixels: list[NDArray[np.uint8]], encoder: Encoder) -> NDArray[np.float16]:
    return encoder.score(np.stack(pixels), np.arange(len(pixels)), [None] * len(pixels)).image_embedding
