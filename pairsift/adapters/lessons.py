"""Pairs that models learn from: those that a data set keeps, or the readable ones of a source, chosen by content."""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine

from pairsift.adapters.remaining import Takedowns
from pairsift.adapters.sampling import Wanted, draw_sample
from pairsift.adapters.sources import read_image
from pairsift.adapters.store.decisions import find_dataset
from pairsift.adapters.store.kept import KeptPair, kept_pairs
from pairsift.config import PreprocessConfig, RunConfig
from pairsift.core.fingerprint import fingerprint
from pairsift.core.measuring import encodable_caption
from pairsift.core.preprocessing import FitPicture, PreparedLesson, prepare_caption, prepare_image
from pairsift.core.records import Cleaner, IngestedPair, Location, pair_uid

_CANDIDATES = 2
"""Kept pairs held for each that is wanted: some share a picture or a caption with another."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """A pair to learn from, as bytes."""

    image: bytes
    image_sha256: str
    caption: bytes

    @property
    def uid(self) -> str:
        """The pair's identity."""
        return pair_uid(bytes.fromhex(self.image_sha256), self.caption)


def lessons_of_source(source: str, config: RunConfig, wanted: Wanted, takedowns: Takedowns) -> list[Lesson]:
    """Draw readable pairs of a source, no two with one picture or one caption; nobody has judged them."""
    originals = draw_sample(source, config, wanted, takedowns).originals
    return [Lesson(one.image, one.image_sha256, one.caption) for one in originals]


def lessons_of_dataset(engine: Engine, name: str, wanted: Wanted) -> Iterator[Lesson]:
    """Read kept pairs of a data set from where its source lies, no two with one picture or one caption.

    ConfigError for a data set that is not there, SourceChangedError where a picture is no longer what was curated.
    """
    find_dataset(engine, name)
    ranked = ((fingerprint([wanted.seed, kept.uid]), kept) for kept in kept_pairs(engine, name))
    best = heapq.nsmallest(_CANDIDATES * wanted.count, ranked, key=lambda found: found[0])
    for kept in _different([kept for _, kept in best])[: wanted.count]:
        place = Location(kept.uri, kept.offset, kept.size)
        image = read_image(IngestedPair(0, kept.uid, kept.key, place, kept.image_sha256, None))
        if image is not None:
            yield Lesson(image, kept.image_sha256, kept.caption.encode())


def prepare_lesson(
    lesson: Lesson, config: PreprocessConfig, fit: FitPicture, *, english_only: bool
) -> PreparedLesson | None:
    """Decode a lesson as a run does; None where the encoder cannot read a side of it."""
    picture = prepare_image(lesson.image, config, fit)
    caption, measured = prepare_caption(lesson.caption, config, Cleaner.DEFAULT)
    readable = encodable_caption(caption, measured) if english_only else caption
    if picture.pixels is None or readable is None:
        return None
    hashed = picture.measurement.values.get("image.phash")
    return PreparedLesson(
        lesson.uid, lesson.image_sha256, picture.pixels, readable, hashed if isinstance(hashed, str) else None
    )


def _different(pairs: Sequence[KeptPair]) -> list[KeptPair]:
    """Leave out pairs with the picture or the caption of an earlier one."""
    seen: set[str] = set()
    different = []
    for kept in pairs:
        same = {kept.image_sha256, f"caption {kept.caption}"}
        if not seen & same:
            different.append(kept)
        seen |= same
    return different
