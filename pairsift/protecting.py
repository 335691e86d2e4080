"""Makes evaluation sets: pictures and captions that a model will be measured on, under a name for policies."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256

from pairsift.adapters.evaluation_sets import write_evaluation_set
from pairsift.adapters.remaining import Takedowns, find_takedowns, remaining_of
from pairsift.adapters.store.engine import open_engine, prepare
from pairsift.adapters.store.named_sets import name_set
from pairsift.adapters.store.rows import NamedSetRow
from pairsift.adapters.store.tables import evaluation_set as evaluation_table
from pairsift.config import PreprocessConfig, RunConfig
from pairsift.core.copy_kinds import PERCEPTUAL_HASH
from pairsift.core.evaluation_sets import Member, caption_digest
from pairsift.core.preprocessing import prepare_caption, prepare_image
from pairsift.core.records import Cleaner, Measurement, ReadPair
from pairsift.errors import SourceError
from pairsift.models.device import resolve
from pairsift.models.encoder import load_encoder, picture_fit, score_fingerprint
from pairsift.models.pictures import fit_picture
from pairsift.picturing import Advance, Pictured, encode_pictures
from pairsift.settings import Settings


@dataclass(frozen=True, slots=True)
class Outcome:
    """The evaluation set that a name stands for now, and the one before (None: there was none).

    Of `read` pairs these are the different `pictures`, of which so many are `unreadable`: they are found by their
    bytes alone; and the different `captions`. So many pairs of the source were `forgotten`, and are not among them.
    """

    name: str
    evaluation_set: str
    before: str | None
    encoder: str
    source: str
    read: int
    pictures: int
    unreadable: int
    captions: int
    forgotten: int
    seconds: float


@dataclass(slots=True)
class _Draft:
    """A different picture, or a pair without one, as far as the source is read: `pairs` have it, with these captions.

    `captions` are digests, by cleaner. Of a picture without `bytes`, too large a one, only the sha256 is known.
    """

    key: str
    picture: str | None
    bytes: bool
    captions: dict[Cleaner, set[str]] = field(default_factory=lambda: {cleaner: set() for cleaner in Cleaner})
    pairs: int = 0


def make_evaluation_set(source: str, name: str, config: RunConfig, advance: Advance) -> Outcome:
    """Hash and encode a source's pictures, each once, hash their captions, and name them.

    The set is for pairs that are scored with this config, by policies of any cleaner. SourceError where there is
    neither a picture nor a caption.
    """
    started = time.monotonic()
    prepare(Settings().store_url)
    score = resolve(config.score)
    takedowns = find_takedowns(Settings().store_url)
    drafts: dict[str, _Draft] = {}
    files = _different_files(source, config, drafts, takedowns)
    members = _members(files, config.model_copy(update={"score": score}), drafts, advance)
    if not any(member.picture or member.captions[Cleaner.DEFAULT] for member in members):
        raise SourceError(f"{source}: none of its pairs has a picture, or a caption that can be read")
    made = write_evaluation_set(Settings().storage.absolute(), members)
    scored = [score_fingerprint(score, config.preprocess, cleaner) for cleaner in Cleaner]
    engine = open_engine(Settings().store_url)
    rows = [NamedSetRow(name, each, made.fingerprint, len(members), source) for each in scored]
    before = name_set(engine, evaluation_table, rows)
    return Outcome(
        name=name,
        evaluation_set=made.fingerprint,
        before=before,
        encoder=score.encoder,
        source=source,
        read=sum(draft.pairs for draft in drafts.values()),
        pictures=sum(member.picture is not None for member in members),
        unreadable=sum(member.picture is not None and member.embedding is None for member in members),
        captions=len({digest for member in members for digest in member.captions[Cleaner.DEFAULT]}),
        forgotten=takedowns.left_out,
        seconds=time.monotonic() - started,
    )


def _members(files: Iterator[bytes], config: RunConfig, drafts: dict[str, _Draft], advance: Advance) -> list[Member]:
    """Encode image files, which fills `drafts`, and give the members; a bounded number of pictures is in memory."""
    look = partial(prepare_image, config=config.preprocess, fit=partial(fit_picture, fit=picture_fit(config.score)))
    encoded = iter(list(encode_pictures(files, look, load_encoder(config.score), advance)))
    return [_member(draft, next(encoded) if draft.bytes else None) for draft in drafts.values()]


def _different_files(
    source: str, config: RunConfig, drafts: dict[str, _Draft], takedowns: Takedowns
) -> Iterator[bytes]:
    """Give the source's image files, each different one once, and note all pairs in `drafts`."""
    for pair in remaining_of(source, config.ingest, takedowns):
        picture = _picture_of(pair)
        new = (picture or pair.pair.key) not in drafts
        draft = drafts.setdefault(
            picture or pair.pair.key, _Draft(pair.pair.key, picture, bytes=pair.image is not None)
        )
        draft.pairs += 1
        _note_caption(draft, pair.caption, config.preprocess)
        if new and pair.image is not None:
            yield pair.image


def _note_caption(draft: _Draft, caption: bytes | None, config: PreprocessConfig) -> None:
    for cleaner, digests in draft.captions.items():
        cleaned, _ = prepare_caption(caption, config, cleaner)
        if cleaned is not None:
            digests.add(caption_digest(cleaned))


def _member(draft: _Draft, pictured: Pictured | None) -> Member:
    measured, embedding = pictured or (Measurement(), None)
    found = measured.values.get(PERCEPTUAL_HASH)
    captions = {cleaner: sorted(digests) for cleaner, digests in draft.captions.items()}
    return Member(draft.key, draft.picture, found if isinstance(found, str) else None, embedding, captions)


def _picture_of(pair: ReadPair) -> str | None:
    """Give the sha256 of a pair's image file, None where it has none."""
    if pair.image is None:
        return pair.image_sha256
    return sha256(pair.image).hexdigest()
