"""Makes target sets: pictures that data should be like, as an encoder sees them, under a name for policies."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pairsift.adapters.remaining import Takedowns, find_takedowns, remaining_of
from pairsift.adapters.store.engine import open_engine, prepare
from pairsift.adapters.store.named_sets import name_set
from pairsift.adapters.store.rows import NamedSetRow
from pairsift.adapters.store.tables import target_set as target_table
from pairsift.adapters.targets import EMBEDDING_FILES, read_embeddings, write_target
from pairsift.config import PreprocessConfig, RunConfig
from pairsift.core.images import decode_image
from pairsift.core.norm_sim import canonical_target, target_set
from pairsift.core.preprocessing import FitPicture, PreparedImage, fit_enhanced
from pairsift.core.records import Cleaner, Measurement, Reason
from pairsift.errors import ConfigError, SourceError
from pairsift.models.device import resolve
from pairsift.models.encoder import load_encoder, picture_fit, score_fingerprint
from pairsift.models.pictures import fit_picture
from pairsift.models.scores import Encoder
from pairsift.picturing import Advance, encode_pictures
from pairsift.settings import Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """The target set that a name stands for now, and the one before (None: there was none).

    Of `read` pictures, or rows of a file, so many were `unreadable`; `pictures` are the different ones in the set.
    So many pairs of the source were `forgotten`, and are not among them.
    """

    name: str
    target: str
    before: str | None
    encoder: str
    source: str
    read: int
    unreadable: int
    forgotten: int
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
    takedowns = find_takedowns(Settings().store_url)
    seen = (
        _embeddings(Path(source), encoder)
        if source.endswith(EMBEDDING_FILES)
        else _encode(source, config, encoder, takedowns, advance)
    )
    made = target_set(canonical_target(seen.rows))
    write_target(Settings().storage.absolute(), made)
    scored = [score_fingerprint(score, config.preprocess, cleaner) for cleaner in Cleaner]
    engine = open_engine(Settings().store_url)
    rows = [NamedSetRow(name, each, made.fingerprint, len(made.image), source) for each in scored]
    before = name_set(engine, target_table, rows)
    return Outcome(
        name=name,
        target=made.fingerprint,
        before=before,
        encoder=score.encoder,
        source=source,
        read=seen.read,
        unreadable=seen.read - len(seen.rows),
        forgotten=takedowns.left_out,
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


def _encode(source: str, config: RunConfig, encoder: Encoder, takedowns: Takedowns, advance: Advance) -> _Seen:
    """Encode the readable pictures of a source, as a run encodes them."""
    fit = partial(fit_picture, fit=picture_fit(config.score))
    look = partial(_look, config=config.preprocess, fit=fit)
    files = _different_files(source, config, takedowns)
    seen = [embedding for _, embedding in encode_pictures(files, look, encoder, advance)]
    found = [embedding for embedding in seen if embedding is not None]
    if not found:
        raise SourceError(f"{source}: none of {len(seen)} pictures can be read, and a target set needs at least one")
    return _Seen(np.stack(found), len(seen))


def _different_files(source: str, config: RunConfig, takedowns: Takedowns) -> Iterator[bytes]:
    """Give the source's image files, each different one once."""
    seen: set[bytes] = set()
    for pair in remaining_of(source, config.ingest, takedowns):
        digest = sha256(pair.image or b"").digest()
        if pair.image is not None and digest not in seen:
            seen.add(digest)
            yield pair.image


def _look(data: bytes, config: PreprocessConfig, fit: FitPicture) -> PreparedImage:
    """Bring a picture to the encoder's size; nothing else of it is measured."""
    rgb = decode_image(data, config)
    pixels = None if isinstance(rgb, Reason) else fit_enhanced(rgb, config, fit)
    return PreparedImage(pixels, Measurement())
