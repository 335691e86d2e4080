"""Identifies the pairs a source yields, and judges whether damage to its container is bearable."""

import hashlib
from collections.abc import Sequence

from pairsift.config import IngestConfig
from pairsift.core.records import NO_BYTES_MARKER, Damage, IngestedPair, ReadPair, pair_uid
from pairsift.errors import ContainerDamagedError

SHOWN_DAMAGE = 3
KEPT_BEYOND = 2
"""Bytes of a caption kept beyond the limit: one, besides the newline that does not count, proves it too long."""


def identify(ordinal: int, found: ReadPair, max_caption_bytes: int) -> IngestedPair:
    """Give a pair its place in the partition, its uid and its image's sha256.

    Of a caption longer than `max_caption_bytes` the uid is that of the whole, but only so much is kept as shows it.
    """
    digest = hashlib.sha256(NO_BYTES_MARKER if found.image is None else found.image)
    return IngestedPair(
        ordinal=ordinal,
        uid=pair_uid(digest.digest(), found.caption),
        key=found.pair.key,
        image=found.pair.image,
        image_sha256=None if found.image is None else digest.hexdigest(),
        raw_caption=None if found.caption is None else found.caption[: max_caption_bytes + KEPT_BEYOND],
        source_uid=found.pair.source_uid,
    )


def check_damage(key: str, pairs: int, damage: Sequence[Damage], config: IngestConfig) -> None:
    """Refuse a partition of which damage cost both more than a share and more than a number of pairs.

    ContainerDamagedError says what was lost, where, and what can be done about it.
    """
    lost = sum(part.lost_pairs for part in damage)
    if lost <= config.lost_pairs or lost <= config.lost_share * (pairs + lost):
        return
    shown = "; ".join(f"{part.message} (byte {part.offset})" for part in damage[:SHOWN_DAMAGE])
    raise ContainerDamagedError(
        f"partition {key}: damage cost {lost} of {pairs + lost} pairs, more than ingest.lost_pairs "
        f"({config.lost_pairs}) and ingest.lost_share ({config.lost_share:.0%}) allow: {shown}. "
        "Fetch the file again, or allow more in the config"
    )
