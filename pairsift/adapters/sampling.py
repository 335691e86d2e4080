"""A sample of a source's readable pairs, chosen by content: neither keys nor the order of pairs matter."""

import heapq
import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pairsift.adapters.remaining import Takedowns, remaining_pairs
from pairsift.adapters.sources import open_source
from pairsift.config import PreprocessConfig, RunConfig
from pairsift.core.captions import read_caption
from pairsift.core.fingerprint import fingerprint
from pairsift.core.foreign_captions import FOREIGN_CAPTIONS
from pairsift.core.images import decode_image
from pairsift.core.ingesting import identify
from pairsift.core.measuring import encodable_caption
from pairsift.core.planting import Original
from pairsift.core.preprocessing import prepare_caption
from pairsift.core.records import Cleaner, ReadPair, Reason

PARTITIONS = 32
"""Most partitions that are opened."""
READ_PER_PAIR = 10
"""Pairs read for each that is wanted; among these the content alone chooses."""
CANDIDATES_PER_PAIR = 2
"""Pairs held with their files for each that is wanted: some cannot be read, or share a picture or a caption."""
LEAST_FOREIGN = 20
"""So many different captions in another language a source must have: else the shipped ones are planted."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many pairs, by which seed, with which of the source's columns; `english_only`: with English captions only."""

    count: int
    seed: int
    english_only: bool
    source_columns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Sample:
    """Readable pairs, an even number, no two with one picture or one caption, out of so many that were read.

    `foreign_from` says where their foreign captions come from: `source`, other pairs of it, or `shipped`.
    """

    originals: Sequence[Original]
    read: int
    foreign_from: str


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A pair whose caption can be read; `english` says whether an encoder that knows only English may measure it."""

    original: Original
    english: bool
    language: str | None


def draw_sample(source: str, config: RunConfig, wanted: Wanted, takedowns: Takedowns) -> Sample:
    """Draw up to so many pairs as are wanted, none that was taken down.

    Only the first pairs of some partitions are read, so that a large source costs no more than a small one.
    """
    counter = itertools.count()
    pairs = (pair for pair, _ in zip(_first_pairs(source, config, wanted, takedowns), counter, strict=False))
    ranked = (found for pair in pairs for found in _rank(pair, config.preprocess, wanted))
    best = heapq.nsmallest(CANDIDATES_PER_PAIR * wanted.count, ranked, key=lambda found: found[0])
    candidates = [found for _, original in best for found in _with_language(original, config.preprocess)]
    readable = (found.original for found in candidates if found.english or not wanted.english_only)
    chosen = list(itertools.islice(_different(readable, config.preprocess), wanted.count))
    foreign, foreign_from = _foreign_captions(candidates, chosen)
    even = chosen[: len(chosen) // 2 * 2]
    originals = [replace(one, foreign=foreign[place % len(foreign)]) for place, one in enumerate(even)]
    return Sample(originals, next(counter), foreign_from)


def _first_pairs(source: str, config: RunConfig, wanted: Wanted, takedowns: Takedowns) -> Iterator[ReadPair]:
    """Read the first pairs of some partitions, which the seed chooses by their keys."""
    ingest = config.ingest.model_copy(update={"source_columns": tuple(sorted(wanted.source_columns))})
    specs = open_source(source, config=ingest).partitions({}, ingest)
    chosen = sorted(specs, key=lambda spec: fingerprint([wanted.seed, spec.key]))[:PARTITIONS]
    each = math.ceil(READ_PER_PAIR * wanted.count / max(1, len(chosen)))
    return itertools.chain.from_iterable(
        itertools.islice(remaining_pairs(spec, ingest, takedowns), each) for spec in chosen
    )


def _rank(pair: ReadPair, config: PreprocessConfig, wanted: Wanted) -> Iterator[tuple[str, Original]]:
    """Give a pair that has image and caption its place in a random order that its content makes."""
    text = read_caption(pair.caption, config.max_caption_bytes)
    if pair.image is None or pair.caption is None or isinstance(text, Reason):
        return
    ingested = identify(0, pair, config.max_caption_bytes, wanted.source_columns)
    if ingested.image_sha256 is not None:
        rank, columns = fingerprint([wanted.seed, ingested.uid]), ingested.source_columns
        yield rank, Original(pair.image, ingested.image_sha256, pair.caption, text, "", columns)


def _with_language(original: Original, config: PreprocessConfig) -> Iterator[_Candidate]:
    caption, measured = prepare_caption(original.caption, config, Cleaner.DEFAULT)
    if caption is not None:
        english = encodable_caption(caption, measured) is not None
        language = measured.values["text.language"]
        yield _Candidate(original, english, language if isinstance(language, str) else None)


def _different(originals: Iterator[Original], config: PreprocessConfig) -> Iterator[Original]:
    """Leave out pictures that cannot be decoded, and pairs with the picture or the caption of an earlier one."""
    seen: set[str] = set()
    for original in originals:
        same = {original.image_sha256, f"caption {original.text}"}
        if seen & same or isinstance(decode_image(original.image, config), Reason):
            continue
        seen |= same
        yield original


def _foreign_captions(candidates: Sequence[_Candidate], chosen: Sequence[Original]) -> tuple[list[str], str]:
    """Find captions in another language than the sample's: the source's own if there are enough, else shipped ones."""
    taken = {original.text for original in chosen}
    texts = [found.original.text for found in candidates if not found.english]
    others = list(dict.fromkeys(text for text in texts if text not in taken))
    mostly_english = 2 * len(texts) <= len(candidates)
    if mostly_english and len(others) >= LEAST_FOREIGN:
        return others, "source"
    languages = Counter(found.language for found in candidates)
    main = None if mostly_english or not languages else languages.most_common(1)[0][0]
    by_language = [captions for language, captions in FOREIGN_CAPTIONS.items() if language != main]
    return [caption for alike in zip(*by_language, strict=True) for caption in alike], "shipped"
