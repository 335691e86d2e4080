"""Makes int8 towers of some of the user's own pairs, measures on others how far scores shift, and decides."""

import math
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from shutil import copyfile

import numpy as np
from numpy.typing import NDArray

from pairsift.adapters.durable import file_facts, make_folder, write_durably
from pairsift.adapters.remaining import Takedowns, find_takedowns, remaining_pairs
from pairsift.adapters.sources import open_source
from pairsift.config import RunConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.ingesting import identify
from pairsift.core.measuring import encodable_caption
from pairsift.core.preprocessing import Prepared, PreparedImage, prepare_image, prepare_pairs
from pairsift.core.records import Cleaner, IngestedPair
from pairsift.core.shift import Measured, Shift, measure_shift
from pairsift.errors import ConfigError, SourceError
from pairsift.models.checkpoints import find_clip
from pairsift.models.clip import Clip
from pairsift.models.device import resolve
from pairsift.models.encoder import load_encoder, picture_fit
from pairsift.models.files import CLIP_PREFIX
from pairsift.models.pictures import fit_picture
from pairsift.models.quantised import (
    FILES,
    INT8,
    MANIFEST,
    Quantised,
    TextShape,
    folder_of,
    openvino_version,
    report_nothing,
)
from pairsift.settings import Settings

LEAST_PAIRS = 40
"""Half of them measure; below that an overlap of the best 30 % moves in steps of 17 %."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """Readable pairs, each with a picture of its own: `uids`, `pixels` (n, h, w, 3) uint8 and `captions`."""

    uids: Sequence[str]
    pixels: NDArray[np.uint8]
    captions: Sequence[str]

    def every_second(self, start: int) -> "Pairs":
        """Take every second pair, from the first or the second one on."""
        return Pairs(self.uids[start::2], self.pixels[start::2], self.captions[start::2])


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it; `folder` holds the towers if int8 was switched on.

    So many pairs of those read were `forgotten`, and others taken in their place.
    """

    encoder: str
    source: str
    forgotten: int
    switched_on: bool
    least_overlap: float
    facts: dict[str, int | float | str]
    folder: str | None
    seconds: float


def quantise(source: str, config: RunConfig, count: int, least_overlap: float) -> Outcome:
    """Make int8 towers of about `count` pairs of a source, half of which calibrate and half of which measure.

    Nothing is written where fewer than `least_overlap` of the best 30 % stay among the best 30 %. ConfigError for an
    encoder that is not of open_clip, SourceError where there are too few readable pairs.
    """
    started = time.monotonic()
    openvino_version()
    takedowns = find_takedowns(Settings().store_url)
    reference = _float32_encoder(config)
    pairs = read_pairs(source, config, count, takedowns, english_only=reference.english_only)
    calibrating, measuring = pairs.every_second(0), pairs.every_second(1)
    model = find_clip(config.score.encoder)
    with tempfile.TemporaryDirectory(prefix="pairsift-int8-") as name:
        candidate = _make(reference, calibrating, Path(name))
        shift = measure_shift(_measured(reference, measuring), _measured(_in_int8(reference, candidate), measuring))
        made = replace(candidate, facts=_facts(shift, source, calibrating, measuring))
        switched_on = shift.top_overlap >= least_overlap
        kept = _keep(made, folder_of(model.fingerprint)) if switched_on else None
    return Outcome(
        encoder=config.score.encoder,
        source=source,
        forgotten=takedowns.left_out,
        switched_on=switched_on,
        least_overlap=least_overlap,
        facts=dict(made.facts),
        folder=None if kept is None else str(kept),
        seconds=time.monotonic() - started,
    )


def read_pairs(source: str, config: RunConfig, count: int, takedowns: Takedowns, *, english_only: bool) -> Pairs:
    """Read and prepare about `count` pairs as a run does, some from each of the source's partitions."""
    specs = open_source(source, config=config.ingest).partitions({}, config.ingest)
    chosen = specs[:: math.ceil(len(specs) / count)]
    each = math.ceil(count / len(chosen))
    found = (pair for spec in chosen for pair in islice(remaining_pairs(spec, config.ingest, takedowns), each))
    read = list(islice(found, count))
    images = [pair.image for pair in read]  # by place: partitions may use one key each for pairs of their own
    ingested = [identify(place, pair, config.preprocess.max_caption_bytes) for place, pair in enumerate(read)]
    fit = partial(fit_picture, fit=picture_fit(config.score))

    def picture(pair: IngestedPair) -> PreparedImage:
        return prepare_image(images[pair.ordinal], config.preprocess, fit)

    prepared = prepare_pairs(ingested, picture, config.preprocess, Cleaner.DEFAULT)
    usable = list(_usable(prepared, english_only=english_only))
    if len(usable) < LEAST_PAIRS:
        raise SourceError(
            f"{source}: {len(usable)} of {len(read)} pairs read are usable, and at least {LEAST_PAIRS} are needed to "
            "measure a shift: give a larger source or more --pairs"
        )
    uids, pixels, captions = zip(*usable, strict=True)
    return Pairs(uids, np.stack(pixels), captions)


def _usable(prepared: Iterable[Prepared], *, english_only: bool) -> Iterator[tuple[str, NDArray[np.uint8], str]]:
    """Give uid, pixels and caption of the pairs that have all; of those of one picture only the first has pixels."""
    for pair in prepared:
        caption = encodable_caption(pair.caption, pair.measurement) if english_only else pair.caption
        if pair.pixels is not None and caption is not None:
            yield pair.uid, pair.pixels, caption


def _float32_encoder(config: RunConfig) -> Clip:
    if not config.score.encoder.startswith(CLIP_PREFIX):
        raise ConfigError(f"only encoders of open_clip can be quantised, not {config.score.encoder}: give --encoder")
    asked = {"dtype": "float32", "device": "cpu", "compile": False, "baseline": "auto", "batch_size": "auto"}
    encoder = load_encoder(resolve(config.score.model_copy(update=asked)))
    if not isinstance(encoder, Clip):
        raise TypeError(f"{encoder.name} is no encoder of open_clip")
    return encoder


def _make(reference: Clip, pairs: Pairs, folder: Path) -> Quantised:
    report_nothing()
    from pairsift.models.quantisation import quantise_towers  # noqa: PLC0415 - an optional extra

    quantise_towers(reference, pairs.pixels, pairs.captions, folder)
    shape = TextShape(reference.dim, reference.buckets[-1], reference.trimmable)
    return Quantised(folder, {name: file_facts(folder / name).sha256 for name in FILES}, shape, {})


def _in_int8(reference: Clip, candidate: Quantised) -> Clip:
    from pairsift.models.int8 import load_towers  # noqa: PLC0415 - an optional extra

    see, read = load_towers(candidate)
    return replace(reference, see=see, read=read)


def _measured(encoder: Clip, pairs: Pairs) -> Measured:
    scores = encoder.score(pairs.pixels, np.arange(len(pairs.uids)), pairs.captions)
    return Measured(scores.signals["pair.alignment"], scores.image_embedding, scores.text_embedding)


def _facts(shift: Shift, source: str, calibrating: Pairs, measuring: Pairs) -> dict[str, int | float | str]:
    """Say what the lineage tells of the shift: its figures, and which pairs they were measured on."""
    return {
        **asdict(shift),
        "against": "float32",
        "source": source,
        "pairs_sha256": fingerprint(list(measuring.uids)),
        "calibrated_on": len(calibrating.uids),
        "calibrated_on_sha256": fingerprint(list(calibrating.uids)),
    }


def _keep(made: Quantised, folder: Path) -> Path:
    """Write the files durably into a folder named by what they hold, and what names them last."""
    kept = replace(made, folder=folder / f"{INT8}-{made.fingerprint[:16]}")
    make_folder(kept.folder)
    for name in FILES:
        write_durably(kept.file(name), partial(copyfile, made.file(name)))
    write_durably(folder / MANIFEST, lambda path: path.write_text(kept.manifest(), encoding="utf-8"))
    return kept.folder
