"""Pairs of the sample that were taken down."""

import hashlib

from sqlalchemy import Engine

from pairsift.adapters.store.engine import open_engine, prepare, writing
from pairsift.adapters.store.tombstones import enter_tombstones
from pairsift.core.forgetting import Named, tombstone
from pairsift.core.records import pair_uid
from pairsift.settings import Settings
from tests.tasks.shards import pairs_of


def take_down(store: Engine, number: int, kind: Named) -> None:
    """Enter the tombstone of a pair, or of its picture, by the pair's number."""
    (members,) = pairs_of([number]).values()
    picture = hashlib.sha256(next(data for suffix, data in members.items() if suffix in {"jpg", "png", "webp"}))
    names = {Named.PAIR: pair_uid(picture.digest(), members["txt"]), Named.IMAGE: picture.hexdigest()}
    with writing(store) as connection:
        enter_tombstones(connection, {tombstone(kind, names[kind]): kind})


def take_down_here(number: int, kind: Named = Named.IMAGE) -> None:
    """Enter a tombstone in the store of the settings, made if it is not there yet."""
    prepare(Settings().store_url)
    store = open_engine(Settings().store_url)
    take_down(store, number, kind)
    store.dispose()
