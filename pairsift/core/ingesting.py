"""Identifies the pairs a source yields, and judges whether damage to its container is bearable."""

import hashlib
import math
from collections.abc import Collection, Sequence

from pairsift.config import IngestConfig
from pairsift.core.records import NO_BYTES_MARKER, ColumnValue, Damage, IngestedPair, ReadPair, pair_uid
from pairsift.errors import ContainerDamagedError

SHOWN_DAMAGE = 3
KEPT_BEYOND = 2
"""Bytes of a caption kept beyond the limit: one, besides the newline that does not count, proves it too long."""


MAX_COLUMN_CHARACTERS = 1000
"""A longer word is absent: nobody compares it, and a hostile source could fill the database with it."""
_EXACT_INTEGERS = 2**53


def identify(
    ordinal: int, found: ReadPair, max_caption_bytes: int, source_columns: Collection[str] = ()
) -> IngestedPair:
    """Give a pair its place in the partition, its uid and its image's sha256, and keep some of the source's columns.

    Of a caption longer than `max_caption_bytes` the uid is that of the whole, but only so much is kept as shows it.
    """
    image_sha256 = found.image_sha256
    if found.image is not None:
        image_sha256 = hashlib.sha256(found.image).hexdigest()
    digest = hashlib.sha256(NO_BYTES_MARKER).digest() if image_sha256 is None else bytes.fromhex(image_sha256)
    return IngestedPair(
        ordinal=ordinal,
        uid=pair_uid(digest, found.caption),
        key=found.pair.key,
        image=found.pair.image,
        image_sha256=image_sha256,
        raw_caption=None if found.caption is None else found.caption[: max_caption_bytes + KEPT_BEYOND],
        source_uid=found.pair.source_uid,
        source_columns={
            name: value
            for name in sorted(source_columns)
            if (value := column_value(found.fields.get(name))) is not None
        },
    )


def column_value(said: object) -> ColumnValue | None:
    """Take what a source says as a number or a word, true and false as words; None where it is neither.

    A number that is not finite and a word that is too long or no text are absent. A word that reads like a number
    stays a word.
    """
    if isinstance(said, bool):
        return "true" if said else "false"
    if isinstance(said, int):
        return said if abs(said) <= _EXACT_INTEGERS else _finite(said)
    if isinstance(said, float):
        return _finite(said)
    return said if isinstance(said, str) and len(said) <= MAX_COLUMN_CHARACTERS and _is_text(said) else None


def _finite(number: float) -> float | None:
    try:
        rounded = float(number)
    except OverflowError:  # an integer beyond the largest float
        return None
    return rounded if math.isfinite(rounded) else None


def _is_text(said: str) -> bool:
    """Tell whether both databases can store it: no NUL, no lone surrogate."""
    return "\0" not in said and not any("\ud800" <= character <= "\udfff" for character in said)


def check_damage(key: str, pairs: int, damage: Sequence[Damage], config: IngestConfig) -> None:
    """Refuse a partition of which damage cost both more than a share and more than a number of pairs.

    ContainerDamagedError says what was lost, where, and what can be done about it.
    """
    lost = sum(part.lost_pairs for part in damage)
    if lost <= config.lost_pairs or lost <= config.lost_share * (pairs + lost):
        return
    shown = "; ".join(tell_damage(damage[:SHOWN_DAMAGE]))
    raise ContainerDamagedError(
        f"partition {key}: damage cost {lost} of {pairs + lost} pairs, more than ingest.lost_pairs "
        f"({config.lost_pairs}) and ingest.lost_share ({config.lost_share:.0%}) allow: {shown}. "
        "Fetch the file again, or allow more in the config"
    )


def tell_damage(damage: Sequence[Damage]) -> tuple[str, ...]:
    """Tell each damage in a line: what, where, and how many pairs it cost at least."""
    return tuple(f"{part.message} (byte {part.offset}; pairs lost: {part.lost_pairs})" for part in damage)
