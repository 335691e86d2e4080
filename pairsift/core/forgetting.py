"""Pairs that were taken down: how tombstones name them, and what stands in their place."""

import hashlib
from collections.abc import Collection
from enum import StrEnum

from pairsift.core.records import IngestedPair

FORGOTTEN_UID = "f" * 32
FORGOTTEN_KEY = "forgotten"
"""What every pair that is forgotten is called: no name of it, nor a digest of one, is left where it was."""

_HIDDEN = "pairsift:forgotten:"


class Named(StrEnum):
    """What a tombstone is of: one pair, by its uid, or an image file under whatever caption, by its sha256."""

    PAIR = "pair"
    IMAGE = "image"


def tombstone(kind: Named, name: str) -> str:
    """Digest a uid or an image's sha256 (64 hex digits): it tells those who have the pair, and nobody else."""
    return hashlib.sha256(f"{_HIDDEN}{kind}:{name}".encode()).hexdigest()


def is_forgotten(uid: str, image_sha256: str | None, tombstones: Collection[str]) -> bool:
    """Say whether a pair, or its image, has a tombstone."""
    if not tombstones:
        return False
    named = tombstone(Named.PAIR, uid) in tombstones
    return named or (image_sha256 is not None and tombstone(Named.IMAGE, image_sha256) in tombstones)


def hidden(member: str) -> str:
    """Name in place of a forgotten pair's file, in the list of what a partition is made of: as a digest of its name."""
    return f"{_HIDDEN}{hashlib.sha256(f'{_HIDDEN}{member}'.encode()).hexdigest()}"


def is_hidden(member: str) -> bool:
    """Say whether a name stands in place of a forgotten pair's file."""
    return member.startswith(_HIDDEN)


def blank(ordinal: int) -> IngestedPair:
    """Make what is known of a forgotten pair: its place, so that every pair read is accounted for."""
    return IngestedPair(ordinal, FORGOTTEN_UID, FORGOTTEN_KEY, image=None, image_sha256=None, raw_caption=None)
