"""Tombstones: digests of what was taken down, by which it is kept out."""

from collections.abc import Mapping

from sqlalchemy import Connection, Engine, select

from pairsift.adapters.store.engine import now
from pairsift.adapters.store.registry import insert_missing
from pairsift.adapters.store.tables import pair, tombstone
from pairsift.core.forgetting import Named, is_forgotten
from pairsift.errors import ForgottenError

WITHOUT_IT = "a pair was forgotten while {} was worked on: run the same command again, it goes on without it"


def load_tombstones(engine: Engine) -> frozenset[str]:
    """Give the digests of all that was taken down."""
    with engine.connect() as connection:
        return _digests(connection)


def enter_tombstones(connection: Connection, digests: Mapping[str, Named]) -> None:
    """Enter digests; those that are there already stay as they are."""
    created_at = now(connection)
    rows = [{"digest": digest, "kind": kind, "created_at": created_at} for digest, kind in sorted(digests.items())]
    if rows:
        insert_missing(connection, tombstone, rows)


def refuse_forgotten(connection: Connection, attempt_id: int, what: str) -> None:
    """Refuse (ForgottenError) an attempt's pairs if one was taken down since they were read."""
    digests = _digests(connection)
    if not digests:
        return
    rows = connection.execute(select(pair.c.uid, pair.c.image_sha256).where(pair.c.attempt_id == attempt_id))
    if any(is_forgotten(uid, image_sha256, digests) for uid, image_sha256 in rows):
        raise ForgottenError(WITHOUT_IT.format(what))


def _digests(connection: Connection) -> frozenset[str]:
    return frozenset(connection.scalars(select(tombstone.c.digest)))
