"""Makes target sets: pictures that data should be like, as an encoder sees them, under a name for policies."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pairsift.adapters.sources import open_source, pairs_of
from pairsift.adapters.store.engine import open_engine, prepare
from pairsift.adapters.store.rows import TargetRow
from pairsift.adapters.store.targets import current_target, register_targets
from pairsift.adapters.targets import EMBEDDING_FILES, read_embeddings, write_target
from pairsift.config import PreprocessConfig, RunConfig
from pairsift.core.images import decode_image
from pairsift.core.norm_sim import canonical_target, target_set
from pairsift.core.preprocessing import FitPicture, Pixels, fit_enhanced
from pairsift.core.records import Cleaner, Reason
from pairsift.errors import ConfigError, SourceError
from pairsift.models.device import CORES, resolve
from pairsift.models.encoder import load_encoder, picture_fit, score_fingerprint
from pairsift.models.pictures import fit_picture
from pairsift.models.scores import Encoder
from pairsift.settings import Settings

BATCH_PICTURES = 256
"""Pictures in memory at a time: 39 MB of pixels at 224 px."""

Advance = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The target set that a name stands for now, and the one before (None: there was none).

    Of `read` pictures, or rows of a file, so many were `unreadable`; `pictures` are the different ones in the set.
    """

    name: str
    target: str
    before: str | None
    encoder: str
    source: str
    read: int
    unreadable: int
    pictures: int
    seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """Embeddings (m, d) of what could be read, and how much was read."""

    rows: NDArray[np.floating]
    read: int


def make_target(source: str, name: str, config: RunConfig, advance: Advance) -> Outcome:
    """Encode a source's pictures, whatever their captions, or take a file of embeddings, and name them.

    The set is for pairs that are scored with this config, by policies of any cleaner: no caption is read. SourceError
    where there is no readable picture; ConfigError where embeddings are of another length than the encoder's.
    """
    started = time.monotonic()
    prepare(Settings().store_url)
    score = resolve(config.score)
    encoder = load_encoder(score)
    seen = (
        _embeddings(Path(source), encoder)
        if source.endswith(EMBEDDING_FILES)
        else _encode(source, config, encoder, advance)
    )
    made = target_set(canonical_target(seen.rows))
    write_target(Settings().storage.absolute(), made)
    scored = [score_fingerprint(score, config.preprocess, cleaner) for cleaner in Cleaner]
    engine = open_engine(Settings().store_url)
    before = current_target(engine, name, scored[0])
    if before != made.fingerprint:
        register_targets(engine, [TargetRow(name, each, made.fingerprint, len(made.image), source) for each in scored])
    return Outcome(
        name=name,
        target=made.fingerprint,
        before=before,
        encoder=score.encoder,
        source=source,
        read=seen.read,
        unreadable=seen.read - len(seen.rows),
        pictures=len(made.image),
        seconds=time.monotonic() - started,
    )


def _embeddings(path: Path, encoder: Encoder) -> _Seen:
    rows = read_embeddings(path)
    if rows.shape[1] != encoder.dim:
        raise ConfigError(
            f"{path} has rows of {rows.shape[1]} numbers, and embeddings of {encoder.name} have {encoder.dim}: give "
            "the encoder that made them by --encoder"
        )
    return _Seen(rows, len(rows))


def _encode(source: str, config: RunConfig, encoder: Encoder, advance: Advance) -> _Seen:
    """Encode the readable pictures of a source, as a run encodes them; a bounded number is in memory."""
    fit = partial(fit_picture, fit=picture_fit(config.score))
    look = partial(_look, config=config.preprocess, fit=fit)
    found: list[NDArray[np.float16]] = []
    read = 0
    different = _different_files(source, config)
    with ThreadPoolExecutor(CORES) as lanes:
        for files in iter(lambda: list(islice(different, BATCH_PICTURES)), []):
            read += len(files)
            pixels = [picture for picture in lanes.map(look, files) if picture is not None]
            if pixels:
                scores = encoder.score(np.stack(pixels), np.arange(len(pixels)), [None] * len(pixels))
                found.append(scores.image_embedding)
            advance(len(files))
    if not found:
        raise SourceError(f"{source}: none of {read} pictures can be read, and a target set needs at least one")
    return _Seen(np.concatenate(found), read)


def _different_files(source: str, config: RunConfig) -> Iterator[bytes]:
    """Give the source's image files, each different one once."""
    seen: set[bytes] = set()
    for spec in open_source(source).partitions({}, config.ingest):
        for pair in pairs_of(spec):
            digest = sha256(pair.image or b"").digest()
            if pair.image is not None and digest not in seen:
                seen.add(digest)
                yield pair.image


def _look(data: bytes, config: PreprocessConfig, fit: FitPicture) -> Pixels | None:
    rgb = decode_image(data, config)
    return None if isinstance(rgb, Reason) else fit_enhanced(rgb, config, fit)
